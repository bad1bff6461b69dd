"""The CLEVR world: scenes, pictures and questions, a shard at a time.

What it makes are CLEVR's records (Johnson et al. 2017); `clevr-states` is the same world without
pictures.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal

from pydantic import Field

from nmn.config import Config
from nmn.data.clevr_scenes import scene_from_json
from nmn.data.example import Picture
from nmn.domain import Attribute, Domain, load_domain
from nmn.errors import ConfigError, listing
from nmn.generate.combinations import Combinations, allowed_kinds
from nmn.generate.questions import QuestionConfig, QuestionMaker
from nmn.generate.scene_config import SceneConfig
from nmn.generate.scenes import sample_scenes
from nmn.generate.shards import Shard
from nmn.generate.witness import Possible
from nmn.render.camera import PUBLISHED_SIZE
from nmn.render.renderer import RenderConfig, Renderer
from nmn.render.scenes import scenes_of
from nmn.seeding import child_seed, generator

_RENDERED_AT_ONCE = 125
"""Pictures in memory at a time."""


class StatesWorldConfig(Config):
    """What is made of a world without pictures.

    Attributes:
        splits: which objects each split may hold; there are no other splits, if there are any.
        device: of torch, that pictures are drawn on; another one rounds differently.
    """

    scenes: SceneConfig = SceneConfig()
    questions: QuestionConfig = QuestionConfig()
    splits: dict[str, Combinations] = Field(default_factory=dict)
    device: Literal["cpu", "cuda"] = "cpu"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture that `pixel_coords` are counted in."""
        return PUBLISHED_SIZE


class ClevrWorldConfig(StatesWorldConfig):
    """What is made.

    Attributes:
        format: of the picture files.
    """

    render: RenderConfig = RenderConfig()
    format: Literal["png", "jpeg"] = "png"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a picture."""
        return self.render.width, self.render.height


def domain_of(config: StatesWorldConfig) -> Domain:
    """The domain of a world's questions: CLEVR's own, unless the things in it differ."""
    known = load_domain("clevr")
    values = {name: config.scenes.attributes[name] for name in known.attribute_names}
    numbers = range(config.scenes.max_objects + 1)
    counted = all(str(number) in known.answers for number in numbers)
    if counted and all(set(values[a.name]) == set(a.values) for a in known.attributes):
        return known
    answers = ("yes", "no", *map(str, range(max(11, len(numbers)))))
    return Domain(
        known.name,
        "Scenes by CLEVR's rules, with attributes of their own.",
        tuple(Attribute(name, tuple(values[name])) for name in known.attribute_names),
        known.relations,
        (*answers, *(value for name in known.attribute_names for value in values[name])),
    )


def check_world(config: StatesWorldConfig, splits: Collection[str]) -> None:
    """Find out what cannot be before anything is made.

    Raises:
        ConfigError, UnknownNameError: a split that the world does not have, rules that leave
            nothing, no such families, or nothing held out.
    """
    for split in splits:
        if config.splits and split not in config.splits:
            problem = f"the world has the splits {listing(config.splits, 'and')}"
            raise ConfigError(f"--split {split}", problem)
        QuestionMaker(config.questions, domain_of(config), split, generator(0, "clevr", split))
    for split, rules in config.splits.items():
        allowed_kinds(rules, config.scenes.attributes, split)


def make_clevr(config: ClevrWorldConfig, seed: int, split: str, indices: range) -> Shard:
    """A shard of scenes, their questions and their pictures."""
    shard = make_states(config, seed, split, indices)
    suffix = "png" if config.format == "png" else "jpg"
    for record in (*shard.scenes, *shard.questions):
        record["image_filename"] = f"{picture_name(record)}.{suffix}"
    return Shard(shard.scenes, shard.questions, _pictures(config, seed, shard.scenes))


def make_states(config: StatesWorldConfig, seed: int, split: str, indices: range) -> Shard:
    """A shard of scenes and their questions."""
    width, height = config.size
    renderer = renderer_of(RenderConfig(width=width, height=height), config.device)
    scenes = sample_scenes(
        config.scenes,
        seed,
        split,
        indices,
        renderer.visible_pixels,
        config.splits.get(split),
        width,
        height,
    )
    return Shard(scenes, questions_of(config, seed, split, indices.start, scenes))


def questions_of(
    config: StatesWorldConfig,
    seed: int,
    split: str,
    start: int,
    scenes: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    """The questions of a shard that begins with the picture `start`, balanced over the shard.

    Raises:
        ConfigError: there are none at all in the first shard.
    """
    domain = domain_of(config)
    random = generator(seed, "clevr", split, "question", start)
    maker = QuestionMaker(config.questions, domain, split, random, possible_of(config, split))
    records: list[dict[str, Any]] = []
    for scene in scenes:
        index = scene["image_index"]
        graph = scene_from_json(scene, domain, "scenes", index)
        records.extend(
            {
                "image_index": index,
                "image_filename": scene["image_filename"],
                "split": split,
                **made.to_record(domain),
            }
            for made in maker.questions(graph)
        )
    if not records and start == 0:
        raise ConfigError("questions", f"there are none for split '{split}' with these settings")
    return records


def possible_of(config: StatesWorldConfig, split: str) -> Possible:
    """The scenes that a split can hold."""
    fewest, most = config.scenes.min_objects, config.scenes.max_objects
    if split not in config.splits:
        return Possible(None, fewest, most)
    attributes = config.scenes.attributes
    table = allowed_kinds(config.splits[split], attributes, split)
    places = [list(attributes).index(name) for name in domain_of(config).attribute_names]
    kinds = frozenset(tuple(kind[place] for place in places) for kind in table.kinds)
    return Possible(kinds, fewest, most)


def picture_name(record: Mapping[str, Any]) -> str:
    """`CLEVR_train_000012`, without an ending."""
    return f"CLEVR_{record['split']}_{record['image_index']:06}"


@cache
def renderer_of(config: RenderConfig, device: str = "cpu") -> Renderer:
    """The renderer of a process."""
    return Renderer(config, device)


def _pictures(
    config: ClevrWorldConfig, seed: int, records: Sequence[dict[str, Any]]
) -> Iterator[Picture]:
    """The pictures of scenes, few of them in memory at a time."""
    renderer = renderer_of(config.render, config.device)
    for start in range(0, len(records), _RENDERED_AT_ONCE):
        part = records[start : start + _RENDERED_AT_ONCE]
        scenes = scenes_of(part, config.scenes.look)
        seeds = [child_seed(seed, "clevr", r["split"], "grain", r["image_index"]) for r in part]
        yield from renderer.render(scenes, seeds).numpy()
