"""`nmn ask`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from nmn.cli.output import Json, ParserName, console, percent, print_json


def ask(
    question: Annotated[str, typer.Argument(help="A question in English.")],
    image: Annotated[Path, typer.Option(help="The picture that it is about.")],
    checkpoint: Annotated[
        str | None,
        typer.Option(help="A checkpoint folder or its name.", show_default="by the picture"),
    ] = None,
    executor: Annotated[
        Literal["neural", "symbolic"] | None,
        typer.Option(
            help="Learned modules on the picture, or rules on the scene that is seen in it.",
            show_default="as the checkpoint does",
        ),
    ] = None,
    parser: ParserName = None,
    trace: Annotated[
        Path | None, typer.Option(help="Write the trace to this .html, .png or .json file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer one question about one picture, and show why."""
    from nmn.engine import checkpoint_for, load
    from nmn.errors import ConfigError
    from nmn.inspector import as_text, check_trace_path
    from nmn.inspector.layout import explanation

    if trace is not None:
        check_trace_path(trace)
    engine = load(checkpoint or checkpoint_for(image, executor or "neural"), parser)
    if executor not in {None, engine.executor}:
        raise ConfigError("--executor", f"{checkpoint} is {engine.executor}; wanted {executor}")
    answer = engine.ask(question, image)
    if trace is not None:
        answer.save(trace)
    if as_json:
        print_json(
            {
                "answer": answer.text,
                "probability": answer.probability,
                "program": None if answer.program is None else str(answer.program),
                "steps": answer.trace.to_json()["steps"],
                "explanation": explanation(answer.trace),
                "warnings": list(answer.warnings),
            }
        )
        return
    console.print(f"{answer.text} ({percent(answer.probability)})", style="bold", markup=False)
    console.print(f"{answer.program or answer.trace.program}\n", markup=False)
    console.print(as_text(answer.trace), markup=False)
    for warning in answer.warnings:
        console.print(f"note: {warning}", markup=False)
    if trace is not None:
        console.print(f"\ntrace: {trace}", markup=False)
