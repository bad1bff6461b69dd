"""A family of modules of your own: here "and" and "or" take statements as independent.

A family made from nothing is a `ModuleBank` likewise; docs/engine.md says what it has to give.

python examples/08_own_family.py
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from nmn.engine import Engine
from nmn.inspector import as_text
from nmn.modules import MODULES, Nodes, register
from nmn.modules.attention import AttentionBank, AttentionConfig
from nmn.modules.base import Module
from nmn.nn.features import Features
from nmn.nn.soft_logic import IMPOSSIBLE
from nmn.parsing import GrammarParser
from nmn.resources import dataset_folder
from nmn.training.preset import load_preset
from nmn.training.run import run_training


class IndependentBank(AttentionBank):
    """As `attention`, whose masks are doubts: `1 / chance - 1` for each cell of each node."""

    def modules_by_operation(self) -> Mapping[str, Module]:
        """A function for each operation of the language; of these, two are new."""
        return {**super().modules_by_operation(), "and": self._all, "or": self._any}

    def _all(self, _: Nodes, inputs: tuple[Tensor, ...], __: Features) -> Tensor:
        """The chance of both is the product of their chances."""
        first, second = inputs
        return (first + second + first * second).clamp(max=IMPOSSIBLE)

    def _any(self, nodes: Nodes, inputs: tuple[Tensor, ...], features: Features) -> Tensor:
        """The opposite of both opposites."""
        first, second = (doubt.reciprocal() for doubt in inputs)
        return self._all(nodes, (first, second), features).reciprocal()


register("independent", AttentionConfig, IndependentBank)
print("families:", ", ".join(MODULES))
settings = ["model.family=independent", "training.steps=60", "data.examples=1024"]
settings += ["training.curriculum=[[30,0]]", "training.stuck_after=0"]
checkpoint = run_training(load_preset("shapes", settings), Path("runs/independent"))
engine = Engine(checkpoint, GrammarParser(checkpoint.domain))
print("after 60 steps of 900:")
picture = dataset_folder("shapes") / "mini" / "picture.png"
print(as_text(engine.ask("is there a red shape above a circle", picture).trace))
