import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmn.data.validate import check_folder
from nmn.domain import Attribute, load_domain
from nmn.errors import DataError
from nmn.generate.folder import abandon, begin, finish, questions_of
from nmn.generate.generation import HIDDEN, Generation, package_version
from nmn.generate.shards import make_shard
from tests.generate.test_shards import files
from tests.generate.tiny_world import TinyConfig, domain, make

CONFIG = TinyConfig()


def generation(**changes: Any) -> Generation:
    settings = CONFIG.model_dump(mode="json")
    made = Generation("tiny", package_version(), 1, settings, {"train": 7, "val": 3}, shard=3)
    return replace(made, **changes)


@pytest.fixture(autouse=True)
def _no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take most of the time; `test_card.py` looks at them."""
    monkeypatch.setattr("nmn.generate.card.plots", lambda splits: {"plot.png": b"drawn"})


def started(folder: Path, made: Generation, *, resume: bool = False) -> bool:
    lock = begin(folder, made, domain(CONFIG), pictures=True, resume=resume)
    if lock is not None:
        lock.close()
    return lock is not None


def run(folder: Path, made: Generation, config: TinyConfig = CONFIG, shards: int = 99) -> None:
    jobs = made.jobs(folder, make, config)
    for job in [job for job in jobs if not job.done][:shards]:
        make_shard(job)
    if all(job.done for job in jobs):
        finish(folder, made, domain(CONFIG), jobs, lambda what, done, total: None)


def test_a_finished_folder_is_clean(tmp_path: Path) -> None:
    assert started(tmp_path, generation())
    run(tmp_path, generation())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("CARD.md", "card", "card.json", "images", "questions", "scenes")
    ]
    report = check_folder(tmp_path, decode=True)
    assert report["problems"] == 0, report
    assert report["splits"]["train"] == {
        **dict.fromkeys(("images", "scenes", "objects"), 7),
        **dict.fromkeys(("questions", "programs", "answers", "english"), 14),
    }
    stored = json.loads((tmp_path / "questions" / "CLEVR_val_questions.json").read_text())
    assert [question["question_index"] for question in stored["questions"]] == list(range(6))
    assert stored["info"] == {
        **{"split": "val", "world": "tiny", "seed": 1},
        "version": package_version(),
    }
    assert questions_of(tmp_path, ["train", "val"]) == {"train": 14, "val": 6}


@pytest.mark.parametrize("shards", [0, 1, 2, 3])
def test_resuming_gives_the_same_bytes(tmp_path: Path, shards: int) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    started(whole, generation())
    run(whole, generation())
    started(cut, generation())
    run(cut, generation(), shards=shards)
    # what a killed run can leave behind: a picture of an unfinished shard, scratch, final files
    (cut / HIDDEN / "train-000003.77").mkdir()
    (cut / HIDDEN / "train-000003.77" / "half.png").write_bytes(b"half")
    (cut / HIDDEN / "ready").mkdir()
    shutil.copy(
        whole / "images" / "val" / "CLEVR_val_000002.png",
        cut / "images" / "val" / "CLEVR_val_000002.png",
    )
    assert started(cut, generation(), resume=True)
    run(cut, generation())
    assert files(cut) == files(whole)


def test_a_run_killed_while_finishing_is_resumed(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        started(folder, generation())
    run(whole, generation())
    shutil.copytree(cut / HIDDEN, tmp_path / "kept")
    run(cut, generation())
    shutil.copytree(tmp_path / "kept", cut / HIDDEN)
    assert started(cut, generation(), resume=True)
    run(cut, generation())
    assert files(cut) == files(whole)


def test_what_is_finished_is_found_so(tmp_path: Path) -> None:
    started(tmp_path, generation())
    run(tmp_path, generation())
    before = files(tmp_path)
    (tmp_path / HIDDEN).mkdir()  # killed while the last of it was removed
    assert not started(tmp_path, generation(), resume=True)
    assert files(tmp_path) == before
    assert not (tmp_path / HIDDEN).exists()


def test_another_split_may_be_added(tmp_path: Path) -> None:
    for splits in ({"train": 7}, {"val": 3}):
        assert started(tmp_path / "one", generation(splits=splits))
        run(tmp_path / "one", generation(splits=splits))
    started(tmp_path / "two", generation())
    run(tmp_path / "two", generation())
    one, two = files(tmp_path / "one"), files(tmp_path / "two")
    assert one == two


def test_a_split_with_a_scene_of_another_is_refused(tmp_path: Path) -> None:
    alike = TinyConfig(alike=True)
    made = generation(splits={"train": 1})
    started(tmp_path, made)
    run(tmp_path, made, alike)
    made = generation(splits={"val": 1})
    started(tmp_path, made)
    with pytest.raises(
        DataError, match=r"CLEVR_val_000000.png: the same scene as in split 'train'"
    ):
        run(tmp_path, made, alike)
    assert not (tmp_path / "scenes" / "CLEVR_val_scenes.json").exists()


UNFINISHED: list[tuple[dict[str, Any], str]] = [
    ({}, "an unfinished generation is here; --resume goes on"),
    ({"seed": 2}, "of something else is here, with seed 1 and not 2"),
    ({"splits": {"train": 8, "val": 3}}, "with splits.train 7 and not 8"),
    ({"settings": {"delay": 0.5}}, "with settings.delay 0.0 and not 0.5"),
    ({"world": "other"}, 'with world "tiny" and not "other"'),
]


@pytest.mark.parametrize(("changes", "said"), UNFINISHED)
def test_an_unfinished_generation_is_kept(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    started(tmp_path, generation())
    run(tmp_path, generation(), shards=1)
    before = files(tmp_path)
    with pytest.raises(DataError, match=said):
        started(tmp_path, generation(**changes), resume=bool(changes))
    assert files(tmp_path) == before


FINISHED: list[tuple[dict[str, Any], bool, str]] = [
    ({}, False, r"CLEVR_train_scenes.json: is there already \(split 'train'\); nothing is overwr"),
    ({"seed": 2}, True, "it was made with seed 1 and not 2"),
    ({"world": "other"}, False, "holds data of world 'tiny' .*, not of 'other'"),
]


@pytest.mark.parametrize(("changes", "resume", "said"), FINISHED)
def test_finished_data_is_kept(
    tmp_path: Path, changes: dict[str, Any], resume: bool, said: str
) -> None:
    started(tmp_path, generation())
    run(tmp_path, generation())
    before = files(tmp_path)
    with pytest.raises(DataError, match=said):
        started(tmp_path, generation(**changes), resume=resume)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "name",
    [
        "scenes/CLEVR_val_scenes.json.gz",
        "images/val/x.png",
        "images/test/x.png",
        "CARD.md",
        "domain.json",
        "train.input.npy",
    ],
)
def test_the_data_of_others_is_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("theirs")
    with pytest.raises(DataError, match=r"is there already|holds something else"):
        started(tmp_path, generation())
    assert list(files(tmp_path)) == [name]


def test_data_of_another_domain_is_not_mixed(tmp_path: Path) -> None:
    made = generation(splits={"train": 1})
    started(tmp_path, made)
    run(tmp_path, made)
    clevr = load_domain("clevr")
    own = replace(clevr, attributes=(*clevr.attributes[:-1], Attribute("shape", ("cone",))))
    with pytest.raises(DataError, match="the data here is of another domain"):
        begin(tmp_path, generation(splits={"val": 1}), own, pictures=True, resume=False)


def test_nothing_is_left_of_what_cannot_be(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    started(folder, generation())
    abandon(folder, generation(), generation().jobs(folder, make, CONFIG))
    assert not folder.exists()
    started(folder, generation())
    run(folder, generation(), shards=1)
    abandon(folder, generation(), generation().jobs(folder, make, CONFIG))
    assert started(folder, generation(), resume=True)


def test_two_commands_do_not_work_in_one_folder(tmp_path: Path) -> None:
    lock = begin(tmp_path, generation(), domain(CONFIG), pictures=True, resume=False)
    assert lock is not None
    with lock, pytest.raises(DataError, match="another command is making data here"):
        started(tmp_path, generation(), resume=True)
    assert started(tmp_path, generation(), resume=True)


@pytest.mark.parametrize("gone", ["scenes/*train*", "images/val/*1.png"])
def test_finished_data_that_lost_a_file_is_not_called_finished(tmp_path: Path, gone: str) -> None:
    started(tmp_path, generation())
    run(tmp_path, generation())
    next(tmp_path.glob(gone)).unlink()
    with pytest.raises(DataError, match=r"finished split.*; remove all of '(train|val)'"):
        started(tmp_path, generation(), resume=True)
