import json
import sys
from pathlib import Path
from typing import Any

import pytest

from nmn.errors import ConfigError
from nmn.training.log import LOG, RunLog
from nmn.training.loop import Progress


def progress(step: int) -> Progress:
    return Progress(step, float(step), {"answer": step / 2}, 0.1, 10, 0.5)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def logged(folder: Path, *, begin: int, end: int, attempt: int = 0) -> None:
    log = RunLog(folder, 2, attempt, begin)
    for step in range(begin + 1, end + 1):
        log.step(attempt, progress(step), step / 2)
    log.close()


def test_a_line_holds_the_means_since_the_last(tmp_path: Path) -> None:
    logged(tmp_path, begin=0, end=5)
    assert [line["step"] for line in lines(tmp_path)] == [2, 4]
    assert lines(tmp_path)[1] == {
        "attempt": 0,
        "step": 4,
        "loss": 3.5,
        "parts": {"answer": 1.75},
        "learning_rate": 0.1,
        "questions_per_second": 20.0,
        "seconds": 2.0,
    }


def test_a_resumed_run_logs_no_step_twice(tmp_path: Path) -> None:
    logged(tmp_path, begin=0, end=8)
    with (tmp_path / LOG).open("a") as stream:
        stream.write('{"attempt": 0, "step": 10, "lo')
    logged(tmp_path, begin=4, end=8)
    assert [line["step"] for line in lines(tmp_path)] == [2, 4, 6, 8]
    logged(tmp_path, begin=0, end=2)
    assert [line["step"] for line in lines(tmp_path)] == [2]


def test_attempts_follow_each_other(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 2, 0, 0)
    for attempt in range(2):
        for step in range(1, 5):
            log.step(attempt, progress(step), 1.0)
    logged(tmp_path, begin=2, end=4, attempt=1)
    told = [(line["attempt"], line["step"]) for line in lines(tmp_path)]
    assert told == [(0, 2), (0, 4), (1, 2), (1, 4)]


def test_without_tensorboard_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"--tensorboard: .*pip install .*\[tensorboard\]"):
        RunLog(tmp_path, 1, 0, 0, tensorboard=True)


def test_tensorboard_gets_all_numbers(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = RunLog(tmp_path, 1, 0, 0, tensorboard=True)
    log.step(0, progress(1), 1.0)
    log.write(0, 1, {"accuracy": 0.5})
    log.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert {"loss", "parts/answer", "learning_rate", "accuracy"} <= set(events.Tags()["scalars"])
    assert [event.value for event in events.Scalars("accuracy")] == [0.5]
