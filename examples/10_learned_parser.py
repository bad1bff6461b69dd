"""A parser that learns from programs: train it, test it, ask it.

python examples/10_learned_parser.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from nmn.training.parser_preset import ParserPreset, load_any_preset
from nmn.training.parser_report import report_on
from nmn.training.parser_run import HowToRun, train_parser
from nmn.training.question_data import held_out_questions

settings = [
    "data.generated={examples=640, held_out=64, world={pictures_per_question=4}}",
    "decoding.room=20",
    "training.steps=80",
    "training.evaluate_every=0",
]
preset = load_any_preset("parser-shapes", settings)
assert isinstance(preset, ParserPreset)
with TemporaryDirectory() as folder:
    checkpoint = train_parser(preset, HowToRun(Path(folder)))

report = report_on(checkpoint, held_out_questions(checkpoint.preset))
print(f"new questions: {report['accuracy']['rate']:.0%} with the right answer")
for question in ("is a red shape above a circle", "is there a purple circle"):
    for parse in checkpoint.parser.parse(question)[:2]:
        print(f"{question}: {parse.program} ({parse.score:.2f}) {'; '.join(parse.warnings)}")
