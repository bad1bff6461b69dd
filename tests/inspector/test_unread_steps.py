"""Steps whose results are no answers of the domain, as numbers are in SHAPES."""

import json
from pathlib import Path

import pytest

import nmn
from nmn.domain import Domain
from nmn.inspector import as_text
from nmn.inspector.layout import first_wrong
from nmn.parsing.base import Parse
from nmn.program.text import parse_program
from nmn.resources import dataset_folder
from tests.policies.made import some_scenes

PICTURE = dataset_folder("shapes") / "mini" / "picture.png"
MORE = "less_than(count(find[circle]), count(find[red]))"
SAME = "equal[color](query[color](unique(find[circle])), query[color](unique(find[square])))"


@pytest.mark.parametrize("text", [MORE, SAME])
def test_what_the_domain_has_no_answer_for_is_unknown(
    shapes: Domain, tmp_path: Path, text: str
) -> None:
    program = parse_program(text, shapes)
    parse = Parse("?", program, ((),) * len(program))
    answer = nmn.load("shapes").execute(parse, PICTURE)
    assert answer.text in {"yes", "no"}
    unread = [step for step in answer.trace.steps if step.operation in {"count", "query"}]
    assert [(step.value, step.mask, step.confidence) for step in unread] == [(None,) * 3] * 2
    lines = as_text(answer.trace).splitlines()
    assert sum(line.endswith("unknown") for line in lines) == 2
    for ending in ("html", "png", "json"):
        answer.save(tmp_path / f"trace.{ending}")
        assert (tmp_path / f"trace.{ending}").stat().st_size > 1000
    steps = json.loads((tmp_path / "trace.json").read_text())["steps"]
    assert [step["value"] for step in steps if step["operation"] in {"count", "query"}] == [
        None
    ] * 2


def test_what_is_unknown_is_not_wrong(shapes: Domain) -> None:
    (scene,) = some_scenes("shapes", 1)
    program = parse_program(MORE, shapes)
    parse = Parse("?", program, ((),) * len(program))
    trace = nmn.load("shapes").execute(parse, PICTURE, scene).trace
    assert trace.truth in {"yes", "no"}
    assert [step.truth for step in trace.steps if step.operation == "count"] == [None, None]
    wrong = first_wrong(trace)
    assert wrong is None or trace.steps[wrong].operation == "less_than"
