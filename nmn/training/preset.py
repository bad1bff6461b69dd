"""Presets: what to train on what, and how.

They are TOML files that say only what differs from defaults, or from the preset named as `base`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from nmn.config import Config, build, merged, read_toml, with_overrides
from nmn.errors import UnknownNameError
from nmn.execution.induced import InducedConfig
from nmn.execution.network import ModuleNetworkConfig
from nmn.generate.clevr import ClevrWorldConfig, StatesWorldConfig
from nmn.generate.shapes import ShapesWorldConfig
from nmn.generate.sort_of_clevr import SortOfClevrConfig
from nmn.nn.augment import AugmentConfig
from nmn.perception.scene_parser import SceneParserConfig
from nmn.render.camera import PUBLISHED_SIZE
from nmn.resources import data_root
from nmn.training.loop import LoopConfig
from nmn.training.models import AnyModelConfig, learns_objects, needs_scenes, supervision_of


class ShapesData(Config):
    """Generated questions about SHAPES.

    Attributes:
        examples: how many questions.
        folder: a folder in the published layout, whose questions are asked of generated pictures;
            if left out, questions are generated too.
        split: which part of it.
        held_out: how many, of the split `val`.
        world: what they are like.
    """

    kind: Literal["shapes"] = "shapes"
    examples: int = Field(gt=0, le=10_000_000)
    folder: Path | None = None
    split: str = "train.large"
    held_out: int = Field(1024, gt=0, le=10_000_000)
    world: ShapesWorldConfig = ShapesWorldConfig()


class AddedData(Config):
    """Pictures of others to learn from besides, in CLEVR's layout and of any size.

    Attributes:
        images: image indices `FROM:TO`, without `TO` itself; either may be left out.
        times: how often each picture comes in an epoch.
    """

    folder: Path
    split: str = "train"
    images: str = Field(":", pattern=r"^\d{0,18}:\d{0,18}$")
    times: int = Field(1, gt=0, le=10_000)


class ClevrDataConfig(Config):
    """Generated pictures of CLEVR's world with questions about them.

    Attributes:
        pictures: how many, of the split `train`.
        held_out: how many, of the split `val`.
        world: what they are like; they are as large as the model's stem wants them.
        added: pictures of others to learn from besides.
    """

    kind: Literal["clevr"] = "clevr"
    pictures: int = Field(12_000, gt=0, le=10_000_000)
    held_out: int = Field(1000, gt=0, le=10_000_000)
    world: ClevrWorldConfig = ClevrWorldConfig()
    added: AddedData | None = None

    @field_validator("world")
    @classmethod
    def _has_no_size(cls, world: ClevrWorldConfig) -> ClevrWorldConfig:
        if world.size != PUBLISHED_SIZE:
            raise ValueError("the size of pictures is that of model.stem; wanted none in render")
        return world


class StatesDataConfig(Config):
    """Generated scenes of CLEVR's world with questions about them, without pictures.

    Attributes:
        scenes: how many, of the split `train`.
        held_out: how many, of the split `val`.
        world: what they are like.
    """

    kind: Literal["clevr_states"] = "clevr_states"
    scenes: int = Field(12_000, gt=0, le=10_000_000)
    held_out: int = Field(1000, gt=0, le=10_000_000)
    world: StatesWorldConfig = StatesWorldConfig()


class SortOfClevrData(Config):
    """Generated pictures of Sort-of-CLEVR with questions about them; as many as published.

    Attributes:
        pictures: how many, of the split `train`.
        held_out: how many, of the split `val`.
        world: what they are like.
    """

    kind: Literal["sort_of_clevr"] = "sort_of_clevr"
    pictures: int = Field(9800, gt=0, le=10_000_000)
    held_out: int = Field(200, gt=0, le=10_000_000)
    world: SortOfClevrConfig = SortOfClevrConfig()


class TrainPreset(Config):
    """A training run, resolved: everything that decides what comes out.

    Attributes:
        seed: of data, initial weights and order.
        data_seed: that of data alone, if it is to be another one.
        data: by domain.
        initial: a checkpoint, by folder or name, of a model that is configured alike; training
            begins with its weights and not with drawn ones.
        initial_stem: the same of a model of any kind, of which only the stem is taken; the one
            here may have more levels. None if empty.
        frozen_stem: whether the stem stays as that one is; what it gives of each picture is then
            computed once and kept.
    """

    kind: Literal["train"]
    domain: Literal["shapes", "clevr", "sort_of_clevr"]
    seed: int = Field(0, ge=0)
    data_seed: int | None = Field(None, ge=0)
    data: Annotated[
        Annotated[ShapesData, Tag("shapes")]
        | Annotated[ClevrDataConfig, Tag("clevr")]
        | Annotated[StatesDataConfig, Tag("clevr_states")]
        | Annotated[SortOfClevrData, Tag("sort_of_clevr")],
        Discriminator("kind"),
    ]
    initial: str | None = None
    initial_stem: str | None = None
    frozen_stem: bool = False
    model: AnyModelConfig = ModuleNetworkConfig()
    training: LoopConfig = LoopConfig()

    @model_validator(mode="before")
    @classmethod
    def _data_are_of_the_domain(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and isinstance(values.get("data"), Mapping):
            kind = values.get("domain")
            model = values.get("model")
            if kind == "clevr" and isinstance(model, Mapping) and model.get("sees") == "states":
                kind = "clevr_states"
            return {**values, "data": {**values["data"], "kind": kind}}
        return values

    @model_validator(mode="after")
    def _objects_have_states(self) -> "TrainPreset":
        states = needs_scenes(self.model) or learns_objects(self.model)
        if states and self.domain != "clevr":
            raise ValueError(
                f"states of the objects of {self.domain}, which have no place in space; wanted"
                " domain = clevr, or model.sees = pictures and model.reasoner.objects = 0"
            )
        return self

    @model_validator(mode="after")
    def _begins_once(self) -> "TrainPreset":
        if self.initial and self.initial_stem:
            raise ValueError("initial and initial_stem; wanted one of them, the other empty")
        return self

    @model_validator(mode="after")
    def _can_do_with_stored_features(self) -> "TrainPreset":
        if not self.frozen_stem:
            return self
        if not (self.initial_stem and isinstance(self.data, ClevrDataConfig)):
            raise ValueError("frozen_stem without initial_stem, or on other data than of clevr")
        if isinstance(self.model, SceneParserConfig | InducedConfig):
            raise ValueError("frozen_stem; wanted model.kind = modules or answerer for it")
        changed = self.model.augment != AugmentConfig()
        if isinstance(self.model, ModuleNetworkConfig):
            changed |= self.model.mirror > 0 or bool(self.model.bank.get("both_ways"))
        if changed:
            raise ValueError(
                "frozen_stem, and pictures that are changed or mirrored; wanted model.augment, "
                "model.mirror and model.bank.both_ways left out"
            )
        return self

    @model_validator(mode="after")
    def _has_scenes_to_learn_from(self) -> "TrainPreset":
        if self.domain == "shapes" and supervision_of(self.model) == "scene":
            raise ValueError("supervision by scenes, and shapes has none; wanted answers")
        return self

    @property
    def seed_of_data(self) -> int:
        """What data are drawn from."""
        return self.seed if self.data_seed is None else self.data_seed

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures that the model looks at."""
        return self.model.stem.width, self.model.stem.height


def preset_files() -> dict[str, Path]:
    """All shipped presets by name."""
    files = (data_root() / "datasets").glob("*/presets/*.toml")
    return {path.stem: path for path in sorted(files)}


def load_preset(name: str, overrides: Iterable[str] = ()) -> TrainPreset:
    """A shipped preset by name, or any by the path of its TOML file.

    Args:
        overrides: `key.sub=value` texts.

    Raises:
        UnknownNameError: neither a shipped preset nor a file.
        ConfigError: it is not valid, or an override is not.
    """
    values = with_overrides(read_preset(name), overrides)
    return build(TrainPreset, values, f"preset {name}")


def read_preset(name: str, kind: str = "train") -> dict[str, Any]:
    """What the file of a preset says, and the shipped preset that it is based on.

    Args:
        kind: of the presets that are named where there is none of that name.
    """
    files = preset_files()
    path = files.get(name) or Path(name)
    if not (name in files or name.endswith(".toml")):
        known = tuple(known for known in files if read_preset(known).get("kind") == kind)
        raise UnknownNameError("preset", name, known)
    values = read_toml(path)
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str) or base not in files or path == files[base]:
        others = tuple(other for other in files if files[other] != path)
        raise UnknownNameError(f"base of preset {name}", str(base), others)
    return merged(read_preset(base), values)
