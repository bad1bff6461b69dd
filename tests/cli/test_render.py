import json
from pathlib import Path

import pytest
from PIL import Image

from nmn.generate.clevr import StatesWorldConfig, make_states
from tests.cli.conftest import Run

LAMPS = {"key": [6, -3, 4], "back": [-1, 3, 6], "fill": [-5, -4, 3]}


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Three scenes of the original format: without camera and lamps."""
    shard = make_states(StatesWorldConfig(), 0, "val", range(3))
    for record in shard.scenes:
        del record["camera"], record["lamps"]
    path = tmp_path / "data" / "scenes" / "CLEVR_val_scenes.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"info": {}, "scenes": list(shard.scenes)}))
    return path


def test_scenes_become_pictures(run: Run, scenes: Path, tmp_path: Path) -> None:
    result = run("render", "--scenes", scenes, "--out", "p", "--size", "60x40", "--json")
    report = json.loads(result.out)
    assert report["images"] == 3
    assert report["images_per_second"] == pytest.approx(3 / report["seconds"])
    names = sorted(path.name for path in (tmp_path / "p").iterdir())
    assert names == [f"CLEVR_val_00000{index}.png" for index in range(3)]
    with Image.open(tmp_path / "p" / names[0]) as image:
        assert image.size == (60, 40)
    assert "3 pictures in" in run("render", "--scenes", scenes, "--out", "q", "--size", "16x16").out


def test_a_part_of_the_scenes_with_lamps_of_a_file(run: Run, scenes: Path, tmp_path: Path) -> None:
    camera = {"camera": [7, -6, 5], **LAMPS}
    (tmp_path / "lamps.json").write_text(json.dumps({"0": camera, "1": camera, "2": LAMPS}))
    part = ("render", "--scenes", scenes, "--size", "60x40", "--first", "1", "--count", "1")
    assert run(*part, "--out", "plain").code == 0
    assert run(*part, "--out", "lit", "--lamps", "lamps.json").code == 0
    plain, lit = (tmp_path / name / "CLEVR_val_000001.png" for name in ("plain", "lit"))
    assert [path.name for path in lit.parent.iterdir()] == [lit.name]
    assert plain.read_bytes() != lit.read_bytes()
    assert run("render", "--scenes", scenes, "--out", "all", "--lamps", "lamps.json").code == 0


def test_bad_input_is_one_line(run: Run, scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text("{}")
    (tmp_path / "list.json").write_text("[]")
    base = ("render", "--scenes", scenes, "--out", "p", "--size", "60x40")
    for arguments, said in (
        (("render", "--scenes", "nowhere.json", "--out", "p"), "nowhere.json: no such file"),
        ((*base[:-1], "60by40"), "--size '60by40': wanted width x height in pixels"),
        ((*base[:-1], "61x40"), "'width'"),
        ((*base, "--first", "3"), "there is no scene 3"),
        ((*base, "--lamps", "none.json"), "there are no positions for image 0"),
        ((*base, "--lamps", "list.json"), "wanted an object with positions"),
    ):
        result = run(*arguments)
        assert (result.code, result.out) == (2, ""), result
        assert len(result.err.splitlines()) == 1
        assert said in result.err
    assert not (tmp_path / "p").exists()


def test_pictures_are_not_overwritten(run: Run, scenes: Path) -> None:
    base = ("render", "--scenes", scenes, "--out", "p", "--size", "60x40")
    assert run(*base).code == 0
    result = run(*base)
    assert result.code == 2
    assert "CLEVR_val_000000.png: is there already; nothing is overwritten" in result.err


def test_a_name_never_leads_out_of_the_folder(run: Run, scenes: Path, tmp_path: Path) -> None:
    scenes.write_text(scenes.read_text().replace("CLEVR_val_000001.png", "../../x.png"))
    result = run("render", "--scenes", scenes, "--out", "p", "--size", "16x16")
    assert result.code == 2
    assert "wanted the name of a picture" in result.err
    assert not list(tmp_path.rglob("x.png"))


def test_scenes_without_name_and_number_do_not_overwrite_each_other(
    run: Run, scenes: Path, tmp_path: Path
) -> None:
    records = json.loads(scenes.read_text())["scenes"]
    for record in records:
        del record["image_filename"], record["image_index"]
    scenes.write_text(json.dumps({"info": {}, "scenes": records}))
    assert run("render", "--scenes", scenes, "--out", "p", "--size", "60x40").code == 0
    assert len(list((tmp_path / "p").iterdir())) == 3
    for record in records:
        record["image_filename"] = "one.png"
    scenes.write_text(json.dumps({"info": {}, "scenes": records}))
    result = run("render", "--scenes", scenes, "--out", "q", "--size", "60x40")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "one.png: is there already" in result.err
