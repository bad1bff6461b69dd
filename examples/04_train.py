"""Train modules of your own settings for a moment, and look at how far they are.

python examples/04_train.py
"""

from pathlib import Path

from nmn.engine import Engine
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.parsing import GrammarParser
from nmn.training.evaluate import answer_all, evaluation
from nmn.training.preset import load_preset
from nmn.training.run import run_training

settings = ["training.steps=40", "data.examples=512", "training.curriculum=[[20,0]]", "seed=1"]
checkpoint = run_training(load_preset("shapes", settings), Path("runs/example"))
engine = Engine(checkpoint, GrammarParser(checkpoint.domain))

unseen = generate_shapes(ShapesWorldConfig(), 1, "test", 128)
report = evaluation(checkpoint, answer_all(checkpoint, unseen, engine.parser))
print(f"after 40 steps of 900: {report['accuracy']:.1%} of {report['total']}")
