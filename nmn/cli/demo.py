"""`nmn demo`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmn.cli.output import console, percent, progress_bar

if TYPE_CHECKING:
    from nmn.engine import Answer

_SHAPES_QUESTIONS = (
    ("is a red shape above a circle", "yes"),
    ("is there a blue square left of a green shape", "no"),
    ("is a triangle below left of a square", "yes"),
    ("is there a green shape that is right of a circle and above a square", "no"),
)
"""Each is asked of a picture on which this is the right answer."""

_CLEVR_QUESTIONS = 4


def demo(
    out: Annotated[Path, typer.Option(help="Where the traces go.")] = Path("traces"),
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is random.")] = 0,
) -> None:
    """Ask about a new CLEVR picture; then train modules for SHAPES, test them, and ask those."""
    console.print("CLEVR: modules that come with the package", style="bold")
    _clevr(out, seed)
    console.print("\nSHAPES: modules that learn now", style="bold")
    _shapes(out, seed)
    console.print(f"\nOpen {out / 'clevr-1.html'} to see where each step looked.", markup=False)
    picture = out / "clevr.picture.png"
    console.print(f'Ask your own: nmn ask "is there a ..." --image {picture}', markup=False)


def _clevr(out: Path, seed: int) -> None:
    """A picture that is made now, and questions about it with known answers."""
    from nmn.data.files import write_picture
    from nmn.engine import load
    from nmn.generate.clevr import ClevrWorldConfig, make_clevr
    from nmn.resources import shipped_checkpoints

    started = time.perf_counter()
    shard = make_clevr(ClevrWorldConfig(), seed, "demo", range(1))
    (picture,) = shard.pictures
    write_picture(out / "clevr.picture.png", picture)
    modules, rules = (load(shipped_checkpoints() / name) for name in ("clevr", "clevr-scene"))
    console.print("   Questions about a picture that nobody has seen, drawn just now.")
    # The shortest questions say little: one from each part of them, by length of the program.
    questions = sorted(shard.questions, key=lambda record: len(record["program"]))
    chosen = questions[:: max(1, len(questions) // _CLEVR_QUESTIONS)][:_CLEVR_QUESTIONS]
    for number, record in enumerate(chosen, start=1):
        answer = modules.ask(record["question"], picture)
        _show(record["question"], answer)
        _save(answer, out / f"clevr-{number}")
        seen = rules.ask(record["question"], picture)
        _save(seen, out / f"clevr-{number}-rules")
        said = f"{seen.text} ({percent(seen.probability)})"
        console.print(f"   by rules on the scene it sees: {said}; right: {record['answer']}")
    console.print(f"\n   {time.perf_counter() - started:.1f} s", markup=False)


def _shapes(out: Path, seed: int) -> None:
    """A training from nothing, a test on new compositions, and questions."""
    from nmn.cli.evaluate import print_report
    from nmn.data.files import write_picture
    from nmn.engine import Engine
    from nmn.generate.shapes import ShapesWorldConfig, generate_shapes, random_scene
    from nmn.parsing import GrammarParser
    from nmn.render.flat import draw_scene
    from nmn.scene.symbolic import execute
    from nmn.seeding import generator
    from nmn.training.evaluate import answer_all, evaluation
    from nmn.training.preset import load_preset
    from nmn.training.run import run_training

    console.print("1. Learning to find, filter, relate: from answers and given programs alone.")
    started = time.perf_counter()
    with progress_bar() as stage:
        folder = Path("runs") / "demo"
        checkpoint = run_training(load_preset("shapes", [f"seed={seed}"]), folder, stage=stage)
    console.print(f"   {time.perf_counter() - started:.0f} s; saved to {folder}\n")

    console.print("2. New compositions, none of which was in training, up to four relations deep.")
    world = ShapesWorldConfig(relation_counts=(1, 1, 1, 1, 1))
    parser = GrammarParser(checkpoint.domain)
    engine = Engine(checkpoint, parser)
    unseen = generate_shapes(world, seed, "test", 1024)
    report = evaluation(checkpoint, answer_all(checkpoint, unseen, parser))
    others = [key for key in report if key.startswith("by_") and key != "by_type"]
    print_report({key: value for key, value in report.items() if key not in others})

    console.print("\n3. Questions about new pictures, each answered by executing its program.")
    random = generator(seed, "demo")
    for number, (question, wanted) in enumerate(_SHAPES_QUESTIONS, start=1):
        program = parser.parse(question)[0].program
        scene = random_scene(world, random)
        while execute(program, scene).answer != wanted:
            scene = random_scene(world, random)
        picture = draw_scene(scene, random)
        answer = engine.ask(question, picture, scene)
        _show(f"{question}?", answer)
        _save(answer, out / f"{number}")
        write_picture(out / f"{number}.picture.png", picture)


def _show(question: str, answer: "Answer") -> None:
    from nmn.inspector import as_text

    console.print(f"\n   {question} ", end="", markup=False)
    console.print(f"{answer.text} ({percent(answer.probability)})", style="bold")
    text = "\n".join(f"   {line}" for line in as_text(answer.trace).splitlines())
    console.print(text, markup=False)


def _save(answer: "Answer", path: Path) -> None:
    for suffix in (".html", ".png", ".json"):
        answer.save(path.with_name(path.name + suffix))
