import pytest

from nmn.domain import Domain
from nmn.errors import UnknownNameError
from nmn.program.ops import OPERATIONS, arguments_of, covering, operation
from nmn.program.types import BOOL, MASK, NUMBER, ArgumentKind, Type, value_of

COLOR = value_of("color")

SIGNATURES: dict[str, tuple[str | None, tuple[Type, ...], Type]] = {
    "scene": (None, (), MASK),
    "find": ("red", (), MASK),
    "filter": ("red", (MASK,), MASK),
    "relate": ("above", (MASK,), MASK),
    "same": ("color", (MASK,), MASK),
    "unique": (None, (MASK,), MASK),
    "and": (None, (MASK, MASK), MASK),
    "or": (None, (MASK, MASK), MASK),
    "exists": (None, (MASK,), BOOL),
    "count": (None, (MASK,), NUMBER),
    "query": ("color", (MASK,), COLOR),
    "equal": ("color", (COLOR, COLOR), BOOL),
    "equal_number": (None, (NUMBER, NUMBER), BOOL),
    "less_than": (None, (NUMBER, NUMBER), BOOL),
    "greater_than": (None, (NUMBER, NUMBER), BOOL),
}


def test_the_table_holds_the_operations_of_the_language_and_no_others() -> None:
    assert list(OPERATIONS) == list(SIGNATURES)
    assert all(name == row.name for name, row in OPERATIONS.items())


@pytest.mark.parametrize("name", SIGNATURES)
def test_each_operation_has_its_signature(name: str, shapes: Domain) -> None:
    argument, inputs, output = SIGNATURES[name]
    row = operation(name)
    assert argument in row.arguments(shapes)
    assert row.input_types(argument) == inputs
    assert row.output_type(argument) == output


def test_the_commutative_operations_are_those_whose_order_means_nothing() -> None:
    commutative = {name for name, row in OPERATIONS.items() if row.commutative}
    assert commutative == {"and", "or", "equal", "equal_number"}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (ArgumentKind.NONE, (None,)),
        (ArgumentKind.CONCEPT, ("red", "green", "blue", "circle", "square", "triangle")),
        (ArgumentKind.ATTRIBUTE, ("color", "shape")),
        (ArgumentKind.RELATION, ("left_of", "right_of", "above", "below")),
    ],
)
def test_arguments_come_from_the_domain_in_its_order(
    kind: ArgumentKind, names: tuple[str | None, ...], shapes: Domain
) -> None:
    assert arguments_of(kind, shapes) == names


def test_an_unknown_operation_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        operation("exits")
    assert str(caught.value) == (
        "unknown operation 'exits'; nearest: 'exists', 'relate' or 'less_than'"
    )


def test_types_are_written_as_in_the_documentation() -> None:
    assert [str(kind) for kind in (MASK, BOOL, NUMBER, COLOR)] == [
        "Mask",
        "Bool",
        "Number",
        "Value[color]",
    ]


def test_a_table_of_all_operations_is_covering() -> None:
    table = dict.fromkeys(OPERATIONS, 1)
    assert covering(table, "a test") is table


def test_a_table_that_leaves_one_out_or_has_one_more_is_refused() -> None:
    table = dict.fromkeys(OPERATIONS, 1)
    del table["same"]
    with pytest.raises(ValueError, match=r"a test: missing operations \['same'\]"):
        covering(table, "a test")
    with pytest.raises(ValueError, match=r"unknown operations \['find_color'\]"):
        covering({**table, "same": 1, "find_color": 1}, "a test")
