import json
from pathlib import Path
from typing import Any

import pytest

from nmn.data.json_records import read_records
from nmn.domain import load_domain
from nmn.errors import DataError
from nmn.generate.card import SplitCard, family_of, kinds, read_card, write_card
from nmn.resources import dataset_folder
from tests.generate.test_shards import files

MINI = dataset_folder("clevr") / "mini"
MADE = {"world": "clevr", "version": "1", "seed": 0, "settings": {}, "splits": {"mini": 3}}


def card() -> dict[str, Any]:
    found = SplitCard(MADE, load_domain("clevr"))
    for kind, through in (("scenes", found.scenes), ("questions", found.questions)):
        path = MINI / kind / f"CLEVR_mini_{kind}.json"
        records = [record for _, record in read_records(path, kind)]
        assert list(through(records)) == records
    return found.to_json()


def test_everything_is_counted() -> None:
    found = card()
    scenes = json.loads((MINI / "scenes" / "CLEVR_mini_scenes.json").read_text())["scenes"]
    questions = json.loads((MINI / "questions" / "CLEVR_mini_questions.json").read_text())
    assert (found["images"], found["questions"]) == (len(scenes), len(questions["questions"]))
    objects = sum(len(scene["objects"]) for scene in scenes)
    assert found["objects"] == objects
    assert sum(found["objects_per_scene"].values()) == len(scenes)
    assert all(sum(values.values()) == objects for values in found["attributes"].values())
    assert found["attributes"]["shape"]["cube"] == sum(
        item["shape"] == "cube" for scene in scenes for item in scene["objects"]
    )
    for counts in (found["words_per_question"], found["steps_per_program"]):
        assert sum(counts.values()) == found["questions"]
    answers = [count for family in found["answers_by_family"].values() for count in family.values()]
    assert sum(answers) == found["questions"]
    assert found["made"] == MADE


def test_the_card_is_written_and_read(tmp_path: Path) -> None:
    found = card()
    write_card(tmp_path, {"mini": found})
    assert read_card(tmp_path) == {"mini": found}
    text = (tmp_path / "CARD.md").read_text()
    assert f"| mini | {found['images']} | {found['objects']} | {found['questions']} |" in text
    for plot in (tmp_path / "card").iterdir():
        assert plot.read_bytes().startswith(b"\x89PNG")
        assert f"![card/{plot.name}](card/{plot.name})" in text
    assert json.loads((tmp_path / "card.json").read_text())["shared_scenes"] == 0


def test_the_same_counts_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_card(tmp_path / name, {"a": card(), "b": card()})
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_questions_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmn.generate.card._MOST_ASKED", 20)
    found = SplitCard(MADE, load_domain("clevr"))
    records = [
        {"question": "is it", "answer": "yes", "program": [], "image_index": index // 2}
        for index in range(200)
    ]
    assert len(list(found.questions(records))) == 200
    tested = found.to_json()["question_only"]
    assert 10 <= tested["trained"] + tested["tested"] <= 20


def test_families_have_names() -> None:
    assert family_of({"template_filename": "one_hop.json", "question_family_index": 3}) == (
        "one_hop 3"
    )
    assert family_of({"question_family_index": 7}) == "7"
    assert kinds({"a 0": {"yes": 1}, "a 1": {"yes": 2, "no": 1}}) == {"a": {"yes": 3, "no": 1}}


def test_without_a_card_there_are_no_splits(tmp_path: Path) -> None:
    assert read_card(tmp_path) == {}


@pytest.mark.parametrize("text", ["[]", "{}", '{"splits": {"a": 1}}', '{"splits": {"a": {}}}'])
def test_a_damaged_card_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(DataError, match=r"card\.json: not a data card of ours, or a damaged one"):
        read_card(tmp_path)
