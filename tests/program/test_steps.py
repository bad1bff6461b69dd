import pytest

from nmn.domain import Domain
from nmn.program.ops import OPERATIONS
from nmn.program.steps import MOST_INPUTS, NO_TYPE, step_table
from nmn.program.tokens import TokenVocabulary
from nmn.program.typecheck import ROOT_KINDS
from tests.strategies import CLEVR, SHAPES

DOMAINS = pytest.mark.parametrize("domain", [CLEVR, SHAPES], ids=lambda domain: domain.name)


@DOMAINS
def test_each_row_is_what_the_table_of_operations_says_of_its_step(domain: Domain) -> None:
    table = step_table(domain)
    names = list(OPERATIONS)
    assert table.steps == TokenVocabulary(domain).steps
    for step, node in enumerate(table.steps):
        row = OPERATIONS[node.operation]
        assert table.index[node.operation, node.argument] == step
        assert names[table.operations[step]] == node.operation
        assert row.arguments(domain)[table.arguments[step]] == node.argument
        assert table.types[table.outputs[step]] == row.output_type(node.argument)
        inputs = tuple(table.types[at] for at in table.inputs[step] if at != NO_TYPE)
        assert inputs == row.input_types(node.argument)
        assert (table.inputs[step][len(inputs) :] == NO_TYPE).all()
        assert table.answers[step] == (row.output in ROOT_KINDS)


@DOMAINS
def test_there_is_one_row_for_each_step(domain: Domain) -> None:
    table = step_table(domain)
    count = len(table.steps)
    assert len(table.index) == count
    assert table.inputs.shape == (count, MOST_INPUTS)
    columns = table.operations, table.arguments, table.outputs, table.answers
    assert [column.shape for column in columns] == [(count,)] * 4
    assert len(set(table.types)) == len(table.types)


def test_steps_of_an_operation_stand_together_with_ascending_arguments() -> None:
    table = step_table(CLEVR)
    pairs = list(zip(table.operations.tolist(), table.arguments.tolist(), strict=True))
    assert pairs == sorted(pairs)


def test_a_table_is_made_once_a_domain() -> None:
    assert step_table(CLEVR) is step_table(CLEVR)
    assert step_table(CLEVR) is not step_table(SHAPES)
