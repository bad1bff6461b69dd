"""Asking from Python: `nmn.load("clevr").ask("is there a red ball", "picture.png")`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from nmn.data.batch import collate
from nmn.data.example import Example, Picture
from nmn.data.files import read_picture, resized
from nmn.errors import ConfigError, DataError, QuestionError, ShapeError
from nmn.inspector import save_trace
from nmn.parsing.base import Parse, Parser
from nmn.perception.scene_parser import SceneParser
from nmn.program.program import Program
from nmn.program.trace import Trace
from nmn.scene.scene import Scene
from nmn.training.checkpoint import Checkpoint, check_sees_pictures, load_checkpoint
from nmn.training.parser_checkpoint import parser_for
from nmn.training.stored import find_checkpoint

ExecutorName = Literal["neural", "symbolic"]

_MOST_STRETCH = 1.4
_LEAST_SCALE = 0.25
_LEAST_SIDE, _SHAPES_SIDE = 8, 64
"""Of pictures of SHAPES; smaller ones are of neither kind."""


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer with everything that led to it.

    Attributes:
        text: `yes`, a number, or a value.
        probability: that the model gives it.
        program: None where the model reads the words of the question and executes none.
        warnings: what the parser found odd about the question.
    """

    text: str
    probability: float
    program: Program | None
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
    """A trained model with its parser, where it executes programs."""

    checkpoint: Checkpoint
    parser: Parser | None

    @property
    def executor(self) -> ExecutorName:
        """What executes programs: learned modules, or rules on a scene that is seen first."""
        return "symbolic" if isinstance(self.checkpoint.model, SceneParser) else "neural"

    def ask(self, question: str, image: str | Path | Picture, scene: Scene | None = None) -> Answer:
        """Answer a question about a picture.

        Args:
            image: a file, or RGB values 0 to 255 `(height, width, 3)`.
            scene: what is in the picture, where it is known; the trace then shows the truth.

        Raises:
            QuestionError: the question cannot be parsed.
            DataError: the file is not a picture.
            ShapeError: the picture is too small, or of another shape than those that the model was
                trained on; or an array of another kind.
        """
        if self.parser is None:
            example = Example(question, 0, 0, scene=scene)
            if not example.tokens:
                raise QuestionError(question, 1, 1, "no words; wanted a question")
            warnings = self.checkpoint.vocabulary.unknown(example.tokens)
            return replace(self._answer(example, image), warnings=warnings)
        return self.execute(self.parser.parse(question)[0], image, scene)

    def execute(
        self, parse: Parse, image: str | Path | Picture, scene: Scene | None = None
    ) -> Answer:
        """Like `ask`, for a question that was parsed before."""
        example = Example(parse.question, 0, 0, program=parse.program, scene=scene)
        answer = self._answer(example, image)
        trace = answer.trace.with_spans(parse.question, parse.spans)
        return replace(answer, trace=trace, warnings=parse.warnings)

    def _answer(self, example: Example, image: str | Path | Picture) -> Answer:
        picture = _picture(image)
        seen = fitted(picture, self.checkpoint.preset.size)
        examples = [replace(example, picture=seen)]
        batch = collate(examples, self.checkpoint.domain, self.checkpoint.vocabulary)
        (trace,) = self.checkpoint.model.predict(batch, traces=True).traces
        if trace.answer is None:
            raise DataError("picture", f"no answer: {trace.failure}")
        probability = trace.distribution[trace.answer]
        return Answer(trace.answer, probability, example.program, trace, picture)


def fitted(picture: Picture, size: tuple[int, int]) -> Picture:
    """A picture of the size that a model looks at, if it is of about that shape.

    Args:
        size: `(width, height)`.

    Raises:
        ShapeError: it is so small or of so different a shape that the model would see other things
            than are in it.
    """
    height, width = picture.shape[:2]
    stretch = (width / height) / (size[0] / size[1])
    small = width < _LEAST_SCALE * size[0] or height < _LEAST_SCALE * size[1]
    if small or not 1 / _MOST_STRETCH <= stretch <= _MOST_STRETCH:
        least = f"{round(_LEAST_SCALE * size[0])}x{round(_LEAST_SCALE * size[1])}"
        shape = f"{size[0]}x{size[1]}, or a size of about that shape"
        wanted = f"at least {least}" if small else shape
        raise ShapeError("picture", wanted, f"{width}x{height}")
    return resized(picture, size)


def checkpoint_for(image: str | Path | Picture, executor: ExecutorName = "neural") -> str:
    """The shipped checkpoint that answers questions about such a picture.

    Pictures of SHAPES are square and small; all others are taken for CLEVR's.

    Args:
        executor: `symbolic` for the rules on the scene that is seen in the picture.

    Raises:
        DataError: the file is not a picture.
        ShapeError: it is too small for either.
        ConfigError: there is none for this executor.
    """
    height, width = _picture(image).shape[:2]
    if min(height, width) < _LEAST_SIDE:
        wanted = "one of CLEVR (480x320) or of SHAPES (30x30), or of about these sizes"
        raise ShapeError("picture", wanted, f"{width}x{height}")
    if width != height or width > _SHAPES_SIDE:
        return "clevr" if executor == "neural" else "clevr-scene"
    if executor == "symbolic":
        problem = f"no scene parser for pictures of SHAPES ({width}x{height}); wanted neural"
        raise ConfigError("executor", problem)
    return "shapes"


def load(checkpoint: str | Path, parser: str | Path | None = None) -> Engine:
    """The model of a checkpoint folder, or of a name below `runs/` or among the shipped ones.

    Args:
        parser: likewise a checkpoint of a learned parser, in place of the model's own.

    Raises:
        UnknownNameError: there is none of that name.
        DataError: it is damaged, or the parser is of another domain.
        ConfigError: the model does not look at pictures.
    """
    loaded = load_checkpoint(find_checkpoint(str(checkpoint)))
    check_sees_pictures(loaded, str(checkpoint))
    return Engine(loaded, parser_for(loaded, parser))


def _picture(image: str | Path | Picture) -> Picture:
    if not isinstance(image, np.ndarray):
        return read_picture(Path(image))
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        got = f"{image.dtype} {image.shape}"
        raise ShapeError("picture", "uint8 (height, width, 3), RGB", got)
    return image
