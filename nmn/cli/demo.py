"""`nmn demo`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from nmn.cli.output import console, percent, progress_bar

_QUESTIONS = (
    ("is a red shape above a circle", "yes"),
    ("is there a blue square left of a green shape", "no"),
    ("is a triangle below left of a square", "yes"),
    ("is there a green shape that is right of a circle and above a square", "no"),
)
"""Each is asked of a picture on which this is the right answer."""


def demo(
    out: Annotated[Path, typer.Option(help="Where the traces go.")] = Path("traces"),
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is random.")] = 0,
) -> None:
    """Train modules for SHAPES, test them on new compositions, ask, and write traces."""
    from nmn.cli.evaluate import print_report
    from nmn.data.files import write_picture
    from nmn.engine import Engine
    from nmn.generate.shapes import ShapesWorldConfig, generate_shapes, random_scene
    from nmn.inspector import as_text
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
    engine = Engine(checkpoint, GrammarParser(checkpoint.domain))
    unseen = generate_shapes(world, seed, "test", 1024)
    report = evaluation(checkpoint, answer_all(checkpoint, unseen, engine.parser))
    others = [key for key in report if key.startswith("by_") and key != "by_type"]
    print_report({key: value for key, value in report.items() if key not in others})

    console.print("\n3. Questions about new pictures, each answered by executing its program.")
    random = generator(seed, "demo")
    for number, (question, wanted) in enumerate(_QUESTIONS, start=1):
        program = engine.parser.parse(question)[0].program
        scene = random_scene(world, random)
        while execute(program, scene).answer != wanted:
            scene = random_scene(world, random)
        picture = draw_scene(scene, random)
        answer = engine.ask(question, picture, scene)
        console.print(f"\n   {question}? ", end="", markup=False)
        console.print(f"{answer.text} ({percent(answer.probability)})", style="bold")
        text = "\n".join(f"   {line}" for line in as_text(answer.trace).splitlines())
        console.print(text, markup=False)
        for suffix in (".html", ".png", ".json"):
            answer.save(out / f"{number}{suffix}")
        write_picture(out / f"{number}.picture.png", picture)
    console.print(f"\n4. Open {out / '1.html'} to see where each step looked.", markup=False)
    picture_file = out / "1.picture.png"
    console.print(f'   Ask your own: nmn ask "is there a ..." --image {picture_file}', markup=False)
