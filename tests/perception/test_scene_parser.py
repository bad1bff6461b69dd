import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from nmn.config import build
from nmn.data.batch import Batch
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError, ShapeError
from nmn.nn.augment import AugmentConfig
from nmn.perception.detections import Detection
from nmn.perception.scene_parser import SceneParser, SceneParserConfig
from nmn.program.text import parse_program
from tests.perception.made import (
    BLUE,
    CELLS,
    CLEVR,
    GROUND,
    RED,
    TINY,
    batch,
    detection,
    scene,
    sight,
)

SEEN = (detection(*RED, ground=GROUND[0]), detection(*BLUE, ground=GROUND[1]))


def small(config: SceneParserConfig = TINY) -> SceneParser:
    torch.manual_seed(0)
    return SceneParser(CLEVR, config)


def seeing(monkeypatch: pytest.MonkeyPatch, *found: Sequence[Detection]) -> SceneParser:
    """A scene parser that sees these things, a row a picture."""
    parser = small()
    monkeypatch.setattr(parser, "detect", lambda _: found)
    return parser


def questions(*texts: str) -> Batch:
    """These programs, all on one picture."""
    made = batch((None,) * len(texts), (None,))
    return replace(
        made,
        pictures=made.pictures[:1],
        picture=torch.zeros(len(texts), dtype=torch.long),
        programs=tuple(map(parse_program, texts)),
    )


def place(answer: str) -> int:
    return CLEVR.answers.index(answer)


def test_it_learns_to_see_and_then_answers() -> None:
    parser = small()
    wide = ((0, 0, 0, 0, -1, -1),) * 2 + ((-1,) * 6,) * 2
    empty = sight(((-1,) * 6,) * 4, ())
    scenes = (scene(RED, BLUE), scene(BLUE), scene())
    made = batch(scenes, (sight(), sight(wide, GROUND[:1]), empty))
    optimizer = torch.optim.Adam(parser.parameters(), 2e-2)
    losses = []
    for step in range(70):
        loss = parser.loss(made, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.total.item())
    assert list(loss.parts) == ["presence", "attributes", "ground", "box"]
    assert math.isclose(sum(loss.parts.values()), losses[-1], rel_tol=1e-5)
    assert losses[-1] < 0.1 * losses[0]
    parser.eval()
    for parsed, true in zip(parser.parse(made.pictures), scenes, strict=True):
        assert sorted(tuple(item.attributes.values()) for item in parsed.objects) == sorted(
            tuple(item.attributes.values()) for item in true.objects
        )
    answers = parser.predict(made).log_probabilities.argmax(1)
    assert [CLEVR.answers[answer] for answer in answers] == ["yes", "no", "no"]


def test_pictures_are_changed_in_training_alone() -> None:
    config = TINY.model_copy(update={"augment": AugmentConfig(light=0.5)})
    parser, made = small(config), batch((scene(RED, BLUE),), (sight(),))
    parser.eval()
    seeds = [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]
    first, same, other = (parser.loss(made, seed).total for seed in seeds)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    plain = small().eval().predict(made)
    torch.testing.assert_close(parser.predict(made).log_probabilities, plain.log_probabilities)


def test_mirrored_pictures_are_learned_from_as_well() -> None:
    made = batch((scene(RED, BLUE),), (sight(),))
    ground = tuple((-right, front) for right, front in GROUND)
    mirror = batch((scene(RED, BLUE),), (sight(tuple(row[::-1] for row in CELLS), ground),))
    mirror = replace(mirror, pictures=made.pictures.flip(-1))
    always = small(TINY.model_copy(update={"mirror": 1.0})).loss(made, torch.Generator())
    torch.testing.assert_close(always.total, small().loss(mirror, torch.Generator()).total)
    assert always.total != small().loss(made, torch.Generator()).total


def test_looking_both_ways_sees_a_picture_and_its_mirror_alike() -> None:
    parser = small(TINY.model_copy(update={"both_ways": True, "least": 1e-6})).eval()
    pictures = batch((None,), ()).pictures
    (there,), (mirror,) = parser.detect(pictures), parser.detect(pictures.flip(-1))
    assert len(there) == len(mirror) > 0
    for seen, turned in zip(there, mirror, strict=True):
        left, top, right, bottom = turned.box
        wanted = (seen.probability, *seen.ground, *seen.box)
        got = (turned.probability, -turned.ground[0], turned.ground[1])
        assert (*got, 1 - right, top, 1 - left, bottom) == pytest.approx(wanted, abs=1e-5)


def test_what_is_certain_is_answered_by_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = seeing(monkeypatch, SEEN)
    made = questions(
        "query[color](unique(find[sphere]))", "count(relate[right](unique(find[cube])))"
    )
    prediction = parser.predict(made, traces=[1])
    logs = prediction.log_probabilities
    assert [CLEVR.answers[answer] for answer in logs.argmax(1)] == ["blue", "1"]
    # room is left for what was not looked at, and only for answers that could be
    torch.testing.assert_close(logs.exp().sum(1), torch.ones(2))
    assert math.isclose(logs[0, place("blue")].exp(), 1 - 1e-3 + 1e-3 / 8, rel_tol=1e-5)
    assert logs[0, place("3")] == logs[1, place("blue")] == -math.inf
    assert prediction.failures == (None, None)
    assert prediction.programs == made.programs
    (trace,) = prediction.traces
    assert (trace.answer, trace.question) == ("1", "is anything red")
    assert trace.boxes is not None
    assert len(trace.boxes) == 2


def test_doubts_about_objects_are_doubts_about_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful = detection(*BLUE, there=0.7, ground=(3.0, 3.0))
    parser = seeing(monkeypatch, (SEEN[0], doubtful))
    prediction = parser.predict(questions("count(scene)", "query[shape](unique(find[blue]))"))
    count, shape = prediction.log_probabilities.exp()
    assert math.isclose(count[place("2")], 0.7, abs_tol=2e-3)
    assert math.isclose(count[place("1")], 0.3, abs_tol=2e-3)
    # without the object the question means nothing: little is left of that, for all three shapes
    left = 0.05 * 0.3
    assert math.isclose(shape[place("cube")], left / (0.7 + left) / 3, abs_tol=1e-3)
    assert math.isclose(shape[place("sphere")], 1 - 2 * shape[place("cube")], abs_tol=1e-6)


def test_a_question_that_fails_on_the_probable_scene_is_asked_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    improbable = detection(*BLUE, there=1e-4, ground=(3.0, 3.0))
    parser = seeing(monkeypatch, (SEEN[0], improbable))
    asking = "query[shape](unique(find[blue]))"
    prediction = parser.predict(questions(asking, "count(scene)"), traces=True)
    assert prediction.failures == (None, None)
    guess, sure = prediction.log_probabilities.exp().max(1).values.tolist()
    assert CLEVR.answers[prediction.log_probabilities[0].argmax()] == "sphere"
    assert guess < 0.35
    assert sure > 0.99
    assert prediction.traces[0].answer == "sphere"


def test_what_cannot_be_answered_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = seeing(monkeypatch, ())
    prediction = parser.predict(
        questions("query[shape](unique(find[blue]))", "count(scene)"), traces=True
    )
    assert torch.isinf(prediction.log_probabilities[0]).all()
    assert "exactly one object, got 0" in str(prediction.failures[0])
    assert prediction.failures[1] is None
    assert prediction.traces[0].answer is None
    assert "got 0" in (prediction.traces[0].failure or "")
    assert prediction.traces[1].answer == "0"


def test_the_truth_is_told_where_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = seeing(monkeypatch, SEEN)
    made = replace(questions("exists(find[blue])"), scenes=(scene(RED, BLUE),), sights=(sight(),))
    (trace,) = parser.predict(made, traces=True).traces
    assert (trace.answer, trace.truth) == ("yes", "yes")
    assert trace.steps[0].truth == trace.steps[0].mask == (0.0, 1.0)


def test_more_objects_than_can_be_counted_are_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = [detection(*RED, ground=(float(place), 0.0)) for place in range(12)]
    prediction = seeing(monkeypatch, crowd).predict(questions("count(scene)", "exists(scene)"))
    assert "gives 12, which is no answer of domain clevr" in str(prediction.failures[0])
    assert CLEVR.answers[prediction.log_probabilities[1].argmax()] == "yes"


def test_what_it_cannot_do_is_refused(shapes: Domain) -> None:
    with pytest.raises(
        ConfigError, match="domain shapes: relation 'left_of'; a scene parser knows"
    ):
        SceneParser(shapes, TINY)
    with pytest.raises(ConfigError, match="nearest: 'apart'"):
        build(SceneParserConfig, {"appart": 1}, "preset")
    parser = small().eval()
    with pytest.raises(ShapeError, match="wanted 48x32, got 30x30"):
        parser.parse(torch.zeros(1, 3, 30, 30))
    with pytest.raises(DataError, match="question 0: the model executes programs"):
        parser.predict(replace(questions("exists(scene)"), programs=(None,)))
    with pytest.raises(DataError, match="wanted its scene"):
        parser.loss(questions("exists(scene)"), torch.Generator())
