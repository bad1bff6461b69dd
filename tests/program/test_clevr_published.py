"""The published programs of CLEVR, and its format read with nothing of ours."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from nmn.domain import Domain
from nmn.program.canonical import canonical
from nmn.program.clevr import (
    GENERATOR,
    SIDE_INPUTS,
    V1,
    Dialect,
    decode_clevr,
    from_clevr,
    to_clevr,
)
from nmn.program.ops import OPERATIONS
from nmn.program.program import Program, call
from tests.strategies import CLEVR, programs

DIALECTS = [V1, GENERATOR, SIDE_INPUTS, Dialect("function", "side_inputs")]


def from_clevr_nodes(nodes: list[dict[str, Any]]) -> Program:
    """The published format read with nothing but a table of prefixes written down here."""
    names = {
        "intersect": "and",
        "union": "or",
        "exist": "exists",
        "equal_integer": "equal_number",
    }
    made: list[Program] = []
    for node in nodes:
        function, inputs = node["function"], [made[source] for source in node["inputs"]]
        first, _, rest = function.partition("_")
        if function in names or function in OPERATIONS:
            argument = node["value_inputs"][0] if node["value_inputs"] else None
            made.append(call(names.get(function, function), *inputs, argument=argument))
        elif first == "filter":
            made.append(call("filter", *inputs, argument=node["value_inputs"][0]))
        else:
            made.append(call(first, *inputs, argument=rest))
    return made[-1]


@given(programs(CLEVR, 20))
@settings(deadline=None, max_examples=100)
def test_the_clevr_form_means_the_same_program(program: Program) -> None:
    nodes = to_clevr(program, CLEVR)
    assert canonical(from_clevr_nodes(nodes)) == canonical(program)
    assert all(source < index for index, node in enumerate(nodes) for source in node["inputs"])


@pytest.fixture(scope="module")
def published(real_data: Path) -> list[dict[str, Any]]:
    with gzip.open(real_data / "clevr" / "CLEVR_train_questions.json.gz") as stream:
        records: list[dict[str, Any]] = json.load(stream)["questions"]
    return records


def test_every_published_program_is_read_and_written_the_same(
    published: list[dict[str, Any]], clevr: Domain
) -> None:
    keep = ("type", "inputs", "value_inputs")
    assert len(published) == 10_000
    for number, record in enumerate(published):
        nodes = [{key: node[key] for key in keep} for node in record["program"]]
        program, places = decode_clevr(record["program"], clevr)
        assert places == tuple(range(len(nodes)))
        assert to_clevr(program, clevr, GENERATOR) == nodes
        dialect = DIALECTS[number % len(DIALECTS)]
        written = to_clevr(program, clevr, dialect)
        assert [node[dialect.function] for node in written] == [node["type"] for node in nodes]
        assert from_clevr(written, clevr) == program


def test_published_programs_keep_their_canonical_form(
    published: list[dict[str, Any]], clevr: Domain
) -> None:
    for record in published[::5]:
        program = from_clevr(record["program"], clevr)
        form = canonical(program)
        assert canonical(from_clevr(to_clevr(form, clevr), clevr)) == form


def test_the_last_published_node_has_the_answer(published: list[dict[str, Any]]) -> None:
    assert all(record["program"][-1]["_output"] == record["answer"] for record in published)
