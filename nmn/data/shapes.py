"""SHAPES in the layout published with N2NMN: read and write.

`<split>.input.npy` holds the pictures, uint8 `(N, height, width, 3)` with channels in the order
blue, green, red; `.query` one s-expression a line, `.query_str.txt` its English, `.output` `true`
or `false`, `.query_layout_symbols.json` N2NMN's layouts. Any of them may be gzipped. Pictures and
one of the two kinds of questions are needed, the rest may be missing.
"""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmn.data.example import Example, question_type
from nmn.data.files import find_file, read_array, read_lines
from nmn.domain import Domain, load_domain
from nmn.errors import DataError, GrammarError, ProgramTypeError, listing, nearest
from nmn.parsing.realise import realise
from nmn.program.codecs import from_sexpression, to_layout_symbols, to_sexpression
from nmn.program.program import Program
from nmn.resources import replacing, replacing_files, write_text

_PICTURES, _QUERIES = ".input.npy", ".query"
_ENGLISH, _ANSWERS, _LAYOUTS = ".query_str.txt", ".output", ".query_layout_symbols.json"
_ANSWER_WORDS = {"true": "yes", "false": "no", "yes": "yes", "no": "no", "1": "yes", "0": "no"}


@dataclass(frozen=True, eq=False)
class ShapesData:
    """One split of a SHAPES folder.

    Attributes:
        pictures: as stored, channels blue, green, red.
    """

    domain: Domain
    name: str
    pictures: NDArray[np.uint8]
    questions: tuple[str, ...]
    programs: tuple[Program | None, ...]
    answers: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.questions)

    def __getitem__(self, index: int, /) -> Example:
        program = self.programs[index]
        return Example(
            question=self.questions[index],
            question_index=index,
            image_index=index,
            picture=np.ascontiguousarray(self.pictures[index][..., ::-1]),
            program=program,
            answer=self.answers[index],
            family="" if program is None else question_type(program),
        )

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))


def shapes_splits(folder: Path) -> tuple[str, ...]:
    """The splits of a SHAPES folder that have pictures; none where it is not one."""
    files = (path for path in folder.glob(f"*{_PICTURES}*") if path.is_file())
    names = (path.name.removesuffix(".gz") for path in files)
    return tuple(sorted({n.removesuffix(_PICTURES) for n in names if n.endswith(_PICTURES)}))


def read_shapes(folder: Path, split: str) -> ShapesData:
    """One split of a folder in the published layout.

    Raises:
        DataError: a needed file is missing, one is broken, or they differ in length.
    """
    domain = load_domain("shapes")
    splits = shapes_splits(folder)
    if split not in splits:
        problem = f"no split '{split}' with pictures; there are {listing(splits, 'and')}"
        hint = f"; nearest: '{nearest(split, splits, 1)[0]}'" if splits else ""
        raise DataError(str(folder), problem + hint if splits else f"no split '{split}'")
    pictures_file = find_file(folder, split + _PICTURES)
    assert pictures_file is not None
    pictures = _pictures(pictures_file)
    columns = {suffix: _column(folder, split + suffix) for suffix in (_QUERIES, _ENGLISH, _ANSWERS)}
    for suffix, lines in columns.items():
        if lines is not None and len(lines) != len(pictures):
            problem = f"{len(lines)} lines for {len(pictures)} pictures in {pictures_file.name}"
            raise DataError(str(folder / (split + suffix)), problem)
    queries, english, answers = columns[_QUERIES], columns[_ENGLISH], columns[_ANSWERS]
    programs = _programs(folder / (split + _QUERIES), queries, domain)
    if english is None:
        if queries is None:
            wanted = f"{split}{_ENGLISH} or {split}{_QUERIES}"
            raise DataError(str(folder), f"no questions: wanted {wanted}")
        english = [realise(program, domain) for program in programs if program is not None]
    return ShapesData(
        domain,
        f"{folder.name}/{split}",
        pictures,
        tuple(english),
        programs or (None,) * len(pictures),
        _answers(folder / (split + _ANSWERS), answers) or (None,) * len(pictures),
    )


def read_shapes_questions(folder: Path, split: str) -> dict[str, Program]:
    """The different questions of a split with their programs; it need not have pictures.

    Raises:
        DataError: there is no such split, or a file is broken.
    """
    domain = load_domain("shapes")
    english, queries = (_column(folder, split + suffix) for suffix in (_ENGLISH, _QUERIES))
    if english is None or queries is None:
        wanted = f"{split}{_ENGLISH} and {split}{_QUERIES}"
        raise DataError(str(folder), f"no questions: wanted {wanted}")
    if len(english) != len(queries):
        problem = f"{len(english)} lines, and {len(queries)} in {split}{_QUERIES}"
        raise DataError(str(folder / (split + _ENGLISH)), problem)
    programs = _programs(folder / (split + _QUERIES), queries, domain)
    return dict(zip((line.strip() for line in english), programs, strict=True))


def write_shapes(folder: Path, split: str, examples: Sequence[Example]) -> None:
    """Write a split in the published layout; every file whole or not at all.

    Raises:
        DataError: a file cannot be written, or an example lacks picture, program or answer.
    """
    pictures = []
    programs = []
    for example in examples:
        if example.picture is None or example.program is None or example.answer is None:
            where = f"question {example.question_index}"
            raise DataError(split, "picture, program and answer are needed", where)
        pictures.append(example.picture[..., ::-1])
        programs.append(example.program)
    array = np.ascontiguousarray(np.stack(pictures))
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    layouts = json.dumps([to_layout_symbols(program) for program in programs])
    columns = {
        _QUERIES: [to_sexpression(program) for program in programs],
        _ENGLISH: [example.question for example in examples],
        _ANSWERS: ["true" if example.answer == "yes" else "false" for example in examples],
    }
    with replacing_files(folder) as partial:
        with replacing(partial / (split + _PICTURES)) as stream:
            stream.write(buffer.getbuffer())
        for suffix, lines in columns.items():
            write_text(partial / (split + suffix), "".join(f"{line}\n" for line in lines))
        write_text(partial / (split + _LAYOUTS), layouts)


def _pictures(path: Path) -> NDArray[np.uint8]:
    array = read_array(path)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[-1] != 3:
        got = f"{array.dtype} {array.shape}"
        raise DataError(str(path), f"wanted uint8 (N, height, width, 3), got {got}")
    return array


def _column(folder: Path, name: str) -> list[str] | None:
    path = find_file(folder, name)
    return None if path is None else read_lines(path)


def _programs(path: Path, lines: list[str] | None, domain: Domain) -> tuple[Program, ...]:
    known: dict[str, Program] = {}
    for number, line in enumerate(lines or (), start=1):
        if line not in known:
            try:
                known[line] = from_sexpression(line, domain)
            except (GrammarError, ProgramTypeError) as error:
                raise DataError(str(path), str(error), f"line {number}") from error
    return tuple(known[line] for line in lines or ())


def _answers(path: Path, lines: list[str] | None) -> tuple[str, ...]:
    for number, line in enumerate(lines or (), start=1):
        if line.strip().lower() not in _ANSWER_WORDS:
            problem = f"wanted true or false, got '{line[:20]}'"
            raise DataError(str(path), problem, f"line {number}")
    return tuple(_ANSWER_WORDS[line.strip().lower()] for line in lines or ())
