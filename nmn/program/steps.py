"""The steps of a domain, every operation with every argument, as columns of numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from nmn.domain import Domain
from nmn.program.ops import OPERATIONS, arguments_of
from nmn.program.program import Node
from nmn.program.tokens import TokenVocabulary
from nmn.program.typecheck import ROOT_KINDS, is_answer, per_domain
from nmn.program.types import Type

MOST_INPUTS = max(len(row.inputs) for row in OPERATIONS.values())
NO_TYPE = -1
"""In place of the type of an input that a step does not have."""


@dataclass(frozen=True, eq=False)
class StepTable:
    """The steps of a domain, in the order of `TokenVocabulary.steps`.

    Attributes:
        steps: the nodes, without inputs.
        index: the place of a step, by its operation and argument.
        operations: places in `OPERATIONS`.
        arguments: places among what the operation's argument may be, 0 where it has none.
        types: all types; `inputs` and `outputs` are places in it.
        answers: whether a step may be the root of a program.
        answerable: whether it may, and the domain has answers of its type.
    """

    steps: tuple[Node, ...]
    index: Mapping[tuple[str, str | None], int]
    operations: Int[np.ndarray, " step"]
    arguments: Int[np.ndarray, " step"]
    types: tuple[Type, ...]
    inputs: Int[np.ndarray, "step input"]
    outputs: Int[np.ndarray, " step"]
    answers: Bool[np.ndarray, " step"]
    answerable: Bool[np.ndarray, " step"]


@per_domain
def step_table(domain: Domain) -> StepTable:
    """The table of a domain."""
    nodes = TokenVocabulary(domain).steps
    rows = [OPERATIONS[node.operation] for node in nodes]
    outputs = [row.output_type(node.argument) for row, node in zip(rows, nodes, strict=True)]
    types = {output: number for number, output in enumerate(dict.fromkeys(outputs))}
    inputs = np.full((len(nodes), MOST_INPUTS), NO_TYPE)
    for step, (row, node) in enumerate(zip(rows, nodes, strict=True)):
        for position, wanted in enumerate(row.input_types(node.argument)):
            inputs[step, position] = types[wanted]
    places = {name: place for place, name in enumerate(OPERATIONS)}
    arguments = [
        arguments_of(row.argument, domain).index(node.argument)
        for row, node in zip(rows, nodes, strict=True)
    ]
    return StepTable(
        steps=nodes,
        index={(node.operation, node.argument): step for step, node in enumerate(nodes)},
        operations=np.array([places[row.name] for row in rows]),
        arguments=np.array(arguments),
        types=tuple(types),
        inputs=inputs,
        outputs=np.array([types[output] for output in outputs]),
        answers=np.array([row.output in ROOT_KINDS for row in rows]),
        answerable=np.array([is_answer(output, domain) for output in outputs]),
    )
