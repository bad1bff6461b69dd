"""The scene parser: from a picture to a scene graph, on which programs are executed by rules."""

from collections.abc import Collection, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from nmn.config import Config
from nmn.data.batch import Batch
from nmn.data.mirror import mirrored_at_random
from nmn.data.sight import Sight
from nmn.domain import Domain
from nmn.errors import ConfigError, listing
from nmn.execution.base import (
    Chosen,
    Model,
    Prediction,
    chosen_questions,
    programs_of,
)
from nmn.nn.augment import AugmentConfig, augment
from nmn.nn.residual_stem import ResidualStemConfig
from nmn.nn.stems import AnyStemConfig, build_stem
from nmn.nn.trainable import Loss
from nmn.perception.asking import Answers, ask
from nmn.perception.detections import Detection, detect
from nmn.perception.detector import Detector, losses
from nmn.perception.guesses import DIRECTIONS, Guess, guesses
from nmn.perception.targets import targets_of
from nmn.perception.tracing import parsed_trace
from nmn.program.program import Program
from nmn.program.trace import Trace
from nmn.program.typecheck import answers_of, typecheck
from nmn.scene.scene import Scene

_DESPERATE = 64
"""Scenes that are asked where no probable one has an answer, however improbable they are."""


class SceneParserConfig(Config):
    """What a scene parser is made of.

    Attributes:
        hidden: units of the layer between the features of a cell and what it says.
        augment: how pictures are changed in training.
        mirror: the share of pictures that are mirrored in training, each time they are seen.
        both_ways: whether pictures are looked at once more, mirrored, and the mean is taken.
        apart: how far objects stand from each other at least, in scene units; what stands nearer
            is one object, seen twice.
        scenes: a picture may show one of so many scenes at most, which are all asked.
        least: how probable each of them must be, in comparison with the best; and no answer is
            more certain than this leaves room for.
        absurd: how much of the weight of a scene is left where a question means nothing on it.
    """

    kind: Literal["scene_parser"] = "scene_parser"
    stem: AnyStemConfig = ResidualStemConfig()
    hidden: int = Field(128, gt=0, le=4096)
    augment: AugmentConfig = AugmentConfig()
    mirror: float = Field(0.0, ge=0, le=1)
    both_ways: bool = False
    apart: float = Field(0.7, ge=0)
    scenes: int = Field(8, gt=0, le=1024)
    least: float = Field(1e-3, gt=0, lt=1)
    absurd: float = Field(0.05, ge=0, le=1)


class SceneParser(Model):
    """Answers by executing each question's program by rules on the scene of its picture.

    The neural-symbolic path of NS-VQA (Yi et al. 2018). There the scene is taken for certain; here
    the most probable ones are all asked, and an answer is as probable as those that give it, among
    those on which the question means something.

    Raises:
        ConfigError: a domain with other relations than those of places on the ground.
    """

    def __init__(self, domain: Domain, config: SceneParserConfig) -> None:
        super().__init__()
        others = [name for name in domain.relations if name not in DIRECTIONS]
        if others:
            problem = f"relation '{others[0]}'; a scene parser knows {listing(DIRECTIONS, 'and')}"
            raise ConfigError(f"domain {domain.name}", problem)
        self.domain = domain
        self.config = config
        self.stem = build_stem(config.stem)
        self.detector = Detector(domain, config.stem.size, config.hidden)

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """How far what cells say is from the scenes; see `nmn.perception.detector.losses`.

        Questions and answers are not looked at.

        Raises:
            DataError: a picture without scene, or without what is seen of it where.
        """
        batch = mirrored_at_random(batch, self.config.mirror, generator)
        targets = targets_of(batch, self.domain, self._grid)
        pictures = augment(batch.pictures, self.config.augment, generator)
        parts = losses(self.detector(self.stem(pictures)), targets)
        total = torch.stack(list(parts.values())).sum()
        return Loss(total, {name: part.item() for name, part in parts.items()})

    @torch.no_grad()
    def parse(self, pictures: Float[Tensor, "picture 3 height width"]) -> tuple[Scene, ...]:
        """The most probable scene of each picture, values in [0, 1].

        Positions of objects are how far to the right and to the front they stand, in scene units;
        pixels are the middle of what is seen of them, in these pictures.

        Raises:
            ShapeError: pictures of another size than the stem was built for.
        """
        return tuple(self._guesses(seen, scenes=1)[0].scene for seen in self.detect(pictures))

    @torch.no_grad()
    def detect(
        self, pictures: Float[Tensor, "picture 3 height width"]
    ) -> tuple[tuple[Detection, ...], ...]:
        """All that may be an object of each picture, the most certain first.

        Raises:
            ShapeError: pictures of another size than the stem was built for.
        """
        views = self.detector(self.stem(pictures))
        if self.config.both_ways:
            views = views.mean(self.detector(self.stem(pictures.flip(-1))).mirrored(self._grid))
        return detect(views, self.config.least, self.config.apart)

    @property
    def _grid(self) -> tuple[int, int]:
        grid = self.config.stem.size.grid
        assert grid is not None
        return grid

    @torch.no_grad()
    def predict(self, batch: Batch, *, traces: Chosen = False) -> Prediction:
        """Answers to the programs of the batch.

        A scene on which a program fails is less probable for that, as few questions are absurd;
        what is left of its weight is shared by all answers that the program can give. Where it
        fails on all scenes, less probable ones are asked in their stead.

        Raises:
            DataError: a question without program.
        """
        programs = programs_of(batch)
        chosen = chosen_questions(traces, batch)
        found = self.detect(batch.pictures)
        parsed = [self._guesses(seen, self.config.scenes, self.config.least) for seen in found]
        pictures = batch.picture.tolist()
        asked = [parsed[picture] for picture in pictures]
        answers = ask(self.domain, batch, programs, asked, chosen)
        lost = [row for row, failure in enumerate(answers.failures) if failure is not None]
        if lost:
            hopeless = {pictures[row] for row in lost}
            others = {picture: self._guesses(found[picture], _DESPERATE) for picture in hopeless}
            for row in lost:
                asked[row] = others[pictures[row]]
            answers = ask(self.domain, batch, programs, asked, chosen)
        shared = self._shared(answers, programs)
        told = self._traces(batch, programs, answers, asked, found, shared)
        logs = shared.log().to(batch.pictures.device)
        return Prediction(logs, programs, answers.failures, told)

    def _guesses(
        self, detections: Sequence[Detection], scenes: int, least: float = 0.0
    ) -> tuple[Guess, ...]:
        size = (self.config.stem.width, self.config.stem.height)
        return guesses(detections, self.domain, size, scenes, least)

    def _shared(
        self, answers: Answers, programs: Sequence[Program]
    ) -> Float[Tensor, "batch answer"]:
        """Probabilities that are 1 together, of all answers that programs can give."""
        answered = answers.probabilities.sum(1, keepdim=True)
        shared = answers.probabilities / (answered + self.config.absurd * (1 - answered))
        shared *= 1 - self.config.least
        rest = (1 - shared.sum(1)).tolist()
        for row, program in enumerate(programs):
            if answers.failures[row] is None:
                possible = list(answers_of(typecheck(program, self.domain)[-1], self.domain))
                shared[row, possible] += rest[row] / len(possible)
        return shared

    def _traces(
        self,
        batch: Batch,
        programs: Sequence[Program],
        answers: Answers,
        asked: Sequence[Sequence[Guess]],
        found: Sequence[Sequence[Detection]],
        shared: Float[Tensor, "batch answer"],
    ) -> tuple[Trace, ...]:
        """The traces that were asked for, with the truth where it is known."""
        truths = self._truths(batch, programs, answers.traces)
        told = []
        for row, traces in answers.traces.items():
            seen = found[int(batch.picture[row])]
            distribution = dict(zip(self.domain.answers, shared[row].tolist(), strict=True))
            told.append(parsed_trace(traces, asked[row], seen, distribution, truths.get(row)))
        return tuple(told)

    def _truths(
        self, batch: Batch, programs: Sequence[Program], rows: Collection[int]
    ) -> dict[int, tuple[Trace, Sight]]:
        """Traces on the true scenes, and where the objects of these stand."""
        known = {
            row: (scene, sight)
            for row in rows
            if (scene := batch.scenes[row]) is not None and (sight := batch.sight(row)) is not None
        }
        if not known:
            return {}
        true = [
            (Guess(known[row][0], 1.0, ()),) if row in known else () for row in range(len(batch))
        ]
        traces = ask(self.domain, batch, programs, true, known).traces
        return {row: (traces[row][0], sight) for row, (_, sight) in known.items()}
