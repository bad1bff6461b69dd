import pytest
from hypothesis import given, settings

from nmn.domain import Domain
from nmn.errors import ProgramTypeError, UnknownNameError
from nmn.program.program import Node, Program
from nmn.program.text import parse_program
from nmn.program.tokens import END, PAD, SPECIAL, START, TokenVocabulary
from tests.strategies import TRANSITIONS, any_programs


@pytest.fixture(scope="module")
def vocabulary(shapes: Domain) -> TokenVocabulary:
    return TokenVocabulary(shapes)


def numbers(vocabulary: TokenVocabulary, text: str) -> list[int]:
    return [vocabulary.tokens.index(token) for token in text.split()]


def test_the_tokens_are_each_operation_with_each_argument_once(
    vocabulary: TokenVocabulary,
) -> None:
    assert vocabulary.tokens[:5] == ("<pad>", "<start>", "<end>", "scene", "find[red]")
    assert [SPECIAL[PAD], SPECIAL[START], SPECIAL[END]] == ["<pad>", "<start>", "<end>"]
    # scene, find, filter, relate, same, unique and or exists count, query, equal, comparisons
    assert len(vocabulary) == 3 + 1 + 6 + 6 + 4 + 2 + 5 + 2 + 2 + 3
    assert len(set(vocabulary.tokens)) == len(vocabulary)


def test_a_token_is_the_label_of_its_step(vocabulary: TokenVocabulary) -> None:
    for token in range(len(SPECIAL), len(vocabulary)):
        assert vocabulary.step(token).label == vocabulary.tokens[token]
        assert vocabulary.step(token).inputs == ()


def test_encoding_is_prefix_order_with_end(vocabulary: TokenVocabulary) -> None:
    program = parse_program("exists(and(find[red], relate[above](find[circle])))")
    assert vocabulary.encode(program) == numbers(
        vocabulary, "exists and find[red] relate[above] find[circle] <end>"
    )


def test_sharing_is_written_out_and_unreachable_nodes_are_left_out(
    vocabulary: TokenVocabulary,
) -> None:
    nodes = (
        Node("find", "red"),
        Node("scene"),
        Node("and", None, (0, 0)),
        Node("exists", None, (2,)),
    )
    assert vocabulary.encode(Program(nodes)) == numbers(
        vocabulary, "exists and find[red] find[red] <end>"
    )


def test_a_step_that_the_domain_does_not_have_is_unknown(vocabulary: TokenVocabulary) -> None:
    with pytest.raises(UnknownNameError) as caught:
        vocabulary.encode(parse_program("exists(find[purple])"))
    assert str(caught.value).startswith("unknown token 'find[purple]' in domain shapes; nearest: ")


@given(any_programs(24))
@settings(deadline=None, max_examples=150)
def test_program_to_tokens_to_program_is_the_same(given_program: tuple[Domain, Program]) -> None:
    domain, program = given_program
    vocabulary = TRANSITIONS[domain.name].vocabulary
    tokens = vocabulary.encode(program)
    assert tokens[-1] == END
    assert len(tokens) == len(program) + 1
    assert vocabulary.decode(tokens) == program
    assert vocabulary.encode(vocabulary.decode(tokens)) == tokens


def test_start_before_and_all_after_end_are_passed_over(vocabulary: TokenVocabulary) -> None:
    plain = numbers(vocabulary, "exists scene")
    expected = parse_program("exists(scene)")
    assert vocabulary.decode(plain) == expected
    assert vocabulary.decode([START, *plain, END, PAD, PAD, *plain]) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "tokens: wanted one program, got 0 side by side"),
        ("<end> exists scene", "tokens: wanted one program, got 0 side by side"),
        ("exists", "exists: wanted 1 inputs, got 0"),
        ("exists and scene", "and: wanted 2 inputs, got 1"),
        ("exists scene scene", "tokens: wanted one program, got 2 side by side"),
        ("exists scene exists scene", "tokens: wanted one program, got 2 side by side"),
        ("exists <pad> scene", "tokens: wanted tokens of shapes, got 0"),
        ("exists scene <pad>", "tokens: wanted tokens of shapes, got 0"),
    ],
)
def test_tokens_that_are_not_one_program_are_refused(
    vocabulary: TokenVocabulary, text: str, message: str
) -> None:
    with pytest.raises(ProgramTypeError) as caught:
        vocabulary.decode(numbers(vocabulary, text))
    assert str(caught.value) == message


@pytest.mark.parametrize("token", [-1, 10_000])
def test_a_number_that_is_no_token_is_refused(vocabulary: TokenVocabulary, token: int) -> None:
    with pytest.raises(ProgramTypeError, match=f"wanted tokens of shapes, got {token}"):
        vocabulary.decode([*numbers(vocabulary, "exists"), token])


def test_the_order_of_inputs_is_kept(vocabulary: TokenVocabulary) -> None:
    program = parse_program("less_than(count(find[red]), count(find[blue]))")
    assert str(vocabulary.decode(vocabulary.encode(program))) == str(program)


def test_20000_steps_are_encoded_and_decoded_without_recursion(
    vocabulary: TokenVocabulary,
) -> None:
    tokens = numbers(vocabulary, "exists" + " unique" * 19_998 + " scene <end>")
    program = vocabulary.decode(tokens)
    assert program.depth == 20_000
    assert vocabulary.encode(program) == tokens
