"""Models that execute the programs of learned parsers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import nmn
from nmn.data.example import ListDataset
from nmn.data.vocabulary import WordVocabulary
from nmn.engine import Engine
from nmn.errors import DataError, QuestionError, UnknownNameError
from nmn.execution.induced import InducedNetwork
from nmn.generate.shapes import generate_shapes
from nmn.parsing.base import BatchParser
from nmn.parsing.grammar_parser import shared_parser
from nmn.policies.decode import Decoding, DecodingConfig
from nmn.policies.learned_parser import LearnedParser
from nmn.program.canonical import exact_match
from nmn.resources import dataset_folder, shipped_checkpoints
from nmn.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nmn.training.evaluate import answer_all
from nmn.training.models import build_model
from nmn.training.parser_checkpoint import load_parser, parser_for
from nmn.training.parser_preset import ParserPreset, ShapesQuestions
from nmn.training.parser_run import HowToRun, train_parser
from nmn.training.preset import load_preset
from tests.policies.made import VOCABULARIES, Table, tokens_of
from tests.training.tiny_parsers import KINDS, mini_preset, shapes_preset

PICTURE = dataset_folder("shapes") / "mini" / "picture.png"
KNOWING = (KINDS["retrieval"], "data.generated.programs=all")


def asked(preset: ParserPreset) -> ListDataset:
    """The questions that a preset learns from, with pictures."""
    generated = preset.data.generated
    assert isinstance(generated, ShapesQuestions)
    return generate_shapes(generated.world, preset.seed, "train", generated.examples)


@pytest.fixture(scope="module")
def model() -> Checkpoint:
    return load_checkpoint(shipped_checkpoints() / "shapes")


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parser that looks up questions, which are those it knows."""
    folder = tmp_path_factory.mktemp("parsers") / "knowing"
    train_parser(shapes_preset(*KNOWING), HowToRun(folder))
    return folder


@pytest.fixture(scope="module")
def learning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parser that has hardly learned anything."""
    folder = tmp_path_factory.mktemp("parsers") / "learning"
    train_parser(shapes_preset("training.steps=1"), HowToRun(folder))
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parser of another domain than that of the model."""
    folder = tmp_path_factory.mktemp("parsers") / "other"
    train_parser(mini_preset("training.steps=1"), HowToRun(folder))
    return folder


def test_without_a_name_it_is_the_parser_of_the_model(model: Checkpoint) -> None:
    assert parser_for(model, None) is shared_parser(model.domain)
    assert nmn.load("shapes").parser is shared_parser(model.domain)


def test_a_parser_that_is_right_gives_the_answers_of_the_grammar(
    model: Checkpoint, knowing: Path
) -> None:
    data = asked(shapes_preset(*KNOWING))
    by_grammar = answer_all(model, data, parser_for(model, None))
    by_parser = answer_all(model, data, parser_for(model, knowing))
    for one, two in zip(by_grammar, by_parser, strict=True):
        assert one.program is not None
        assert two.program is not None
        assert exact_match(two.program, one.program)
        assert two.answer == one.answer
        assert two.probability == pytest.approx(one.probability, abs=1e-5)
    assert {answer.answer for answer in by_parser} == {"yes", "no"}


def test_what_a_parser_says_is_executed_right_or_wrong(model: Checkpoint, learning: Path) -> None:
    data = asked(shapes_preset())
    said = load_parser(learning).parser.parse_all([example.question for example in data])
    answers = answer_all(model, data, parser_for(model, learning))
    assert [answer.program for answer in answers] == [parses[0].program for parses in said]
    right = [answer.program == answer.example.program for answer in answers]
    assert not all(right)


def test_a_program_without_answer_in_the_domain_is_none(model: Checkpoint) -> None:
    tokens, words = VOCABULARIES["shapes"], WordVocabulary(("anything",))
    anything = Decoding.of(DecodingConfig(constrained=False, room=4), tokens)
    data = asked(shapes_preset())
    for text, problem in (("count(scene)", "no program comes out of it"), ("exists(scene)", "")):
        policy = Table.saying(tokens_of(text, model.domain), words, tokens, by=90.0)
        answers = answer_all(model, data, LearnedParser(policy, anything, width=1))
        assert all(problem in answer.problem for answer in answers)
        assert all((answer.answer is None) == bool(problem) for answer in answers)


def test_questions_are_read_together(model: Checkpoint, knowing: Path) -> None:
    parser = parser_for(model, knowing)
    told: list[list[str]] = []

    class Noting:
        def parse(self, question: str) -> Iterator[None]:
            raise AssertionError(question)

        def parse_all(self, questions: list[str]) -> object:
            told.append(questions)
            assert isinstance(parser, BatchParser)
            return parser.parse_all(questions)

    data = asked(shapes_preset(*KNOWING))
    twice = ListDataset(data.domain, data.name, (*data.examples, *data.examples))
    answers = answer_all(model, twice, Noting())  # type: ignore[arg-type]
    assert [answer.answer for answer in answers] == [
        answer.answer for answer in answer_all(model, twice, parser)
    ]
    each = [question for questions in told for question in questions]
    assert len(each) == len(set(each)) == len({example.question for example in data})


def test_an_engine_asks_the_parser_it_was_given(knowing: Path) -> None:
    engine, own = nmn.load("shapes", parser=knowing), nmn.load("shapes")
    assert isinstance(engine, Engine)
    question = asked(shapes_preset(*KNOWING))[0].question
    one, two = engine.ask(question, PICTURE), own.ask(question, PICTURE)
    assert one.program is not None
    assert two.program is not None
    assert exact_match(one.program, two.program)
    assert one.text == two.text
    assert one.probability == pytest.approx(two.probability, abs=1e-5)
    # It knows no grammar: words that it never saw are told, and anything is the nearest question.
    answer = engine.ask("is there a zebra", PICTURE)
    assert answer.warnings == ("unknown word 'zebra', read as any",)
    with pytest.raises(QuestionError, match="unknown word 'zebra'"):
        own.ask("is there a zebra", PICTURE)


def test_names_of_parsers_are_those_of_checkpoints(
    knowing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(knowing)
    question = asked(shapes_preset(*KNOWING))[0].question
    by_name, by_folder = (
        nmn.load("shapes", parser=name).ask(question, PICTURE) for name in ("mine", knowing)
    )
    assert by_name.program == by_folder.program
    with pytest.raises(UnknownNameError, match=r"unknown learned parser 'min'.*'mine'"):
        nmn.load("shapes", parser="min")


def test_a_model_that_learned_layouts_parses_for_another(model: Checkpoint, tmp_path: Path) -> None:
    preset = load_preset("shapes-induced")
    induced = build_model(model.domain, preset.model)
    assert isinstance(induced, InducedNetwork)
    save_checkpoint(tmp_path, Checkpoint(induced, preset, model.vocabulary, {}, "induced"))
    question = "is a circle red"
    said = induced.eval().parse(question)[0].program
    parser = parser_for(model, tmp_path)
    assert parser is not None
    assert parser.parse(question)[0].program == said


def test_parsers_of_another_domain_are_refused(model: Checkpoint, other: Path) -> None:
    said = r"a parser of clevr for a model of shapes$"
    with pytest.raises(DataError, match=said) as caught:
        parser_for(model, other)
    assert str(caught.value).startswith(str(other))
    with pytest.raises(DataError, match=said):
        nmn.load("shapes", parser=other)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shapes", "not a learned parser: its parser is the grammar"),
        (str(PICTURE.parent), "not a checkpoint"),
    ],
)
def test_what_is_no_learned_parser_is_refused(model: Checkpoint, name: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        parser_for(model, name)
