"""`nmn parse`."""

from typing import Annotated

import typer

from nmn.cli.output import Json, console, print_json
from nmn.domain import load_domain
from nmn.parsing import GrammarParser
from nmn.program.codecs import to_clevr


def parse(
    question: Annotated[str, typer.Argument(help="A question in English.")],
    domain: Annotated[str, typer.Option(help="What it is about.")] = "shapes",
    all_readings: Annotated[
        bool, typer.Option("--all", help="Every reading, the preferred one first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Turn a question into its program, without a picture."""
    known = load_domain(domain)
    parses = GrammarParser(known, all_readings=all_readings).parse(question)
    if as_json:
        readings = [
            {
                "program": to_clevr(parse.program, known),
                "text": str(parse.program),
                "warnings": list(parse.warnings),
            }
            for parse in parses
        ]
        print_json({**readings[0], "readings": readings} if all_readings else readings[0])
        return
    for parse in parses:
        console.print(str(parse.program), markup=False)
        for warning in parse.warnings:
            console.print(f"note: {warning}", markup=False)
