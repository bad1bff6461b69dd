"""Whether masks mean what they should: the objects that exact execution of the program means.

An object counts as meant by a mask when the largest attention over the cells of its visible region
exceeds one half.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from nmn.data.batch import Batch
from nmn.data.sight import NOTHING
from nmn.errors import ConfigError, DataError, ExecutionError
from nmn.execution.base import MaskTable, Model
from nmn.execution.batched import BatchedExecutor
from nmn.execution.network import ModuleNetwork
from nmn.program.program import Program
from nmn.scene.symbolic import Result, execute
from nmn.training.metrics import clustered_interval

MEANT = 0.5
"""Attention above this means."""


@dataclass(frozen=True, slots=True)
class CheckedMask:
    """One step with a mask, compared with the truth.

    Attributes:
        hits: objects that it means and should mean.
        extra: objects that it means and should not mean.
        missed: objects that it does not mean and should mean.
        stray: whether it means a cell that shows no object.
    """

    operation: str
    hits: int
    extra: int
    missed: int
    stray: bool

    @property
    def right(self) -> bool:
        """Whether it means the right objects, no more and no fewer."""
        return not (self.extra or self.missed)


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """One answered question with its steps.

    Attributes:
        image: the image index.
        correct: whether the answer was right; None where that is not known.
    """

    image: int
    correct: bool | None
    steps: tuple[CheckedMask, ...]


def masks_of(model: Model) -> BatchedExecutor:
    """The executor that gives the masks of a model.

    Raises:
        ConfigError: the model has none.
    """
    if not isinstance(model, ModuleNetwork):
        problem = f"a {type(model).__name__} has no masks over cells; its steps follow exact rules"
        raise ConfigError("--faithfulness", problem)
    bank = model.executor.bank
    if not bank.has_masks:
        problem = (
            f"the steps of family '{model.config.family}' say nothing of which cells they mean"
        )
        raise ConfigError("--faithfulness", problem)
    if isinstance(model.executor, BatchedExecutor):
        return model.executor
    return BatchedExecutor(model.executor.stem, bank)


def check_masks(
    masks: MaskTable, programs: Sequence[Program], batch: Batch
) -> list[tuple[CheckedMask, ...] | None]:
    """For each question the steps that have masks, in the order of its program.

    None where the program means nothing on the scene.

    Raises:
        DataError: a question without scene, or a picture without sight.
    """
    rows, pictures, meant = _meant(masks, programs, batch)
    cells = [torch.from_numpy(sight.cells).flatten().long() for _, sight in batch.known_scenes()]
    place = (torch.stack(cells) - NOTHING)[pictures].to(masks.values.device)
    largest = masks.values.new_zeros(len(rows), meant.shape[1] + 1)
    largest = largest.scatter_reduce(1, place, masks.values[rows].detach(), "amax").cpu()
    stray, claimed = largest[:, 0] > MEANT, largest[:, 1:] > MEANT
    sets = (claimed & meant, claimed & ~meant, meant & ~claimed, stray[:, None])
    counts = torch.stack([members.sum(1) for members in sets], dim=1)
    known = dict(zip(rows.tolist(), counts.tolist(), strict=True))
    checked: list[tuple[CheckedMask, ...] | None] = []
    for program, places in zip(programs, masks.rows, strict=True):
        steps = [
            (node.operation, row)
            for node, row, used in zip(program.nodes, places, program.reachable, strict=True)
            if row is not None and used
        ]
        defined = all(row in known for _, row in steps)
        checked.append(
            tuple(_checked(operation, known[row]) for operation, row in steps) if defined else None
        )
    return checked


def faithfulness(answers: Iterable[CheckedAnswer]) -> dict[str, Any]:
    """Precision and recall over objects in all and by operation, and what is behind right answers.

    Returns:
        `precision`, `recall` with their 95% intervals (objects in one picture are not independent),
        `masks`, `exact` (the share of masks that mean the right objects) and `stray` (the share
        of masks that mean a cell which shows none) of all and `by_operation`; and of
        `right_answers` their number, how many have only right steps, and which steps are the
        first to be wrong behind the others.
    """
    known = list(answers)
    found: dict[str, list[tuple[int, CheckedMask]]] = {}
    for answer in known:
        for step in answer.steps:
            found.setdefault(step.operation, []).append((answer.image, step))
    right = [answer for answer in known if answer.correct]
    wrong = Counter(
        first.operation
        for answer in right
        if (first := next((step for step in answer.steps if not step.right), None)) is not None
    )
    by_reasons = [(a.image, int(all(step.right for step in a.steps)), 1) for a in right]
    share, interval = _rate(by_reasons)
    return {
        "questions": len(known),
        "threshold": MEANT,
        **_scores([entry for entries in found.values() for entry in entries]),
        "by_operation": {name: _scores(found[name]) for name in sorted(found)},
        "right_answers": {
            "total": len(right),
            "all_steps_right": len(right) - wrong.total(),
            "share": share,
            "interval": interval,
            "first_wrong_step": dict(wrong.most_common()),
        },
    }


def _meant(
    masks: MaskTable, programs: Sequence[Program], batch: Batch
) -> tuple[Int[Tensor, " mask"], Int[Tensor, " mask"], Bool[Tensor, "mask object"]]:
    """The rows of masks of which is known what they should mean, their pictures, and the objects.

    Rows are shared by equal nodes; each comes once.
    """
    pictures = batch.picture.tolist()
    known: dict[int, tuple[int, Result]] = {}
    most = 1
    for question, (program, rows) in enumerate(zip(programs, masks.rows, strict=True)):
        scene = batch.scenes[question]
        if scene is None:
            problem = "there is no scene graph; wanted it for faithfulness"
            raise DataError("batch", problem, f"question {question}")
        most = max(most, len(scene.objects))
        try:
            results = execute(program, scene).results
        except ExecutionError:
            continue
        for row, result in zip(rows, results, strict=True):
            if row is not None and result is not None:
                known[row] = pictures[question], result
    meant = torch.zeros(len(known), most, dtype=torch.bool)
    for place, (_, objects) in enumerate(known.values()):
        assert isinstance(objects, frozenset)
        meant[place, list(objects)] = True
    seen = [picture for picture, _ in known.values()]
    return torch.tensor(list(known), dtype=torch.long), torch.tensor(seen, dtype=torch.long), meant


def _checked(operation: str, counts: Sequence[int]) -> CheckedMask:
    hits, extra, missed, stray = counts
    return CheckedMask(operation, hits, extra, missed, bool(stray))


def _scores(entries: Sequence[tuple[int, CheckedMask]]) -> Mapping[str, Any]:
    precision, precision_interval = _rate([(i, m.hits, m.hits + m.extra) for i, m in entries])
    recall, recall_interval = _rate([(i, m.hits, m.hits + m.missed) for i, m in entries])
    masks = len(entries)
    return {
        "precision": precision,
        "precision_interval": precision_interval,
        "recall": recall,
        "recall_interval": recall_interval,
        "masks": masks,
        "exact": sum(mask.right for _, mask in entries) / masks if masks else None,
        "stray": sum(mask.stray for _, mask in entries) / masks if masks else None,
    }


def _rate(counts: Sequence[tuple[int, int, int]]) -> tuple[float | None, list[float]]:
    """A rate and its interval, from (picture, successes, trials) each."""
    images, right, trials = np.array(counts, dtype=np.int64).reshape(-1, 3).T
    _, cluster = np.unique(images, return_inverse=True)
    total = int(trials.sum())
    interval = clustered_interval(np.bincount(cluster, right), np.bincount(cluster, trials))
    return float(right.sum() / total) if total else None, list(interval)
