import json
import shutil
from collections import Counter
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from nmn.data.question_set import NOWHERE, QuestionSet
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError
from nmn.generate.patterns import Pattern
from nmn.program.canonical import canonical
from nmn.program.program import Program
from nmn.scene.symbolic import execute
from nmn.training.parser_preset import ParserPreset
from nmn.training.question_data import (
    domain_of_questions,
    held_out_questions,
    questions_of,
    training_questions,
)
from tests.training.tiny_parsers import MINI, mini_preset, parser_preset, shapes_preset

HELD_OUT = "same[any](scene[any])"
STATES = (
    "data={generated={scenes=6,held_out=3}}",
    "data.generated.world.scenes.min_objects=3",
    "data.generated.world.scenes.max_objects=4",
    "data.generated.world.questions.per_picture=4",
    f'data.generated.world.questions.held_out=["{HELD_OUT}"]',
    "data.generated.world.questions.held_out_only=true",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def states(home: Path, monkeypatch: pytest.MonkeyPatch) -> ParserPreset:
    """A preset with generated scenes; they are made once."""
    monkeypatch.setenv("NMN_HOME", str(home))
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    monkeypatch.setattr("nmn.generate.card.plots", lambda splits: {})  # they take most of the time
    return parser_preset("parser-answers", *STATES)


def given(examples: int = 32, **more: object) -> ParserPreset:
    """A preset with generated questions of which all have programs."""
    world = "world={pictures_per_question=2}"
    asked = "".join(f",{name}={value}" for name, value in more.items())
    return parser_preset(
        "parser-shapes", f"data.generated={{examples={examples},held_out=12,{world}{asked}}}"
    )


def known(questions: QuestionSet) -> list[int]:
    return [row for row, program in enumerate(questions.programs) if program is not None]


def compositions(questions: QuestionSet) -> set[Program]:
    return {canonical(program) for program in questions.programs if program is not None}


def check_answers(questions: QuestionSet) -> None:
    """The program of each question gives its answer wherever it is asked."""
    for row in known(questions):
        program = questions.programs[row]
        assert program is not None
        for place, answer in zip(questions.asked[row], questions.answers[row], strict=True):
            if place != NOWHERE:
                scene = questions.scenes.scenes[place]
                assert execute(program, scene).answer == questions.domain.answers[answer]


def test_questions_are_those_about_the_pictures_asked_for() -> None:
    preset = mini_preset()
    learned, tested = training_questions(preset), held_out_questions(preset)
    records = json.loads((MINI / "questions" / "CLEVR_mini_questions.json").read_text())
    for questions, images in ((learned, (0, 1)), (tested, (2,))):
        asked = [r["question"] for r in records["questions"] if r["image_index"] in images]
        assert list(questions.questions) == asked
        check_answers(questions)
    assert not set(learned.questions) & set(tested.questions)


def test_so_many_keep_their_programs() -> None:
    whole = training_questions(mini_preset())
    some = training_questions(mini_preset("data.programs=6"))
    assert (len(known(whole)), len(known(some))) == (15, 6)
    assert some.questions == whole.questions
    np.testing.assert_array_equal(some.answers, whole.answers)
    assert all(some.programs[row] == whole.programs[row] for row in known(some))
    assert known(training_questions(mini_preset("data.programs=0"))) == []
    for every in (15, "all"):
        assert known(training_questions(mini_preset(f"data.programs={every}"))) == list(range(15))


def test_more_programs_contain_fewer_and_the_seed_decides_which() -> None:
    few, more, other = (
        known(training_questions(mini_preset(*settings)))
        for settings in (
            ("data.programs=4",),
            ("data.programs=8",),
            ("data.programs=4", "seed=5"),
        )
    )
    assert set(few) < set(more)
    assert few != other
    assert few == known(training_questions(mini_preset("data.programs=4")))


def test_programs_are_spread_over_the_families() -> None:
    whole = training_questions(given())
    counts = Counter(whole.families)
    assert len(counts) == 3
    wanted = 2 * min(counts.values())  # fewer of the rarest than of the others
    some = training_questions(given(programs=wanted))
    kept = Counter(some.families[row] for row in known(some))
    assert sum(kept.values()) == wanted
    fullest = max(kept.values())
    for family, count in counts.items():
        assert kept[family] >= min(count, fullest - 1)


@pytest.mark.parametrize(
    ("preset", "said"),
    [
        (mini_preset("data.programs=16"), r"data\.programs: 16 programs, and there are 15"),
        (
            shapes_preset("data.generated.programs=999"),
            r"data\.generated\.programs: 999 programs, and there are \d+",
        ),
    ],
    ids=["folder", "generated"],
)
def test_there_are_not_more_programs_than_questions(preset: ParserPreset, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        training_questions(preset)


def test_generated_questions_of_the_same_words_are_one() -> None:
    learned = training_questions(given())
    assert len(set(learned.questions)) == len(learned)
    assert int((learned.asked != NOWHERE).sum()) == 32
    check_answers(learned)


def test_test_questions_are_never_among_those_to_learn_from() -> None:
    preset = given(examples=128)
    learned, tested = training_questions(preset), held_out_questions(preset)
    assert len(tested) == 12
    assert not set(learned.questions) & set(tested.questions)
    assert not compositions(learned) & compositions(tested)


def test_the_same_seed_gives_the_same_questions() -> None:
    one, again, other = (training_questions(shapes_preset(f"seed={seed}")) for seed in (1, 1, 2))
    assert one.questions == again.questions != other.questions
    np.testing.assert_array_equal(one.answers, again.answers)
    assert one.scenes.scenes == again.scenes.scenes


def test_compositions_that_are_held_out_never_occur_in_training(
    states: ParserPreset, clevr: Domain
) -> None:
    pattern = Pattern(HELD_OUT, clevr, "held_out")
    learned, tested = training_questions(states), held_out_questions(states)
    assert len(known(learned)) == len(learned) > 12
    assert [p for p in learned.programs if p is not None and pattern.is_in(p)] == []
    assert len(tested) > 3
    assert all(p is not None and pattern.is_in(p) for p in tested.programs)


def test_questions_are_asked_of_several_scenes(states: ParserPreset) -> None:
    data = states.data
    assert data.generated is not None
    more = data.generated.model_copy(update={"asked_of": 5})
    once, often = (
        training_questions(states.model_copy(update={"data": d}))
        for d in (data, data.model_copy(update={"generated": more}))
    )
    assert once.asked.shape[1] == 1
    assert often.asked.shape[1] == 5
    assert set(often.questions) <= set(once.questions)
    assert len(set(often.questions)) == len(often)
    places = [[p for p in row if p != NOWHERE] for row in often.asked.tolist()]
    assert max(map(len, places)) == 5
    assert all(len(set(row)) == len(row) >= 1 for row in places)
    check_answers(often)


def test_questions_of_others_and_generated_ones_are_joined(states: ParserPreset) -> None:
    settings = (f"data.folder={MINI}", "data.split=mini", "data.programs=3")
    generated = training_questions(states)
    joined = training_questions(parser_preset("parser-answers", *STATES, *settings))
    count = len(joined) - len(generated)
    assert 0 < count <= 22  # some of the folder's are held out
    assert joined.questions[count:] == generated.questions
    assert len([row for row in known(joined) if row < count]) == 3
    assert joined.programs[count:] == generated.programs
    check_answers(joined)


def test_folders_that_are_not_there_are_named(tmp_path: Path) -> None:
    preset = mini_preset(f"data.folder={tmp_path / 'none'}")
    for read in (training_questions, held_out_questions):
        with pytest.raises(DataError, match=r"none: no such folder \(data\.folder\)"):
            read(preset)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            ("data.images=50:90", "data.test_images=:50"),
            r"data\.images: .* no questions about the images 50:90",
        ),
        (("data.test_images=50:",), r"data\.test_images: .* no questions about the images 50:"),
        (("data.split=train",), "train"),
    ],
)
def test_questions_that_are_not_there_are_named(settings: tuple[str, ...], said: str) -> None:
    preset = mini_preset(*settings)
    with pytest.raises((ConfigError, DataError), match=said) as caught:
        list(map(len, (training_questions(preset), held_out_questions(preset))))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["answer", "scene"])
def test_what_cannot_be_learned_from_is_named(tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "data"
    shutil.copytree(MINI, folder)
    if missing == "answer":
        path = folder / "questions" / "CLEVR_mini_questions.json"
        records = json.loads(path.read_text())
        del records["questions"][2]["answer"]
        path.write_text(json.dumps(records))
    else:
        shutil.rmtree(folder / "scenes")
    with pytest.raises(DataError) as caught:
        questions_of(folder, "mini", ":", "--images")
    assert missing in str(caught.value)


def test_questions_are_of_the_domain_of_the_preset(clevr: Domain) -> None:
    questions = training_questions(mini_preset())
    assert domain_of_questions(mini_preset(), questions) == clevr
    with pytest.raises(ConfigError, match="questions of domain clevr for a parser of shapes"):
        domain_of_questions(shapes_preset(), questions)


def test_words_of_questions_are_those_that_are_read() -> None:
    questions = training_questions(mini_preset())
    words = set(chain.from_iterable(questions.words(row) for row in range(len(questions))))
    assert {"how", "many", ";"} <= words
    assert not any("?" in word for word in words)
