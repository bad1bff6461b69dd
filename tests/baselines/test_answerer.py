"""The model around a reasoner: what it sees, what it learns from, and what it can be asked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nmn
from nmn.baselines.answerer import Answerer, AnswererConfig
from nmn.baselines.base import Asked
from nmn.config import build
from nmn.data.batch import Batch, collate
from nmn.data.clevr_scenes import scene_from_json
from nmn.data.example import Example
from nmn.data.vocabulary import WordVocabulary, vocabulary_of
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError, QuestionError
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.training.preset import load_preset
from nmn.training.run import run_training
from tests.baselines.test_base import CHOICES, KINDS
from tests.data.clevr_folders import scene

SMALL = {"hidden": 16, "attention": 8}
STACKED = ("model.kind=answerer", "model.reasoner.kind=stacked_attention")
TINY = ("data.examples=32", "training.steps=2", "training.curriculum=[]", "training.batch_size=8")


def answerer(domain: Domain, words: int = 40, **values: Any) -> Answerer:
    torch.manual_seed(0)
    return Answerer(domain, build(AnswererConfig, {"kind": "answerer", **values}, "test"), words)


@pytest.fixture(scope="module")
def batch() -> tuple[Batch, WordVocabulary]:
    made = generate_shapes(ShapesWorldConfig(), 0, "train", 8)
    vocabulary = vocabulary_of(example.tokens for example in made)
    return collate(list(made), made.domain, vocabulary), vocabulary


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    preset = load_preset("shapes", [*TINY, "model={kind='answerer'}", *STACKED])
    run_training(preset, folder)
    return folder


def test_the_loss_is_that_of_the_right_answers(
    shapes: Domain, batch: tuple[Batch, WordVocabulary]
) -> None:
    asked, _ = batch
    model = answerer(shapes, reasoner={"kind": "stacked_attention", **SMALL})
    likely = model.predict(asked).log_probabilities
    wanted = -likely[torch.arange(len(asked)), asked.answers].mean()
    loss = model.loss(asked, torch.Generator())
    torch.testing.assert_close(loss.total, wanted)
    assert list(loss.parts) == ["answer"]


def test_drawing_cells_has_a_loss_of_its_own(
    shapes: Domain, batch: tuple[Batch, WordVocabulary]
) -> None:
    hard = {"share": 0.3, "choice": "reinforce", "weight": 0.5}
    model = answerer(shapes, hard=hard, reasoner={"kind": "relation_network", "pairs": (8,)})
    parts = model.loss(batch[0], torch.Generator().manual_seed(0)).parts
    assert set(parts) == {"answer", "choice"}


def test_a_draw_is_worth_what_it_adds_to_the_mean_reward(
    shapes: Domain, batch: tuple[Batch, WordVocabulary]
) -> None:
    hard = {"share": 0.3, "choice": "reinforce", "weight": 0.5}
    model = answerer(shapes, hard=hard, reasoner={"kind": "relation_network", "pairs": (8,)})
    model.train()
    expected = 0.0  # of the first batch nothing is expected, then what the first was rewarded
    for seed in (3, 4):
        with torch.no_grad():
            said = model.reason(batch[0], torch.Generator().manual_seed(seed))
            assert said.log_probability is not None
            right = (said.logits.argmax(1) == batch[0].answers).float()
            by_hand = -((right - expected) * said.log_probability).mean().item()
        loss = model.loss(batch[0], torch.Generator().manual_seed(seed))
        assert loss.parts["choice"] == pytest.approx(0.5 * by_hand, rel=1e-4, abs=1e-6)
        expected = right.mean().item()
    model.eval()
    kept = float(model.reward_baseline.average)
    model.loss(batch[0], torch.Generator().manual_seed(5))
    assert float(model.reward_baseline.average) == kept


@pytest.mark.parametrize("kind", ["joined", "film"])
def test_chosen_cells_are_on_no_grid(shapes: Domain, kind: str) -> None:
    with pytest.raises(ConfigError, match="grid"):
        answerer(shapes, hard={"share": 0.5}, reasoner={"kind": kind})


@pytest.mark.parametrize("kind", ["prior", "question_only"])
def test_there_is_no_hard_attention_without_a_look(shapes: Domain, kind: str) -> None:
    with pytest.raises(ConfigError, match=f"hard attention for {kind}, which sees nothing"):
        answerer(shapes, hard={"share": 0.5}, reasoner={"kind": kind})


def test_objects_of_chosen_cells_are_said(
    shapes: Domain, batch: tuple[Batch, WordVocabulary]
) -> None:
    detector = {"kind": "detector", "units": 8, "heads": 2, "queries": 4, "objects": 1.0}
    said = answerer(shapes, hard={"share": 0.5}, reasoner=detector).reason(batch[0])
    assert said.objects is not None
    assert said.attention is not None


def test_objects_are_where_the_stem_sees_them(clevr: Domain) -> None:
    known = scene_from_json(scene("val", 2), clevr, "scenes.json")  # at 120, 240
    detector = {"kind": "detector", "units": 8, "heads": 2, "queries": 4, "objects": 1.0}
    for height, width in ((320, 480), (160, 240)):
        picture = np.zeros((height, width, 3), dtype=np.uint8)
        example = Example("?", 0, 0, picture, answer="yes", scene=known)
        asked = collate([example], clevr, WordVocabulary(()))
        stem = {"kind": "plain", "layers": [[8, 20, 20]], "height": height, "width": width}
        model = answerer(clevr, stem=stem, reasoner=detector)
        if width == 480:
            assert set(model.loss(asked, torch.Generator()).parts) == {"answer", "objects"}
            continue
        with pytest.raises(DataError, match=r"picture 0: .*within a picture of 240x160"):
            model.loss(asked, torch.Generator())


def test_reasoners_are_given_standardised_cells_and_questions_of_one_length(
    shapes: Domain, batch: tuple[Batch, WordVocabulary]
) -> None:
    model = answerer(shapes, normalised=True, training="float32")
    plain = answerer(shapes, training="float32")
    given: list[Asked] = []
    for one in (model, plain):
        one.train()
        one.reasoner.register_forward_pre_hook(lambda _, asked: given.append(*asked))
        one.reason(batch[0])
    ours, theirs = given
    cells, before = (asked.features.values.flatten(0, 1) for asked in given)
    wanted = (before - before.mean(0)) / (before.var(0, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(cells, wanted, atol=1e-4, rtol=1e-4)
    whole = theirs.questions.whole
    level = whole - whole.mean(1, keepdim=True)
    level = level / (whole.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(ours.questions.whole, level, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.questions.words, theirs.questions.words)
    assert {name for name, _ in model.named_parameters()} == {
        name for name, _ in plain.named_parameters()
    }


def test_trained_it_looks_at_each_picture_by_itself_all_the_same(
    shapes: Domain, batch: tuple[Batch, WordVocabulary]
) -> None:
    model = answerer(shapes, normalised=True)
    model.train()
    model.reason(batch[0])
    model.eval()
    made = generate_shapes(ShapesWorldConfig(), 0, "train", 8)
    alone = collate([made[3]], made.domain, batch[1])
    together = model.predict(batch[0]).log_probabilities[3:4]
    torch.testing.assert_close(model.predict(alone).log_probabilities, together)


@pytest.mark.parametrize("units", [{"pairs": [0]}, {"pairs": [-1]}, {"hidden": [10**9]}])
def test_layers_have_a_size_that_can_be(shapes: Domain, units: dict[str, list[int]]) -> None:
    with pytest.raises(ConfigError, match=r"model.reasoner|reasoner"):
        answerer(shapes, reasoner={"kind": "relation_network", **units})


def test_dropout_is_drawn_from_the_generator(
    shapes: Domain, batch: tuple[Batch, WordVocabulary]
) -> None:
    model = answerer(shapes, reasoner={"kind": "relation_network", "pairs": (8,), "dropout": 0.5})
    model.train()
    state = torch.get_rng_state()
    first, again, other = (
        model.loss(batch[0], torch.Generator().manual_seed(seed)).total for seed in (1, 1, 2)
    )
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("kind", "hard"),
    [
        *((kind, {}) for kind in KINDS),
        *(("transformer", {"share": 0.5, "choice": c}) for c in CHOICES),
    ],
)
def test_only_training_is_narrow(
    shapes: Domain, batch: tuple[Batch, WordVocabulary], kind: str, hard: dict[str, object]
) -> None:
    reasoner = {"kind": kind, **KINDS[kind], **({"objects": 1.0} if kind == "detector" else {})}
    exact, narrow = (
        answerer(shapes, training=precision, hard=hard, reasoner=reasoner)
        for precision in ("float32", "bfloat16")
    )
    for model in (exact, narrow):
        model.train()
    wanted, near = (
        model.reason(batch[0], torch.Generator().manual_seed(1)) for model in (exact, narrow)
    )
    assert near.logits.dtype == torch.float32
    off = (near.logits - wanted.logits).detach().abs().max()
    assert 0 < off < 0.1 * wanted.logits.detach().abs().max().clamp_min(1.0)
    weights = list(narrow.reasoner.parameters())
    grads = torch.autograd.grad(near.logits.logsumexp(1).sum(), weights, allow_unused=True)
    assert all(grad.isfinite().all() for grad in grads if grad is not None)
    assert torch.equal(exact.eval().reason(batch[0]).logits, narrow.eval().reason(batch[0]).logits)


def test_cells_are_pooled(shapes: Domain, batch: tuple[Batch, WordVocabulary]) -> None:
    reasoner = {"kind": "stacked_attention", **SMALL}
    model = answerer(shapes, pool=(2, 1), reasoner=reasoner)
    attention = model.reason(batch[0]).attention
    assert attention is not None
    assert attention.shape == (8, 2, 2)
    (trace,) = model.predict(batch[0], traces=[3]).traces
    assert (trace.grid, trace.question) == ((2, 1), batch[0].questions[3])


def test_what_cannot_be_learned_from_is_named(
    shapes: Domain, batch: tuple[Batch, WordVocabulary]
) -> None:
    asked, _ = batch
    unknown = replace(asked, answers=torch.full_like(asked.answers, -1))
    with pytest.raises(DataError, match="answers are needed for training"):
        answerer(shapes).loss(unknown, torch.Generator())
    states = answerer(shapes, sees="states")
    with pytest.raises(DataError, match="picture 0: the model wants scenes, and there is none"):
        states.predict(replace(asked, scenes=(None,) * len(asked)))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sees": "states", "stem": {"height": 60}}, "a stem for states"),
        ({"sees": "states", "pool": (1, 1)}, "states are on no grid to pool"),
        ({"pool": (4, 3)}, r"pool \(4, 3\); wanted up to \(3, 3\)"),
    ],
)
def test_settings_without_effect_are_refused(
    shapes: Domain, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        answerer(shapes, **values)


def test_it_is_asked_like_any_other(trained: Path, tmp_path: Path) -> None:
    engine = nmn.load(trained)
    assert engine.parser is None
    picture = np.zeros((30, 30, 3), np.uint8)
    answer = engine.ask("is a red zebra", picture)
    assert answer.text in {"yes", "no"}
    assert answer.program is None
    assert answer.warnings == ("unknown word 'zebra', read as any",)
    assert [step.operation for step in answer.trace.steps] == ["look", "look", "answer"]
    for suffix in (".html", ".png", ".json"):
        answer.save(tmp_path / f"trace{suffix}")
        assert (tmp_path / f"trace{suffix}").stat().st_size > 200
    with pytest.raises(QuestionError, match="no words"):
        engine.ask(" ? ", picture)
    with pytest.raises(ConfigError, match="reads words, no programs"):
        nmn.load(trained, parser="parser-english")
