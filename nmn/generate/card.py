"""The data card of generated data: what is in it, how it was made, and what it gives away.

`card.json` holds all numbers by split, `CARD.md` and the plots in `card/` show them.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from nmn.config import build
from nmn.data.files import read_json
from nmn.domain import Domain
from nmn.errors import DataError
from nmn.generate.card_plots import plots
from nmn.generate.priors import GOAL, Asked, priors
from nmn.render.scenes import Look
from nmn.resources import replacing, write_text

CARD = "card.json"
_MARKDOWN = "CARD.md"
_PLOTS = "card"
_MOST_ASKED = 20_000
_FORMAT = 1


class SplitCard:
    """Counts of one split, taken while its records pass on their way to the files.

    Args:
        made: how it was made, for the card.
    """

    def __init__(self, made: Mapping[str, Any], domain: Domain) -> None:
        self._made = made
        self._attributes = {attribute.name: attribute.values for attribute in domain.attributes}
        self._objects: Counter[int] = Counter()
        self._values: Counter[tuple[str, str]] = Counter()
        self._families: dict[str, Counter[str]] = {}
        self._words: Counter[int] = Counter()
        self._steps: Counter[int] = Counter()
        self._texts: set[int] = set()
        self._asked: list[Asked] = []
        self._every = 1

    def scenes(self, records: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """The same scenes, counted as they pass."""
        for record in records:
            self._objects[len(record["objects"])] += 1
            for item in record["objects"]:
                for name in self._attributes:
                    self._values[name, item[name]] += 1
            yield record

    def questions(self, records: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """The same questions, counted as they pass."""
        for record in records:
            text, answer = record["question"], record["answer"]
            family = family_of(record)
            self._families.setdefault(family, Counter())[answer] += 1
            self._words[len(text.split())] += 1
            self._steps[len(record["program"])] += 1
            self._texts.add(hash(text))
            self._keep(Asked(record["image_index"], family, text, answer))
            yield record

    def to_json(self) -> dict[str, Any]:
        """The card of the split."""
        found = priors(self._asked, int(self._made["seed"]))
        scenes, questions = self._objects.total(), self._words.total()
        return {
            "made": dict(self._made),
            "images": scenes,
            "questions": questions,
            "questions_per_image": questions / scenes if scenes else None,
            "different_questions": len(self._texts),
            "objects": sum(number * count for number, count in self._objects.items()),
            "objects_per_scene": _sorted(self._objects),
            "attributes": {
                name: {value: self._values[name, value] for value in values}
                for name, values in self._attributes.items()
            },
            "answers_by_family": {
                family: dict(sorted(answers.items()))
                for family, answers in sorted(self._families.items(), key=_family_rank)
            },
            "words_per_question": _sorted(self._words),
            "steps_per_program": _sorted(self._steps),
            "question_only": None if found is None else {**asdict(found), "goal": GOAL},
        }

    def _keep(self, asked: Asked) -> None:
        """Questions of every so many pictures, so that they are never more than wanted."""
        if asked.image % self._every == 0:
            self._asked.append(asked)
        while len(self._asked) > _MOST_ASKED:
            self._every *= 2
            self._asked = [one for one in self._asked if one.image % self._every == 0]


def family_of(record: Mapping[str, Any]) -> str:
    """`one_hop 3`: the file of its family, and its number there."""
    template = str(record.get("template_filename", "")).removesuffix(".json")
    return f"{template} {record.get('question_family_index', '')}".strip()


def kinds(answers_by_family: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """The answers of all families of a file together."""
    found: dict[str, Counter[str]] = {}
    for family, answers in answers_by_family.items():
        found.setdefault(family.rsplit(" ", 1)[0], Counter()).update(answers)
    return {kind: dict(counts.most_common()) for kind, counts in sorted(found.items())}


def read_card(folder: Path) -> dict[str, Any]:
    """The splits of the card of a folder, none where it has no card.

    Raises:
        DataError: the card is damaged.
    """
    path = folder / CARD
    if not path.exists():
        return {}
    stored = read_json(path)
    splits = stored.get("splits") if isinstance(stored, dict) else None
    if not isinstance(splits, dict) or not all(_is_split(value) for value in splits.values()):
        raise DataError(str(path), "not a data card of ours, or a damaged one")
    return splits


def write_card(folder: Path, splits: Mapping[str, Any]) -> None:
    """Write the card of all splits of a folder: the plots, then the text, then the numbers.

    Raises:
        DataError: a file cannot be written.
    """
    drawn = plots(splits)
    for name, picture in drawn.items():
        with replacing(folder / _PLOTS / name) as stream:
            stream.write(picture)
    text = _template().render(
        splits=splits,
        kinds={split: kinds(card["answers_by_family"]) for split, card in splits.items()},
        plots=[f"{_PLOTS}/{name}" for name in drawn],
        goal=GOAL,
        settings={
            split: json.dumps(card["made"]["settings"], indent=2) for split, card in splits.items()
        },
    )
    write_text(folder / _MARKDOWN, text)
    # that no scene is shared was found out on the way; else there would be no card
    values = {"format": _FORMAT, "shared_scenes": 0, "splits": splits}
    write_text(folder / CARD, json.dumps(values, indent=1) + "\n")


def _is_split(value: Any) -> bool:
    made = value.get("made") if isinstance(value, dict) else None
    return isinstance(made, dict) and "world" in made


def _sorted(counts: Counter[int]) -> dict[str, int]:
    return {str(number): counts[number] for number in sorted(counts)}


def _family_rank(item: tuple[str, Any]) -> tuple[str, int]:
    kind, _, number = item[0].rpartition(" ")
    return kind, int(number) if number.isdecimal() else -1


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("nmn.generate"),
        autoescape=False,  # Markdown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("card.md.jinja")


def look_of(scenes: Path) -> Look:
    """How the things of a scene file look: as in the data card of its folder, else as in CLEVR."""
    folder = scenes.resolve().parent.parent
    split = scenes.name.removeprefix("CLEVR_").split("_scenes.json")[0]
    made = read_card(folder).get(split, {}).get("made", {})
    values = made.get("settings", {}).get("scenes", {}).get("look", {})
    return build(Look, values, str(folder / CARD))
