"""Running the command line inside the test's process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from nmn.cli.main import main
from nmn.resources import dataset_folder


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `nmn ...` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments: str | Path) -> Result:
        monkeypatch.setattr("sys.argv", ["nmn", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return Result(caught.value.code, captured.out, captured.err)

    return run_command


@pytest.fixture
def picture() -> Path:
    """A picture of SHAPES with a red shape above a circle."""
    return dataset_folder("shapes") / "mini" / "picture.png"
