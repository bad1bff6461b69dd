"""A check of CLEVR data directories: the published ones, and what is made here.

Everything that follows from something else is computed again: relations from coordinates, answers
from programs, programs from English. Nothing is raised for what is wrong with a record; it is
counted, by kind, and the first problems are told.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nmn.data.clevr import Question, question_from_json
from nmn.data.clevr_folder import domain_of_folder
from nmn.data.clevr_scenes import image_indices, scene_from_json
from nmn.data.files import find_file
from nmn.data.json_records import read_records
from nmn.data.validate_pictures import Pictures
from nmn.domain import Domain
from nmn.errors import DataError, ExecutionError, NMNError, QuestionError, listing, shortened
from nmn.parsing.grammar_parser import shared_parser
from nmn.parsing.lexicon import parsed_domains
from nmn.program.canonical import canonical, exact_match
from nmn.program.program import Program
from nmn.scene.plan import compile_programs
from nmn.scene.scene import Scene
from nmn.scene.table import MAX_OBJECTS, SceneTable
from nmn.scene.vectorised import run

English = Literal["all", "some", "none"]
"""How many of the questions are parsed: `some` is every tenth."""

Stage = Callable[[str, int, int | None], None]

_MAX_EXAMPLES = 20
_SOME = 10
_AT_ONCE = 2_000
_SHOWN_EVERY = 100


@dataclass(eq=False)
class Findings:
    """Problems, counted by kind, the first of them in words."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, kind: str, error: NMNError) -> None:
        """Count one."""
        self.counts[kind] += 1
        if len(self.examples) < _MAX_EXAMPLES:
            self.examples.append(str(error))

    def to_json(self) -> dict[str, Any]:
        """For a report."""
        return {
            "problems": self.counts.total(),
            "by_kind": dict(sorted(self.counts.items())),
            "examples": self.examples,
        }


def check_folder(
    folder: Path,
    split: str | None = None,
    *,
    english: English = "all",
    decode: bool = False,
    stage: Stage = lambda what, done, total: None,
) -> dict[str, Any]:
    """Check one split of a data directory, or all that there are.

    Args:
        decode: decode every picture; else the checksums of PNG files and the ends of JPEG files
            are looked at.

    Returns:
        What there is in each split, and the problems.

    Raises:
        DataError: there is no such folder or split, or `domain.json` is damaged.
    """
    known = splits_of(folder)
    if split is not None and split not in known:
        choices = f"; there are {listing(known, 'and')}" if known else ""
        raise DataError(str(folder), f"no split '{split}'{choices}")
    if not known:
        wanted = "scenes/CLEVR_<split>_scenes.json or questions/CLEVR_<split>_questions.json"
        raise DataError(str(folder), f"not a CLEVR directory; wanted {wanted}")
    domain = domain_of_folder(folder)
    findings, seen = Findings(), dict[int, tuple[str, int]]()
    splits = {
        name: _Split(folder, name, domain, findings, stage).check(seen, english, decode)
        for name in (known if split is None else (split,))
    }
    return {"splits": splits, **findings.to_json()}


def splits_of(folder: Path) -> tuple[str, ...]:
    """The splits that have scenes or questions.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(str(folder), "no such folder")
    found = {
        path.name.removeprefix("CLEVR_").removesuffix(".gz").removesuffix(f"_{kind}.json")
        for kind in ("scenes", "questions")
        for path in (folder / kind).glob(f"CLEVR_*_{kind}.json*")
        if path.name.removesuffix(".gz").endswith(f"_{kind}.json")
    }
    return tuple(sorted(found))


class _Split:
    """One split: what was counted, and what the questions need of the scenes."""

    def __init__(
        self, folder: Path, split: str, domain: Domain, findings: Findings, stage: Stage
    ) -> None:
        self.folder, self.split, self.domain = folder, split, domain
        self.findings, self.stage = findings, stage
        self.counts = Counter[str]()
        self.graphs: dict[int, Scene] = {}
        self.pictures = Pictures(folder / "images" / split, findings.add)

    def check(
        self, seen: dict[int, tuple[str, int]], english: English, decode: bool
    ) -> dict[str, int]:
        scenes = find_file(self.folder / "scenes", f"CLEVR_{self.split}_scenes.json")
        questions = find_file(self.folder / "questions", f"CLEVR_{self.split}_questions.json")
        if scenes is not None:
            self._read(
                scenes, "scenes", lambda place, record: self._scene(scenes, place, record, seen)
            )
        if questions is not None:
            self._questions(questions, english)
        self.counts["images"] = self.pictures.check(decode, self.stage)
        names = ("images", "scenes", "objects", "questions", "programs", "answers", "english")
        return {name: self.counts[name] for name in names}

    def _read(self, path: Path, key: str, use: Callable[[int, Any], None]) -> None:
        try:
            for place, record in read_records(path, key):
                use(place, record)
                self.counts[key] += 1
                if place % _SHOWN_EVERY == 0:
                    self.stage(f"{self.split}: {key}", place, None)
        except DataError as error:
            self.findings.add("file", error)

    def _scene(self, path: Path, place: int, record: Any, seen: dict[int, tuple[str, int]]) -> None:
        source = str(path)
        try:
            scene = scene_from_json(record, self.domain, source, place)
        except DataError as error:
            self.findings.add("scene", error)
            return
        index = record.get("image_index", place)

        def problem(kind: str, text: str, part: str = "") -> None:
            where = f"scene {place} (image {index})"
            self.findings.add(kind, DataError(source, text, f"{where}, {part}" if part else where))

        if index in self.graphs:
            problem("index", f"image index {index} occurs twice")
        self.graphs[index] = scene
        self.counts["objects"] += len(scene.objects)
        if len(scene.objects) > MAX_OBJECTS:
            problem("scene", f"wanted at most {MAX_OBJECTS} objects, got {len(scene.objects)}")
        if record.get("split", self.split) != self.split:
            problem("scene", f"is of split '{record['split']}', in the file of '{self.split}'")
        for text, part in _objects(record, pictured=self.pictures.folder.is_dir()):
            problem("scene", text, part)
        self.pictures.expect(record, index, f"scene {place}", source)
        for text, part in _relations(record, scene, self.domain, source, place):
            problem("relations", text, part)
        mark = hash(tuple((o.position or o.pixel, *o.attributes.values()) for o in scene.objects))
        other, image = seen.setdefault(mark, (self.split, place))
        if (other, image) != (self.split, place):
            problem("double", f"the same as scene {image} of split '{other}'")

    def _questions(self, path: Path, english: English) -> None:
        table, places = None, dict[int, int]()
        usable = {i: s for i, s in self.graphs.items() if len(s.objects) <= MAX_OBJECTS}
        if usable:
            table = SceneTable.of(list(usable.values()), self.domain)
            places = {index: place for place, index in enumerate(usable)}
        names = image_indices(self.graphs) if self.graphs else None
        doubles = _Doubles()
        parse = english != "none" and self.domain.name in parsed_domains()
        stream = self._decoded(path, names)
        while batch := list(islice(stream, _AT_ONCE)):
            for question in batch:
                if problem := doubles.problem(question):
                    self._say("double", path, question, problem)
                if parse and (english == "all" or self.counts["questions"] % _SOME == 0):
                    self._parse(path, question)
                self.counts["questions"] += 1
            self.stage(f"{self.split}: questions", self.counts["questions"], None)
            if table is not None:
                self._answers(path, batch, table, places)

    def _decoded(self, path: Path, names: Mapping[str, int] | None) -> Iterator[Question]:
        """The questions that can be read, with what their records say of themselves checked."""
        indices = set[int]()
        try:
            for place, record in read_records(path, "questions"):
                try:
                    question = question_from_json(
                        record, self.domain, str(path), place, images=names
                    )
                except DataError as error:
                    self.findings.add("question", error)
                    self.counts["questions"] += 1
                    continue
                number = question.example.question_index
                if number in indices:
                    self._say("index", path, question, f"question index {number} occurs twice")
                indices.add(number)
                if record.get("split", self.split) != self.split:
                    text = f"is of split '{record['split']}', in the file of '{self.split}'"
                    self._say("question", path, question, text)
                image = question.example.image_index
                if self.graphs and image not in self.graphs:
                    self._say("index", path, question, f"there is no scene of image {image}")
                else:
                    where = f"question {number}"
                    self.pictures.expect(record, image, where, str(path))
                yield question
        except DataError as error:
            self.findings.add("file", error)

    def _answers(
        self, path: Path, batch: Iterable[Question], table: SceneTable, places: Mapping[int, int]
    ) -> None:
        ready: list[tuple[Question, Program]] = []
        for question in batch:
            program = question.example.program
            if program is not None and question.example.image_index in places:
                ready.append((question, program))
        plan = compile_programs([program for _, program in ready], self.domain)
        rows = np.array([places[q.example.image_index] for q, _ in ready], dtype=np.intp)
        execution = run(plan, table, rows)
        self.counts["programs"] += len(ready)
        for place, (question, _) in enumerate(ready):
            stored = question.example.answer
            self.counts["answers"] += stored is not None
            try:
                found = execution.answer(place)
            except ExecutionError as error:
                self._say("program", path, question, str(error))
                continue
            if stored is not None and stored != found:
                text = f"the stored answer is '{stored}', the program's '{found}'"
                self._say("answer", path, question, text)

    def _parse(self, path: Path, question: Question) -> None:
        self.counts["english"] += 1
        try:
            meant = shared_parser(self.domain).parse(question.example.question)[0].program
        except QuestionError as error:
            self._say("english", path, question, str(error))
            return
        stored = question.example.program
        if stored is not None and not exact_match(meant, stored):
            text = f"the English means {shortened(str(canonical(meant)))}, not the stored program"
            self._say("english", path, question, text)

    def _say(self, kind: str, path: Path, question: Question, text: str) -> None:
        where = f"question {question.example.question_index}"
        self.findings.add(kind, DataError(str(path), text, where))


class _Doubles:
    """Questions that are asked twice of a picture.

    The questions of a picture stand together in all files that there are.
    """

    def __init__(self) -> None:
        self._image = -1
        self._texts = dict[str, int]()

    def problem(self, question: Question) -> str:
        """Empty where the question is the first of its kind about its picture."""
        example = question.example
        if example.image_index != self._image:
            self._image = example.image_index
            self._texts.clear()
        text = " ".join(example.tokens)
        if text in self._texts:
            return f"is the same as question {self._texts[text]} about the same picture"
        self._texts[text] = example.question_index
        return ""


def _objects(record: Mapping[str, Any], *, pictured: bool) -> Iterator[tuple[str, str]]:
    """What is missing of the objects, and where."""
    wanted: dict[str, tuple[int, ...]] = {"pixel_coords": (2, 3)} if pictured else {}
    if "directions" in record:
        wanted["3d_coords"] = (3,)
    for number, item in enumerate(record["objects"]):
        for key, lengths in wanted.items():
            got = item.get(key)
            if got is None or len(got) not in lengths:
                found = "none" if got is None else str(len(got))
                yield f"wanted {lengths[-1]} numbers as '{key}', got {found}", f"object {number}"
        if "rotation" in item and type(item["rotation"]) not in (int, float):
            yield "wanted a number as 'rotation'", f"object {number}"


def _relations(
    record: Mapping[str, Any], scene: Scene, domain: Domain, source: str, place: int
) -> Iterator[tuple[str, str]]:
    """Where stored relations are not those of the coordinates."""
    if "directions" not in record:
        return
    try:
        computed = scene_from_json(record, domain, source, place, relations="directions")
    except DataError as error:
        yield error.problem, ""
        return
    for relation in domain.relations:
        pairs = zip(scene.relations[relation], computed.relations[relation], strict=True)
        for number, (stored, found) in enumerate(pairs):
            if set(stored) != set(found):
                text = f"'{relation}' is {sorted(stored)}, by the coordinates {sorted(found)}"
                yield text, f"object {number}"
