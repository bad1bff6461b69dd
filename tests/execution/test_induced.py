"""Layouts that are learned with modules."""

from dataclasses import replace
from functools import cache

import pytest
import torch

from nmn.data.batch import Batch, collate
from nmn.data.vocabulary import WordVocabulary
from nmn.domain import load_domain
from nmn.errors import DataError, QuestionError
from nmn.execution.induced import InducedConfig, InducedNetwork
from nmn.generate.shapes import ShapesWorldConfig
from nmn.generate.shapes_asked import ask_of_pictures
from nmn.policies.templates import domain_of_words
from nmn.program.text import parse_program

SHAPES = load_domain("shapes")
WORDS = ("above", "blue", "circle", "red", "square")
DOMAIN = domain_of_words(SHAPES, WORDS)
QUESTIONS = {
    "is a red shape a circle": "exists(and(find[red], find[circle]))",
    "is a blue shape above a square": "exists(and(find[blue], relate[above](find[square])))",
}


def network(config: InducedConfig | None = None) -> InducedNetwork:
    torch.manual_seed(0)
    return InducedNetwork(DOMAIN, config or InducedConfig(settle=4))


@cache
def batch_of(count: int = 12) -> Batch:
    programs = {text: parse_program(program, SHAPES) for text, program in QUESTIONS.items()}
    made = ask_of_pictures(programs, ShapesWorldConfig(), 0, count, scenes=300)
    return collate(list(made), DOMAIN, WordVocabulary(WORDS))


def test_the_loss_is_the_expectation_over_templates() -> None:
    model, batch = network(), batch_of()
    rows = [row for row, text in enumerate(batch.questions) if "above" not in text]
    expected = []
    for text in ("and(find[red], find[circle])", "relate[red](find[circle])"):
        programs = [parse_program(f"exists({text})", DOMAIN)] * len(rows)
        expected.append(model._log_likelihoods(programs, rows, batch).clamp_min(-6.0).mean())
    programs = [parse_program("exists(relate[circle](find[red]))", DOMAIN)] * len(rows)
    expected.append(model._log_likelihoods(programs, rows, batch).clamp_min(-6.0).mean())
    means = torch.stack(expected)
    beta = 2.0 + 58.0 / 4
    weights = (beta * means.detach()).softmax(0)
    loss = model.loss(batch, torch.Generator().manual_seed(0))
    assert loss.parts["words_2"] == pytest.approx(
        -float((weights * means.detach()).sum()), abs=1e-5
    )
    share = len(rows) / len(batch)
    total = share * loss.parts["words_2"] + (1 - share) * loss.parts["words_3"]
    assert loss.total.item() == pytest.approx(total, abs=1e-5)


def test_programs_of_the_batch_are_not_looked_at() -> None:
    batch = batch_of()
    blind = replace(batch, programs=(None,) * len(batch))
    losses = [
        network().loss(some, torch.Generator().manual_seed(1)).total for some in (batch, blind)
    ]
    torch.testing.assert_close(losses[0], losses[1])


def test_every_template_is_tried_once_before_any_is_tried_again() -> None:
    config = InducedConfig(tried=5, settle=100)
    model, batch = network(config), batch_of()
    for step in range(4):
        model.loss(batch, torch.Generator().manual_seed(step))
    seen = model._length(3).seen
    assert int(seen.sum()) == 5 + 5 + 5 + 3
    assert int(seen.max()) == 1
    model.loss(batch, torch.Generator().manual_seed(9))
    assert int(model._length(3).seen.max()) == 2


def test_a_settled_length_tries_the_two_best_alone() -> None:
    model, batch = network(InducedConfig(tried=5, settle=4)), batch_of()
    for step in range(5):
        model.loss(batch, torch.Generator().manual_seed(step))
    before = model._length(3).seen.clone()
    best = [template for template, _ in model._length(3).ranked()[:2]]
    model.loss(batch, torch.Generator().manual_seed(5))
    changed = (model._length(3).seen != before).nonzero().squeeze(1).tolist()
    assert sorted(changed) == sorted(best)


def test_what_was_tried_is_part_of_the_state() -> None:
    model, batch = network(), batch_of()
    model.loss(batch, torch.Generator().manual_seed(0))
    other = network()
    other.load_state_dict(model.state_dict())
    assert other.parse("is a red shape a circle") == model.parse("is a red shape a circle")


def test_readings_are_ranked_and_their_words_lie_in_the_question() -> None:
    model, batch = network(), batch_of()
    model.loss(batch, torch.Generator().manual_seed(0))
    question = "Is a RED shape a circle?"
    parses = model.parse(question)
    assert len(parses) == 3
    assert [p.score for p in parses] == sorted((p.score for p in parses), reverse=True)
    for parse in parses:
        for node, spans in zip(parse.program.nodes, parse.spans, strict=True):
            words = [question[begin:end].lower() for begin, end in spans]
            assert words == ([] if node.argument is None else [node.argument])


@pytest.mark.parametrize("question", ["", "is a thing here", "red red red red red red"])
def test_too_few_and_too_many_words_are_refused(question: str) -> None:
    with pytest.raises(QuestionError, match="wanted 1 to 4 of the words above, blue"):
        network().parse(question)


def test_a_length_that_was_never_seen_is_read_simply_and_said_so() -> None:
    (parse,) = network().parse("is it red")
    assert str(parse.program) == "exists(find[red])"
    assert "no question with 1 such words" in parse.warnings[0]


def test_it_answers_its_own_programs_where_there_are_none() -> None:
    model, batch = network(), batch_of()
    model.loss(batch, torch.Generator().manual_seed(0))
    model.eval()
    own = tuple(model.parse(question)[0].program for question in batch.questions)
    blind = replace(batch, programs=(None,) * len(batch))
    found, given = model.predict(blind), model.predict(replace(batch, programs=own))
    assert found.programs == own
    torch.testing.assert_close(found.log_probabilities, given.log_probabilities)


def test_a_batch_without_answers_or_words_is_refused() -> None:
    model, batch = network(), batch_of()
    unknown = replace(batch, answers=torch.full_like(batch.answers, -1))
    with pytest.raises(DataError, match="answers are needed"):
        model.loss(unknown, torch.Generator())
    silent = replace(batch, questions=("is it",) * len(batch))
    with pytest.raises(DataError, match="no question has words"):
        model.loss(silent, torch.Generator())


def test_it_learns_that_a_red_circle_is_both() -> None:
    programs = {"is a red shape a circle": parse_program(
        "exists(and(find[red], find[circle]))", SHAPES)}  # fmt: skip
    made = ask_of_pictures(programs, ShapesWorldConfig(), 0, 64, scenes=300)
    batch = collate(list(made), DOMAIN, WordVocabulary(WORDS))
    model = network(InducedConfig(settle=40))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(80):
        optimizer.zero_grad()
        loss = model.loss(batch, torch.Generator().manual_seed(step)).total
        torch.autograd.backward(loss)
        optimizer.step()
    assert str(model.parse("is a red shape a circle")[0].program) == (
        "exists(and(find[red], find[circle]))"
    )
    assert loss.item() < 0.5
