"""Learned parsers as parsers."""

import math

import pytest
import torch
from jaxtyping import Int
from torch import Tensor

from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain
from nmn.errors import QuestionError
from nmn.parsing.base import BatchParser
from nmn.policies.base import Memory, Policy, Said
from nmn.policies.decode import Decoding, DecodingConfig
from nmn.policies.learned_parser import LearnedParser, RetrievalParser
from nmn.policies.retrieval import Retrieval, RetrievalConfig
from nmn.policies.seq2seq import Seq2Seq, Seq2SeqConfig
from nmn.program.program import Program
from nmn.program.text import parse_program
from nmn.program.typecheck import typecheck
from tests.policies.made import (
    TAUGHT,
    VOCABULARIES,
    Table,
    padded,
    question_set,
    tokens_of,
    words_in,
)

TOKENS = VOCABULARIES["shapes"]
READ = WordVocabulary(("a", "circle", "is", "red"))
SAID = "exists(and(filter[circle](scene), filter[red](scene)))"
FREE, LEGAL = DecodingConfig(constrained=False, room=6), DecodingConfig(room=6)


class Looking(Table):
    """Says `SAID`, and looks at words as it is told: at each step, and word."""

    looks = (
        (0.6, 0.1, 0.1, 0.2, 0.0),
        (0.25, 0.25, 0.25, 0.25, 0.0),
        (0.0, 0.1, 0.9, 0.0, 0.0),
        (0.2, 0.0, 0.6, 0.1, 0.1),
        (0.05, 0.05, 0.0, 0.9, 0.0),
        (0.19, 0.18, 0.18, 0.18, 0.19),
        (0.0, 0.0, 0.0, 1.0, 0.0),
    )

    def teacher_forced(self, memory: Memory, tokens: Int[Tensor, "batch step"]) -> Said:
        """See `Policy`."""
        looks = torch.tensor(self.looks)[None, : tokens.shape[1], : memory.words.shape[1]]
        return Said(
            super().teacher_forced(memory, tokens).logits, looks.expand(len(tokens), -1, -1)
        )


def parser_of(policy: Policy, config: DecodingConfig = LEGAL, width: int = 4) -> LearnedParser:
    return LearnedParser(policy, Decoding.of(config, TOKENS), width)


def saying(text: str, shapes: Domain) -> Table:
    return Table.saying(tokens_of(text, shapes), READ, TOKENS)


def random_parser(config: DecodingConfig, width: int = 4) -> LearnedParser:
    torch.manual_seed(0)
    words = words_in(question_set())
    policy = Seq2Seq(words, TOKENS, Seq2SeqConfig(hidden=16, embedding=8, dropout=0.5))
    for weights in policy.parameters():
        torch.nn.init.normal_(weights, std=0.5)
    return parser_of(policy, config, width)


def retrieval_parser(width: int = 4) -> RetrievalParser:
    data = question_set()
    words = words_in(data)
    model = Retrieval(words, TOKENS, RetrievalConfig())
    programs = [TOKENS.encode(program)[:-1] for program in data.programs if program is not None]
    questions = words.encode([data.words(row) for row in range(len(data))])
    model.learn(questions, torch.from_numpy(padded(programs)))
    return RetrievalParser(model, width)


@pytest.mark.parametrize("config", [FREE, LEGAL], ids=["any", "legal"])
def test_readings_are_programs_with_their_probability_the_best_first(
    config: DecodingConfig, shapes: Domain
) -> None:
    parser = parser_of(saying(SAID, shapes), config)
    readings = parser.parse("Is a circle red?")
    assert readings[0].program == parse_program(SAID, shapes)
    programs = [reading.program for reading in readings]
    assert len(set(programs)) == len(programs) <= 4
    for reading in readings:
        assert reading.question == "Is a circle red?"
        assert reading.warnings == ()
        typecheck(reading.program, shapes)
        tokens = torch.from_numpy(padded([TOKENS.encode(reading.program)[:-1]]))
        memory = parser.policy.encode(READ.encode([("is", "a", "circle", "red")]))
        likely = parser.decoding.score(parser.policy, memory, tokens).log_probabilities
        torch.testing.assert_close(reading.score, likely.item(), rtol=1e-4, atol=1e-5)
    scores = [reading.score for reading in readings]
    assert scores == sorted(scores, reverse=True)


def test_there_are_no_more_readings_than_programs() -> None:
    readings = random_parser(DecodingConfig(room=2, unique=False)).parse("is there a circle")
    assert [str(reading.program) for reading in readings] == ["exists(scene)"]
    torch.testing.assert_close(readings[0].score, 0.0)


def test_a_node_stands_for_the_words_that_its_token_looked_at(shapes: Domain) -> None:
    policy = Looking(READ, TOKENS, saying(SAID, shapes).logits.detach())
    question = "Is  a circle, red ?"
    reading = parser_of(policy, LEGAL, 1).parse(question)[0]
    said = {
        node.label: [question[begin:end] for begin, end in spans]
        for node, spans in zip(reading.program.nodes, reading.spans, strict=True)
        if node.operation != "scene"
    }
    assert said == {
        "exists": ["Is", ","],
        "and": ["Is", "a", "circle", ","],
        "filter[circle]": ["circle"],
        "filter[red]": [","],
    }
    scenes = [s for s, n in zip(reading.spans, reading.program.nodes, strict=True) if not n.inputs]
    assert scenes == [((0, 2), (6, 12)), ()]


def test_spans_lie_within_the_question() -> None:
    parser, looked = random_parser(LEGAL), 0
    for question in TAUGHT:
        for reading in parser.parse(question):
            assert len(reading.spans) == len(reading.program)
            for begin, end in (span for spans in reading.spans for span in spans):
                assert question[begin:end] in question.split()
                looked += 1
    assert looked > 20


@pytest.mark.parametrize("attention", [True, False])
def test_questions_are_read_together_as_they_are_alone(attention: bool) -> None:
    torch.manual_seed(1)
    words = words_in(question_set())
    policy = Seq2Seq(words, TOKENS, Seq2SeqConfig(hidden=16, embedding=8, attention=attention))
    parser = parser_of(policy)
    questions = [*TAUGHT, "", "is zebra", "?!"]
    every = parser.parse_all(questions)
    assert [bool(readings) for readings in every] == [True] * 5 + [False, True, False]
    for question, readings in zip(questions, every, strict=True):
        if readings:
            alone = parser.parse(question)
            assert [r.program for r in alone] == [r.program for r in readings]
            assert [r.warnings for r in alone] == [r.warnings for r in readings]
            scores = [r.score for r in readings]
            torch.testing.assert_close([r.score for r in alone], scores, rtol=1e-4, atol=1e-5)
            assert all(any(r.spans) == attention for r in readings)


def test_reading_does_not_depend_on_training_mode() -> None:
    parser = random_parser(LEGAL)
    parser.policy.train()
    first, again = (parser.parse("is there a red circle") for _ in range(2))
    assert first == again


@pytest.mark.parametrize("kind", ["learned", "retrieval"])
def test_unknown_words_are_warned_of_once(kind: str) -> None:
    parser: BatchParser = random_parser(LEGAL) if kind == "learned" else retrieval_parser()
    readings = parser.parse("Is there a Zebra, zebra or pink circle?")
    warnings = tuple(f"unknown word '{word}', read as any" for word in ("zebra", ",", "or", "pink"))
    assert [reading.warnings for reading in readings] == [warnings] * len(readings)


@pytest.mark.parametrize("kind", ["learned", "retrieval"])
@pytest.mark.parametrize("question", ["", "  ", "?!"])
def test_a_question_without_words_is_an_error(kind: str, question: str) -> None:
    parser: BatchParser = random_parser(LEGAL) if kind == "learned" else retrieval_parser()
    with pytest.raises(QuestionError, match="no words at line 1, column 1"):
        parser.parse(question)
    assert parser.parse_all([question]) == [[]]
    assert parser.parse_all([]) == []
    assert [len(readings) > 0 for readings in parser.parse_all(["is it", question])] == [
        True,
        False,
    ]


def test_what_is_no_program_is_no_reading(shapes: Domain) -> None:
    exists = tokens_of("exists(scene)", shapes)[:1]
    parser = parser_of(Table.saying(exists, READ, TOKENS, by=30.0), FREE, width=1)
    assert parser.parse_all(["is a circle"]) == [[]]
    with pytest.raises(QuestionError, match="no program comes out of it"):
        parser.parse("is a circle")


def test_the_nearest_questions_give_their_programs_each_once(shapes: Domain) -> None:
    parser = retrieval_parser(width=5)
    for question, text in TAUGHT.items():
        readings = parser.parse(question.upper() + "?")
        assert readings[0].program == parse_program(text, shapes)
        torch.testing.assert_close(readings[0].score, 0.0, atol=1e-5, rtol=0)
        assert all(spans == () for reading in readings for spans in reading.spans)
        assert len({reading.program for reading in readings}) == len(readings) == 5
        scores = [reading.score for reading in readings]
        assert scores == sorted(scores, reverse=True)
        assert min(scores) >= math.log(1e-6) - 1e-9
    assert len(retrieval_parser(width=2).parse("is there a red circle")) == 2


def test_the_same_program_is_one_reading(shapes: Domain) -> None:
    words = WordVocabulary(("circle", "here", "is", "there"))
    model = Retrieval(words, TOKENS, RetrievalConfig())
    texts = ["exists(find[circle])", "exists(find[circle])", "exists(scene)"]
    questions = [("is", "there", "circle"), ("is", "here", "circle"), ("is", "here")]
    programs = padded([tokens_of(text, shapes) for text in texts])
    model.learn(words.encode(questions), torch.from_numpy(programs))
    readings = RetrievalParser(model).parse("is there circle")
    wanted: list[Program] = [parse_program(text, shapes) for text in texts[1:]]
    assert [reading.program for reading in readings] == wanted
