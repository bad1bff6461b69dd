import json
from pathlib import Path
from typing import Any

import pytest

from nmn.generate.generation import Generation, as_json, difference, questions_file, scenes_file
from tests.generate.tiny_world import TinyConfig, make


def test_shards_cover_each_split_once(tmp_path: Path) -> None:
    made = Generation("tiny", "1", 0, {}, {"train": 7, "val": 3}, shard=3)
    jobs = made.jobs(tmp_path, make, TinyConfig())
    for split, count in made.splits.items():
        own = [job for job in jobs if job.split == split]
        assert [index for job in own for index in job.indices] == list(range(count))
        assert max(len(job.indices) for job in own) == 3
    assert len({job.questions_file for job in jobs}) == len(jobs)


def test_a_generation_is_the_same_after_a_file() -> None:
    made = Generation("tiny", "1", 0, {"size": (3, 4)}, {"train": 7})
    stored = json.loads(json.dumps(made.to_json()))
    assert difference(stored, as_json(made.to_json())) == ""
    assert made.of_split("train")["splits"] == {"train": 7}


@pytest.mark.parametrize(
    ("stored", "wanted", "said"),
    [
        ({"a": 1}, {"a": 1}, ""),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, "with a.c 2 and not 3"),
        ({"a": 1}, {"b": 1, "a": 1}, "with b null and not 1"),
        (1, {"a": 1}, 'with settings 1 and not {"a": 1}'),
    ],
)
def test_the_first_difference_is_told(stored: Any, wanted: Any, said: str) -> None:
    assert difference(stored, wanted) == said


def test_files_are_named_as_in_clevr() -> None:
    folder = Path("data")
    assert scenes_file(folder, "valA") == folder / "scenes" / "CLEVR_valA_scenes.json"
    assert questions_file(folder, "valA") == folder / "questions" / "CLEVR_valA_questions.json"
