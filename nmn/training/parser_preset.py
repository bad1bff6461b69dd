"""Presets of parsers: what to learn parsing from, and how."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from nmn.config import Config, build, by_kind, with_overrides
from nmn.errors import ConfigError
from nmn.execution.judging import ModulesJudgeConfig
from nmn.generate.clevr import StatesWorldConfig
from nmn.generate.shapes import ShapesWorldConfig
from nmn.policies.decode import DecodingConfig
from nmn.policies.judge import RulesJudgeConfig
from nmn.policies.learner import LearningConfig
from nmn.policies.parsers import AnyParserConfig
from nmn.policies.seq2seq import Seq2SeqConfig
from nmn.training.loop import LoopConfig
from nmn.training.preset import TrainPreset, read_preset


def _number_or_all(value: object) -> object:
    """A number of programs, where checkpoints of before have null for all."""
    if value is None:
        return "all"
    if value == "all" or (type(value) is int and value >= 0):
        return value
    raise ValueError(f"wanted 'all' or a number from 0, got {value!r}")


Programs = Annotated[Annotated[int, Field(ge=0)] | Literal["all"], BeforeValidator(_number_or_all)]
"""How many questions are given with their programs."""


class ShapesQuestions(Config):
    """Generated questions about SHAPES.

    Attributes:
        examples: how many, of the split `train`; those with the same words are one question.
        held_out: how many, of the split `val`.
        programs: how many are given with their programs; see `QuestionDataConfig`.
        world: what they are like.
    """

    kind: Literal["shapes"] = "shapes"
    examples: int = Field(gt=0, le=10_000_000)
    held_out: int = Field(1024, gt=0, le=10_000_000)
    programs: Programs = "all"
    world: ShapesWorldConfig = ShapesWorldConfig()


class ClevrQuestions(Config):
    """Generated questions about scenes of CLEVR's world, without pictures.

    Attributes:
        scenes: how many, of the split `train`.
        held_out: how many, of the split `val`.
        asked_of: of how many of the scenes each question is asked, at most.
        programs: how many are given with their programs; see `QuestionDataConfig`.
        world: what they are like.
    """

    kind: Literal["clevr"] = "clevr"
    scenes: int = Field(gt=0, le=10_000_000)
    held_out: int = Field(1000, gt=0, le=10_000_000)
    asked_of: int = Field(1, gt=0, le=10_000)
    programs: Programs = "all"
    world: StatesWorldConfig = StatesWorldConfig()


class QuestionDataConfig(Config):
    """Questions to learn parsing from: of others, generated, or both.

    Attributes:
        folder: a data directory in CLEVR's layout with `scenes/`; none if empty.
        split: which part of it.
        images: image indices `FROM:TO`, without `TO` itself; either may be left out.
        test_images: likewise those that the parser is tested on; if empty, it is tested on
            generated questions of the split `val`.
        programs: how many of the questions in `folder` are given with their programs, as many of
            each family as of the others; or `all`.
        generated: questions that are generated besides.
        recombined: how many more questions, with their programs, are made of phrases of those that
            have programs (see `nmn.generate.recombined`).
        untidy: the share of these whose articles are left out or changed at random, some of them
            to what they were.
    """

    folder: Path | None = None
    split: str = "train"
    images: str = Field(":", pattern=r"^\d{0,18}:\d{0,18}$")
    test_images: str = Field("", pattern=r"^(\d{0,18}:\d{0,18})?$")
    programs: Programs = "all"
    generated: (
        Annotated[
            Annotated[ShapesQuestions, Tag("shapes")] | Annotated[ClevrQuestions, Tag("clevr")],
            Discriminator("kind"),
        ]
        | None
    ) = None
    recombined: int = Field(0, ge=0, le=10_000_000)
    untidy: float = Field(0.0, ge=0, le=1)

    @field_validator("folder", mode="before")
    @classmethod
    def _empty_is_none(cls, folder: object) -> object:
        return None if folder == "" else folder

    @model_validator(mode="after")
    def _there_are_some(self) -> "QuestionDataConfig":
        if self.folder is None and self.generated is None:
            raise ValueError("nothing to learn from; wanted data.folder, data.generated or both")
        if self.test_images and self.folder is None:
            raise ValueError("test_images without a folder; wanted data.folder")
        if not self.test_images and self.generated is None:
            raise ValueError("nothing to test on; wanted test_images or data.generated")
        if self.test_images and _overlap(self.images, self.test_images):
            both = f"{self.images} and {self.test_images}"
            raise ValueError(f"images and test_images overlap ({both}); wanted none in both")
        return self


def _overlap(one: str, other: str) -> bool:
    """Whether there are indices in both of two spans `FROM:TO`."""
    (begin, end), (first, last) = (
        (int(text.partition(":")[0] or 0), float(text.partition(":")[2] or "inf"))
        for text in (one, other)
    )
    return max(begin, first) < min(end, last)


class ParserPreset(Config):
    """The training of a parser, resolved: everything that decides what comes out.

    Attributes:
        seed: of data, initial weights and order.
        initial: a checkpoint, by folder or name, of a parser that is configured alike; training
            begins with its weights and words (a warm start). None if empty.
        judge: who gives rewards: rules on scenes, or modules on pictures.
    """

    kind: Literal["train"]
    domain: Literal["shapes", "clevr"]
    seed: int = Field(0, ge=0)
    data: QuestionDataConfig
    initial: str | None = None
    parser: AnyParserConfig = Seq2SeqConfig()
    decoding: DecodingConfig = DecodingConfig()
    learning: LearningConfig = LearningConfig()
    judge: Annotated[
        Annotated[RulesJudgeConfig, Tag("rules")] | Annotated[ModulesJudgeConfig, Tag("modules")],
        by_kind("rules"),
    ] = RulesJudgeConfig()
    training: LoopConfig = LoopConfig()

    @model_validator(mode="before")
    @classmethod
    def _generated_are_of_the_domain(cls, values: Any) -> Any:
        data = values.get("data") if isinstance(values, Mapping) else None
        generated = data.get("generated") if isinstance(data, Mapping) else None
        if isinstance(generated, Mapping) and isinstance(data, Mapping):
            named = {**generated, "kind": values.get("domain")}
            return {**values, "data": {**data, "generated": named}}
        return values

    @model_validator(mode="after")
    def _modules_can_judge(self) -> "ParserPreset":
        if isinstance(self.judge, RulesJudgeConfig):
            return self
        if self.learning.estimator != "reinforce" or self.learning.memory:
            raise ValueError(
                "right programs are remembered by rules alone; with judge.kind = modules wanted"
                " learning.estimator = reinforce and learning.memory = 0"
            )
        if isinstance(self.data.generated, ClevrQuestions):
            raise ValueError("data.generated of clevr has no pictures; wanted judge.kind = rules")
        if self.judge.learned and (self.data.folder or self.data.generated is None):
            raise ValueError(
                "modules learn together with a parser from generated pictures alone;"
                " wanted data.generated and no data.folder"
            )
        return self

    @model_validator(mode="after")
    def _curriculum_goes_by_words(self) -> "ParserPreset":
        if self.training.curriculum and self.training.curriculum_by != "words":
            raise ValueError("a curriculum of a parser goes by words; wanted curriculum_by = words")
        return self

    @model_validator(mode="after")
    def _batches_are_of_questions(self) -> "ParserPreset":
        if self.training.per_picture:
            raise ValueError("batches of a parser have no pictures; wanted no training.per_picture")
        return self


def load_any_preset(name: str, overrides: Iterable[str] = ()) -> TrainPreset | ParserPreset:
    """A training's preset by name or path, of a model or a parser.

    Raises:
        UnknownNameError: neither a shipped preset nor a file.
        ConfigError: it is not valid, or an override is not.
    """
    values = with_overrides(read_preset(name), overrides)
    if (kind := values.get("kind")) in {"ablate", "compare"}:
        problem = f"of kind {kind}, which is not one training; nearest: nmn {kind}"
        raise ConfigError(f"preset {name}", problem)
    return build_preset(values, f"preset {name}")


def build_preset(values: Mapping[str, Any], source: str) -> TrainPreset | ParserPreset:
    """Validate settings as those of a parser if they have a table `parser`, else of a model.

    Raises:
        ConfigError: they are not valid; `source` is named.
    """
    if "parser" in values:
        return build(ParserPreset, values, source)
    return build(TrainPreset, values, source)
