"""The models beside module networks: train three of them for a moment on the same questions.

python examples/11_other_models.py
"""

from pathlib import Path

from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.training.checkpoint import parser_of
from nmn.training.evaluate import answer_all, evaluation
from nmn.training.preset import load_preset
from nmn.training.run import run_training

unseen = generate_shapes(ShapesWorldConfig(), 1, "test", 128)
for kind in ("question_only", "stacked_attention", "film"):
    settings = ["model.kind=answerer", f"model.reasoner.kind={kind}", "seed=1"]
    settings += ["training.steps=60", "training.curriculum=[]", "data.examples=512"]
    checkpoint = run_training(load_preset("shapes", settings), Path("runs") / kind)
    answers = answer_all(checkpoint, unseen, parser_of(checkpoint))
    report = evaluation(checkpoint, answers)
    weights = sum(parameter.numel() for parameter in checkpoint.model.parameters())
    print(f"{kind}: {weights:,} weights, {report['accuracy']:.1%} of {report['total']}")
