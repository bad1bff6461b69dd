"""Legal tokens as tables, against the transition system that they tabulate, and against lark."""

from collections.abc import Iterator
from random import Random

import pytest
import torch
from lark import Lark, Token
from lark.exceptions import UnexpectedToken
from lark.lexer import Lexer

from nmn.domain import Domain
from nmn.errors import ProgramTypeError
from nmn.policies.legal import LegalTokens
from nmn.program.ops import OPERATIONS
from nmn.program.text import parse_program
from nmn.program.tokens import END, SPECIAL, TokenVocabulary
from nmn.program.transitions import Transitions
from nmn.program.typecheck import is_answer
from nmn.program.types import Type
from tests.policies.made import walks


@pytest.mark.parametrize("room", [2, 3, 5, 9, 25])
def test_a_batch_is_as_its_programs_one_by_one(clevr: Domain, room: int) -> None:
    vocabulary = TokenVocabulary(clevr)
    system, tables = Transitions(vocabulary), LegalTokens(vocabulary)
    random = torch.Generator().manual_seed(room)
    count = 64
    states, expected = [system.start(room) for _ in range(count)], tables.start(count, room)
    for _ in range(room + 2):
        legal = tables.legal(expected)
        for row, state in zip(legal, states, strict=True):
            assert tuple(row.nonzero().flatten().tolist()) == system.legal(state)
        going = legal.any(1)
        weights = legal.float()
        weights[~going, 0] = 1.0
        chosen = torch.multinomial(weights, 1, generator=random).squeeze(1)
        states = [
            system.advance(state, token) if on else state
            for state, token, on in zip(states, chosen.tolist(), going.tolist(), strict=True)
        ]
        expected = tables.advance(expected, chosen)
    assert expected.ended.all()


def test_rows_can_be_chosen(clevr: Domain) -> None:
    tables = LegalTokens(TokenVocabulary(clevr), answerable=False)
    state = tables.start(3, 9)
    exists = TokenVocabulary(clevr).tokens.index("exists")
    count = TokenVocabulary(clevr).tokens.index("equal_number")
    state = tables.advance(state, torch.tensor([exists, count, exists]))
    legal = tables.legal(state)
    rows = torch.tensor([1, 1, 0])
    torch.testing.assert_close(tables.legal(state.rows(rows)), legal[rows])


def test_there_must_be_room(clevr: Domain) -> None:
    tables = LegalTokens(TokenVocabulary(clevr), answerable=False)
    with pytest.raises(ProgramTypeError, match="room for at least 2 tokens"):
        tables.start(1, 1)


def test_what_has_ended_stays_as_it_is(clevr: Domain) -> None:
    vocabulary = TokenVocabulary(clevr)
    tables = LegalTokens(vocabulary)
    state = tables.start(1, 5)
    for token in ("exists", "scene", "<end>"):
        state = tables.advance(state, torch.tensor([vocabulary.tokens.index(token)]))
    assert state.ended.item()
    assert not tables.legal(state).any()
    again = tables.advance(state, torch.tensor([END]))
    assert again.ended.item()
    assert again.depth.item() == 0


class NoLexer(Lexer):
    """Tokens are given one by one."""

    def __init__(self, _: object) -> None:
        pass

    def lex(self, *_: object) -> Iterator[Token]:
        raise NotImplementedError


def grammar_of(vocabulary: TokenVocabulary, without: tuple[str, ...]) -> Lark:
    """Programs in prefix order as a grammar: a rule a type, a terminal a token."""
    rules: dict[str, list[str]] = {"start": []}
    terminals = []

    def name(kind: Type) -> str:
        return "".join(letter for letter in str(kind).lower() if letter.isalpha())

    for token, step in enumerate(vocabulary.steps, start=len(SPECIAL)):
        row = OPERATIONS[step.operation]
        output = row.output_type(step.argument)
        terminals.append(f"%declare T{token}")
        if row.name in without:
            continue
        inputs = " ".join(name(kind) for kind in row.input_types(step.argument))
        rules.setdefault(name(output), []).append(f"T{token} {inputs}")
        if is_answer(output, vocabulary.domain):
            rules["start"].append(f"T{token} {inputs}")
    lines = [f"{rule}: {' | '.join(options)}" for rule, options in rules.items()]
    return Lark("\n".join([*lines, *terminals]), parser="lalr", lexer=NoLexer)


@pytest.mark.parametrize("without", [(), ("find", "unique")], ids=["all", "without"])
def test_the_next_tokens_are_those_that_lark_accepts(
    shapes: Domain, without: tuple[str, ...]
) -> None:
    vocabulary, random = TokenVocabulary(shapes), Random(0)
    lark, tables = grammar_of(vocabulary, without), LegalTokens(vocabulary, without=without)
    ended = 0
    for _ in range(25):
        reading, state = lark.parse_interactive(), tables.start(1, 60)
        for _ in range(20):
            names: set[str] = reading.accepts()  # type: ignore[no-untyped-call]
            accepted = {END if name == "$END" else int(name[1:]) for name in names}
            assert set(tables.legal(state)[0].nonzero().flatten().tolist()) == accepted
            token = random.choice(sorted(accepted))
            state = tables.advance(state, torch.tensor([token]))
            if token == END:
                ended += 1
                break
            reading.feed_token(Token(f"T{token}", ""))
    assert ended > 1


def test_a_sequence_is_legal_just_where_lark_accepts_it(shapes: Domain) -> None:
    vocabulary, random = TokenVocabulary(shapes), Random(1)
    lark, tables = grammar_of(vocabulary, ()), LegalTokens(vocabulary)
    accepted = 0
    for program in walks(shapes, 120, seed=4, most=6):
        tokens = list(program)
        if random.random() < 0.6:
            tokens[random.randrange(len(tokens))] = random.randrange(len(SPECIAL), len(vocabulary))
        if random.random() < 0.3:
            del tokens[-1]
        reading, wanted = lark.parse_interactive(), True
        try:
            for token in tokens:
                reading.feed_token(Token(f"T{token}", ""))
            reading.feed_eof()  # type: ignore[no-untyped-call]
        except UnexpectedToken:
            wanted = False
        state, legal = tables.start(1, 60), True
        for token in [*tokens, END]:
            legal = legal and bool(tables.legal(state)[0, token])
            state = tables.advance(state, torch.tensor([token])) if legal else state
        assert legal == wanted
        accepted += wanted
    assert 20 < accepted < 100


def test_what_is_written_in_legal_tokens_is_program_text(shapes: Domain) -> None:
    vocabulary, random = TokenVocabulary(shapes), torch.Generator().manual_seed(0)
    tables = LegalTokens(vocabulary)
    state, written = tables.start(40, 12), []
    for _ in range(13):
        legal = tables.legal(state)
        legal[state.ended, END] = True
        written.append(torch.multinomial(legal.float(), 1, generator=random).squeeze(1))
        state = tables.advance(state, written[-1])
    for tokens in torch.stack(written, 1).tolist():
        program = vocabulary.decode(tokens)
        assert parse_program(str(program), shapes) == program
