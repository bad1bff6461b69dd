from pathlib import Path

import pytest

from nmn.errors import ConfigError, DataError
from nmn.generate import ShardedWorld
from nmn.generate.generation import Generation
from nmn.generate.make import make_folder
from tests.generate import tiny_world
from tests.generate.tiny_world import TinyConfig

WORLD = ShardedWorld(TinyConfig, tiny_world.make, tiny_world.domain)


def make(folder: Path, config: TinyConfig, *, resume: bool = False) -> dict[str, object]:
    splits = {"train": 5, "val": 2}
    generation = Generation("tiny", "1", 0, config.model_dump(mode="json"), splits, shard=3)
    told: list[tuple[str, int, int | None]] = []
    made = make_folder(
        folder,
        WORLD,
        config,
        generation,
        processes=1,
        resume=resume,
        stage=lambda *stage: told.append(stage),
    )
    if made["begun"]:
        assert told[-1] == ("writing the files", 2, 2)
        assert ("making pictures", 7, 7) in told
    return made


def test_all_is_made_once(tmp_path: Path) -> None:
    made = make(tmp_path / "a", TinyConfig())
    assert (made["images"], made["questions"], made["made"], made["begun"]) == (7, 14, 7, True)
    assert made["splits"] == {
        "train": {"images": 5, "questions": 10},
        "val": {"images": 2, "questions": 4},
    }
    again = make(tmp_path / "a", TinyConfig(), resume=True)
    assert (again["questions"], again["made"], again["begun"]) == (14, 0, False)
    with pytest.raises(DataError, match="is there already"):
        make(tmp_path / "a", TinyConfig())


def test_what_cannot_be_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it cannot be"):
        make(tmp_path / "a", TinyConfig(impossible=True))
    assert not (tmp_path / "a").exists()


def test_an_interrupted_generation_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("nmn.generate.make.finish", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path, TinyConfig())
    with pytest.raises(DataError, match="an unfinished generation is here"):
        make(tmp_path, TinyConfig())
    assert make(tmp_path, TinyConfig(), resume=True)["made"] == 0
    assert (tmp_path / "card.json").is_file()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
