"""Asking from Python: `nmn.load("shapes").ask("is there a red circle", "picture.png")`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmn.data.batch import collate
from nmn.data.example import Example, Picture
from nmn.data.files import read_picture
from nmn.errors import ShapeError
from nmn.inspector import save_trace
from nmn.parsing.base import Parse, Parser
from nmn.parsing.grammar_parser import GrammarParser
from nmn.program.program import Program
from nmn.program.trace import Trace
from nmn.scene.scene import Scene
from nmn.training.checkpoint import Checkpoint, find_checkpoint, load_checkpoint


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer with everything that led to it.

    Attributes:
        text: `yes`, a number, or a value.
        probability: that the model gives it.
        warnings: what the parser found odd about the question.
    """

    text: str
    probability: float
    program: Program
    trace: Trace
    picture: Picture
    warnings: tuple[str, ...] = ()

    def save(self, path: str | Path) -> None:
        """Write the trace as `.html`, `.png` or `.json`, by the ending of `path`.

        Raises:
            DataError: another ending, or the file cannot be written.
        """
        save_trace(self.trace, self.picture, Path(path))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Engine:
    """A trained model with its parser."""

    checkpoint: Checkpoint
    parser: Parser

    def ask(self, question: str, image: str | Path | Picture, scene: Scene | None = None) -> Answer:
        """Answer a question about a picture.

        Args:
            image: a file, or RGB values 0 to 255 `(height, width, 3)`.
            scene: what is in the picture, where it is known; the trace then shows the truth.

        Raises:
            QuestionError: the question cannot be parsed.
            DataError: the file is not a picture.
            ShapeError: the picture is not of the size that the model was trained on, or an array
                of another kind.
        """
        parse = self.parser.parse(question)[0]
        return self.execute(parse, image, scene)

    def execute(
        self, parse: Parse, image: str | Path | Picture, scene: Scene | None = None
    ) -> Answer:
        """Like `ask`, for a question that was parsed before."""
        picture = _checked(image) if isinstance(image, np.ndarray) else read_picture(Path(image))
        example = Example(parse.question, 0, 0, picture, parse.program, scene=scene)
        batch = collate([example], self.checkpoint.domain, self.checkpoint.vocabulary)
        prediction = self.checkpoint.model.predict(batch, traces=True)
        trace = prediction.traces[0].with_spans(parse.question, parse.spans)
        assert trace.answer is not None
        probability = trace.distribution[trace.answer]
        return Answer(trace.answer, probability, parse.program, trace, picture, parse.warnings)


def _checked(picture: Picture) -> Picture:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        got = f"{picture.dtype} {picture.shape}"
        raise ShapeError("picture", "uint8 (height, width, 3), RGB", got)
    return picture


def load(checkpoint: str | Path) -> Engine:
    """The model of a checkpoint folder, or of a name below `runs/` or among the shipped ones.

    Raises:
        UnknownNameError: there is none of that name.
        DataError: it is damaged.
    """
    loaded = load_checkpoint(find_checkpoint(str(checkpoint)))
    return Engine(loaded, GrammarParser(loaded.domain))
