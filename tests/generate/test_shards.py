import json
import os
from pathlib import Path

import pytest
from PIL import Image

from nmn.errors import ConfigError, DataError
from nmn.generate.shards import Job, Shard, make_shard, make_shards, peak_mib
from tests.generate.tiny_world import TinyConfig, make


def jobs(folder: Path, config: TinyConfig, count: int = 7, shard: int = 3) -> list[Job]:
    images, records = folder / "images" / "val", folder / "records"
    images.mkdir(parents=True, exist_ok=True)
    records.mkdir(exist_ok=True)
    return [
        Job(make, config, 1, "val", range(start, min(start + shard, count)), images, records)
        for start in range(0, count, shard)
    ]


def files(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_a_shard_puts_its_pictures_and_records_in_place(tmp_path: Path) -> None:
    first, *_ = jobs(tmp_path, TinyConfig())
    told: list[int] = []
    made = make_shard(first, told.append)
    assert told == [1, 2, 3, 3]
    assert made.process == os.getpid()
    assert 10 < made.peak_mib <= peak_mib()
    assert sorted(files(tmp_path)) == [
        *(f"images/val/CLEVR_val_00000{index}.png" for index in range(3)),
        "records/val-000000.questions.json",
        "records/val-000000.scenes.json",
    ]
    assert [scene["image_index"] for scene in json.loads(first.scenes_file.read_text())] == [
        0,
        1,
        2,
    ]
    assert len(json.loads(first.questions_file.read_text())) == 6
    with Image.open(first.images / "CLEVR_val_000002.png") as image:
        assert (image.size, image.getpixel((0, 0))) == ((6, 4), (2, 2, 2))


def test_jpeg_goes_by_the_name(tmp_path: Path) -> None:
    first, *_ = jobs(tmp_path, TinyConfig(ending="jpg"))
    make_shard(first)
    with Image.open(first.images / "CLEVR_val_000002.jpg") as image:
        assert image.format == "JPEG"


def test_the_number_of_processes_changes_nothing(tmp_path: Path) -> None:
    told: list[int] = []
    alone, together = tmp_path / "1", tmp_path / "2"
    make_shards(jobs(alone, TinyConfig()), 1, told.append)
    assert told[-1] == 7
    assert told == sorted(told)
    memory = make_shards(jobs(together, TinyConfig()), 2, told.append)
    assert told[-1] == 7
    assert memory > peak_mib()
    assert len(files(alone)) == 13
    assert files(alone) == files(together)


def test_a_picture_that_cannot_be_made_leaves_the_shard_undone(tmp_path: Path) -> None:
    job = jobs(tmp_path, TinyConfig())[0]

    def broken(config: TinyConfig, seed: int, split: str, indices: range) -> Shard:
        shard = make(config, seed, split, indices)

        def pictures() -> object:
            for number, picture in enumerate(shard.pictures):
                if number == 2:
                    raise OSError(28, "No space left on device")
                yield picture

        return Shard(shard.scenes, shard.questions, pictures())  # type: ignore[arg-type]

    full = Job(broken, *(getattr(job, name) for name in list(Job.__dataclass_fields__)[1:]))
    with pytest.raises(DataError, match="no space left on device"):
        make_shard(full)
    assert not full.done
    assert sorted(files(tmp_path)) == [f"images/val/CLEVR_val_00000{i}.png" for i in range(2)]


@pytest.mark.parametrize("processes", [1, 2])
def test_impossible_settings_are_named(tmp_path: Path, processes: int) -> None:
    with pytest.raises(ConfigError, match="tiny world: it cannot be"):
        make_shards(jobs(tmp_path, TinyConfig(impossible=True)), processes, lambda done: None)
    assert files(tmp_path) == {}
