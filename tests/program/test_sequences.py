import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.domain import Domain
from nmn.errors import GrammarError, NMNError, ProgramTypeError, UnknownNameError
from nmn.program.canonical import canonical
from nmn.program.clevr import from_clevr
from nmn.program.ops import OPERATIONS
from nmn.program.program import Node, Program
from nmn.program.sequences import (
    FRAME,
    ORDERS,
    Order,
    from_token_names,
    to_token_names,
    token_names,
)
from nmn.program.text import parse_program
from tests.strategies import CLEVR, attempt, programs

EXAMPLES = [
    ("exists(scene)", "exist scene", "scene exist"),
    (
        "count(filter[red](relate[left](unique(find[cube]))))",
        "count filter_color[red] relate[left] unique filter_shape[cube] scene",
        "scene filter_shape[cube] unique relate[left] filter_color[red] count",
    ),
    (
        "less_than(count(find[red]), count(scene))",
        "less_than count filter_color[red] scene count scene",
        "scene filter_color[red] count scene count less_than",
    ),
    (
        "equal[shape](query[shape](unique(same[size](scene))), query[shape](scene))",
        "equal_shape query_shape unique same_size scene query_shape scene",
        "scene same_size unique query_shape scene query_shape equal_shape",
    ),
    (
        "query[material](unique(or(find[metal], and(scene, find[small]))))",
        "query_material unique union filter_material[metal] scene intersect scene "
        "filter_size[small] scene",
        "scene filter_material[metal] scene scene filter_size[small] intersect union unique "
        "query_material",
    ),
]


@pytest.mark.parametrize(("text", "prefix", "postfix"), EXAMPLES)
def test_both_orders(text: str, prefix: str, postfix: str, clevr: Domain) -> None:
    program = parse_program(text, clevr)
    assert to_token_names(program, clevr) == prefix.split()
    assert to_token_names(program, clevr, "postfix") == postfix.split()
    for order, tokens in zip(ORDERS, (prefix, postfix), strict=True):
        assert canonical(from_token_names(tokens, clevr, order)) == canonical(program)


@pytest.mark.parametrize(
    "tokens",
    [
        "<START> exist scene <END>",
        "<START> exist scene <END> <NULL> <NULL>",
        "exist scene <NULL>",
        "<NULL> <START> exist scene",
        "  exist\n\tscene ",
        ["<START>", "exist", "scene", "<END>"],
        ("exist", "scene"),
    ],
)
def test_what_stands_around_a_program_is_passed_over(tokens: Any, clevr: Domain) -> None:
    assert str(from_token_names(tokens, clevr)) == "exists(scene)"


@given(programs(CLEVR, 20), st.sampled_from(ORDERS))
@settings(deadline=None, max_examples=150)
def test_written_and_read_again_it_is_the_same(program: Program, order: Order) -> None:
    tokens = to_token_names(program, CLEVR, order)
    again = from_token_names(tokens, CLEVR, order)
    assert canonical(again) == canonical(program)
    assert tuple(again.postorder()) == again.nodes
    assert to_token_names(again, CLEVR, order) == tokens
    assert from_token_names(" ".join(tokens), CLEVR, order) == again
    assert set(tokens) <= set(token_names(CLEVR))


def test_the_vocabulary_is_the_published_one(clevr: Domain) -> None:
    names = token_names(clevr)
    assert len(names) == 40
    assert names[:3] == ("count", "equal_color", "equal_integer")
    assert {"filter_color[red]", "relate[behind]", "same_size", "union", "unique"} < set(names)
    assert not set(FRAME) & set(names)


def test_sharing_is_written_out_and_unreachable_nodes_are_left_out(clevr: Domain) -> None:
    nodes = (Node("scene"), Node("find", "red"), Node("and", None, (1, 1)))
    program = Program((*nodes, Node("exists", None, (2,))))
    said = "exist intersect filter_color[red] scene filter_color[red] scene"
    assert to_token_names(program, clevr) == said.split()


BROKEN: list[tuple[str, str, Order, int, str]] = [
    ("nothing", "", "prefix", 1, "no program"),
    ("only what stands around", "<START> <END>", "prefix", 14, "no program"),
    (
        "an unknown token",
        "exist filter_colr[red] scene",
        "prefix",
        7,
        "token 2, 'filter_colr[red]', is unknown at line 1, column 7 of 'exist filter_colr[red] "
        "scene'; wanted a function (nearest: 'filter_color[red]'",
    ),
    ("a missing value", "exist filter_color scene", "prefix", 7, "nearest: 'filter_color["),
    ("our own name", "exists scene", "prefix", 1, "nearest: 'exist'"),
    ("an end inside", "exist <END> scene", "prefix", 7, "'<END>', is inside of a program"),
    ("it ends too early", "exist", "prefix", 6, "the tokens end before input 1 of 1 of 'exist'"),
    (
        "half of two inputs",
        "exist intersect scene <END>",
        "prefix",
        23,
        "the tokens end before input 2 of 2 of 'intersect'",
    ),
    (
        "too much",
        "<START> exist scene scene",
        "prefix",
        21,
        "the program is whole before token 4, 'scene' at line 1, column 21",
    ),
    (
        "prefix for postfix",
        "exist scene",
        "postfix",
        1,
        "token 1, 'exist', comes after 0 of its 1 inputs",
    ),
    (
        "one input of two",
        "scene union",
        "postfix",
        7,
        "token 2, 'union', comes after 1 of its 2 inputs",
    ),
    (
        "two programs",
        "scene exist scene exist",
        "postfix",
        24,
        "the tokens end with 2 programs side by side",
    ),
]


@pytest.mark.parametrize(
    ("tokens", "order", "column", "said"),
    [pytest.param(*row, id=label) for label, *row in BROKEN],
)
def test_broken_sequences_are_one_line_with_the_place(
    tokens: str, order: Order, column: int, said: str, clevr: Domain
) -> None:
    with pytest.raises(GrammarError) as caught:
        from_token_names(tokens, clevr, order)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (caught.value.line, caught.value.column) == (1, column)


@pytest.mark.parametrize(
    ("tokens", "order", "message"),
    [
        ("exist count scene", "prefix", "token 1, exist: wanted Mask, got Number from count"),
        ("<START> unique scene", "prefix", "token 2, unique: wanted 'Bool', 'Number' or 'Value'"),
        (
            "scene count scene less_than",
            "postfix",
            "token 4, less_than: wanted Number as input 2, got Mask from scene",
        ),
        (
            "equal_color query_color scene query_shape scene",
            "prefix",
            "token 1, equal_color: wanted Value[color] as input 2, got Value[shape] from query",
        ),
    ],
)
def test_sequences_that_do_not_type_check_are_refused(
    tokens: str, order: Order, message: str, clevr: Domain
) -> None:
    with pytest.raises(ProgramTypeError) as caught:
        from_token_names(tokens, clevr, order)
    assert str(caught.value).startswith(message)


def test_a_step_that_the_domain_does_not_have_is_named(clevr: Domain) -> None:
    with pytest.raises(UnknownNameError, match="unknown concept 'circle' in domain clevr"):
        to_token_names(parse_program("exists(find[circle])"), clevr)


PIECES = [*token_names(CLEVR)[::3], *OPERATIONS, *FRAME, "scene", "exist", "bad"]


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.sampled_from(ORDERS))
@settings(deadline=None, max_examples=200)
def test_whatever_the_tokens_only_errors_of_ours_come_out(tokens: list[str], order: Order) -> None:
    program = attempt(lambda: from_token_names(tokens, CLEVR, order), NMNError)
    if isinstance(program, NMNError):
        assert "\n" not in str(program)
    else:
        assert from_token_names(to_token_names(program, CLEVR, order), CLEVR, order) == program


@pytest.mark.parametrize("order", ORDERS)
def test_20000_tokens_do_not_reach_the_recursion_limit(order: Order, clevr: Domain) -> None:
    tokens = ["count", *["relate[left]"] * 20_000, "scene"]
    program = from_token_names(tokens if order == "prefix" else tokens[::-1], clevr, order)
    assert program.depth == 20_002
    assert to_token_names(program, clevr) == tokens


@pytest.mark.parametrize("order", ORDERS)
def test_published_programs_there_and_back(real_data: Path, clevr: Domain, order: Order) -> None:
    with gzip.open(real_data / "clevr" / "CLEVR_train_questions.json.gz") as stream:
        records = json.load(stream)["questions"]
    for record in records[::20]:
        program = from_clevr(record["program"], clevr)
        again = from_token_names(to_token_names(program, clevr, order), clevr, order)
        assert tuple(again.nodes) == tuple(again.postorder())
        assert str(again) == str(program)
