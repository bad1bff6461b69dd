"""Every example runs, from an empty folder, and is short."""

import runpy
from pathlib import Path

import pytest

from nmn import modules

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_examples_run(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(modules, "MODULES", dict(modules.MODULES))  # an example adds to them
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out


def test_there_are_examples_and_each_is_short() -> None:
    assert len(EXAMPLES) >= 4
    assert all(len(path.read_text().splitlines()) <= 60 for path in EXAMPLES)
