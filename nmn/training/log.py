"""The log of a run: a file with a JSON object a line, and TensorBoard's files where wanted."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nmn.errors import ConfigError
from nmn.resources import read_text, write_text
from nmn.training.loop import Progress

LOG = "log.jsonl"
_BOARD = "tensorboard"


class RunLog:
    """Takes numbers by step.

    A run that is resumed keeps the lines up to the step that it goes on from, and no others.

    Args:
        folder: of the checkpoint.
        every: steps between lines.
        attempt, step: where the run goes on; what it logged after that is forgotten.
        tensorboard: whether to write TensorBoard's files too, below `tensorboard/`.

    Raises:
        ConfigError: TensorBoard is not installed.
        DataError: the log cannot be read or written.
    """

    def __init__(
        self, folder: Path, every: int, attempt: int, step: int, *, tensorboard: bool = False
    ) -> None:
        self._path, self._every = folder / LOG, every
        here = (attempt, step)
        kept = [line for line in log_lines(self._path) if (line["attempt"], line["step"]) <= here]
        write_text(self._path, "".join(map(_as_line, kept if any(here) else [])))
        self._board: Any = _summary_writer(folder / _BOARD, step) if tensorboard else None
        self._since: list[Progress] = []

    def step(self, attempt: int, progress: Progress, seconds: float) -> None:
        """Take in what a step gave; a line has the means since the last one.

        Args:
            seconds: that training has taken so far.
        """
        self._since.append(progress)
        if progress.step % self._every:
            return
        since, self._since = self._since, []
        parts = sorted({name for one in since for name in one.parts})
        questions = sum(one.questions for one in since)
        values = {
            "loss": _mean([one.loss for one in since]),
            "parts": {name: _mean([one.parts.get(name, 0.0) for one in since]) for name in parts},
            "learning_rate": progress.rate,
            "questions_per_second": questions / sum(one.seconds for one in since),
            "seconds": round(seconds, 2),
        }
        self.write(attempt, progress.step, values)

    def write(self, attempt: int, step: int, values: Mapping[str, Any]) -> None:
        """Add a line; numbers in tables of `values` get names such as `loss/answer`."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(_as_line({"attempt": attempt, "step": step, **values}))
        if self._board is not None:
            for name, value in _numbers(values):
                self._board.add_scalar(name, value, step)
            self._board.flush()

    def close(self) -> None:
        """Finish TensorBoard's files."""
        if self._board is not None:
            self._board.close()


def log_of(folder: Path) -> Path:
    """The log in the folder of a checkpoint."""
    return folder / LOG


def log_lines(path: Path) -> list[dict[str, Any]]:
    """What was logged before; the last line may have been cut off."""
    found = []
    for line in read_text(path).splitlines() if path.is_file() else ():
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if isinstance(values, dict) and {"attempt", "step"} <= values.keys():
            found.append(values)
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _as_line(values: Mapping[str, Any]) -> str:
    return json.dumps(values) + "\n"


def _numbers(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    numbers: list[tuple[str, float]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            numbers += _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float):
            numbers.append((prefix + name, float(value)))
    return numbers


def _summary_writer(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra that few need
    except ImportError as error:
        advice = "pip install 'neural-module-networks[tensorboard]'"
        raise ConfigError("--tensorboard", f"TensorBoard is not installed; {advice}") from error
    return SummaryWriter(str(folder), purge_step=step + 1)


def curve_of(folder: Path, measures: Sequence[str]) -> list[dict[str, Any]]:
    """What the log of a run says of evaluations: steps, seconds and some measures."""
    return [
        {key: line[key] for key in ("step", "seconds", *measures) if key in line}
        for line in log_lines(log_of(folder))
        if "accuracy" in line
    ]
