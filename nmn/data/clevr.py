"""CLEVR's question files (Johnson et al. 2017), read one question at a time, and written.

A file is `{"info": ..., "questions": [...]}`, plain or `.gz`, in the dialects of v1.0 and of the
generator. Scene files are in `clevr_scenes.py`; its names can be had here too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmn.data.clevr_scenes import (
    image_index,
    image_indices,
    picture_of,
    read_scenes,
    relations_from_directions,
    scene_from_json,
)
from nmn.data.example import Example, question_type
from nmn.data.json_records import OnError, Record, read_info, read_records, write_records
from nmn.domain import Domain, shipped_domains
from nmn.errors import DataError, OtherDomainError, ProgramTypeError, listing, nearest
from nmn.program.clevr import V1, Dialect, decode_clevr, json_word, to_clevr
from nmn.program.program import Program

__all__ = [
    "Question",
    "image_indices",
    "question_from_json",
    "read_info",
    "read_questions",
    "read_scenes",
    "relations_from_directions",
    "scene_from_json",
    "with_program",
    "write_questions",
]


@dataclass(frozen=True, eq=False, slots=True)
class Question:
    """A record of a question file.

    Attributes:
        example: without picture and scene; its answer is one of the domain's, or None.
        record: as in the file.
        outputs: for each node of the program the `_output` that the file states, or None; None
            in all where it states none.
        image: the name of the picture file as stated, or empty.
    """

    example: Example
    record: Mapping[str, Any]
    outputs: tuple[Any, ...] | None = None
    image: str = ""


def read_questions(
    path: Path,
    domain: Domain,
    on_error: OnError | None = None,
    *,
    images: Mapping[str, int] | None = None,
) -> Iterator[Question]:
    """The questions of a file, one after the other.

    Programs and answers may be missing, as in the files of test splits.

    Args:
        on_error: called with the error of each bad question, which then is passed over, and
            where the file breaks off; without it the first error is raised.
        images: the image index of each picture name (see `image_indices`), for questions that
            state no index; without it the number at the end of the name is taken.

    Raises:
        DataError: the file cannot be read, or a question is bad.
    """
    for place, record in read_records(path, "questions", on_error):
        try:
            question = question_from_json(record, domain, str(path), place, images=images)
        except DataError as error:
            if on_error is None:
                raise
            on_error(error)
        else:
            yield question


def with_program(question: Question, program: Program | None, domain: Domain) -> Mapping[str, Any]:
    """The record of `question` with another program, in the dialect of the one it had.

    Without a program the key is left out.
    """
    rest = {key: value for key, value in question.record.items() if key != "program"}
    if program is None:
        return rest
    return {**rest, "program": to_clevr(program, domain, _dialect(question.record.get("program")))}


def write_questions(path: Path, info: Any, records: Iterable[Mapping[str, Any]]) -> int:
    """Write a question file of CLEVR's layout and return how many questions it has.

    Args:
        info: what stands under `info` (split, version, licence).
        records: one object a question, taken one after the other.

    Raises:
        DataError: the file cannot be written.
    """
    return write_records(path, "questions", info, records)


def question_from_json(
    record: Any,
    domain: Domain,
    source: str,
    place: int = 0,
    *,
    images: Mapping[str, int] | None = None,
) -> Question:
    """The question of one record; the arguments are those of `read_questions`.

    Raises:
        DataError: no question or picture, a bad program, or no answer of the domain.
        OtherDomainError: its program is of another domain.
    """
    fields = Record.of(record, source, f"question {place}")
    stated = fields.whole("question_index")
    index = place if stated is None else stated
    fields = fields.at(f"question {index}")
    text = fields.text("question")
    if not text.strip():
        raise fields.problem("wanted text as 'question', got none")
    program, outputs = _program(fields, domain)
    example = Example(
        question=text,
        question_index=index,
        image_index=image_index(fields, images),
        program=program,
        answer=_answer(fields, domain),
        family=_family(fields.values, program),
    )
    return Question(example, fields.values, outputs, picture_of(fields))


def _program(fields: Record, domain: Domain) -> tuple[Program | None, tuple[Any, ...] | None]:
    nodes = fields.values.get("program")
    if nodes is None:
        return None, None
    try:
        program, places = decode_clevr(nodes, domain)
        program.check_tree_size()
    except ProgramTypeError as error:
        others = _other_domains(nodes, domain)
        if not others:
            raise fields.problem(f"program: {error} (domain {domain.name})") from error
        why = f"{' > '.join(error.path)}: got {error.got}"
        problem = f"wanted a program of domain {domain.name}, got one of {listing(others)} ({why})"
        raise OtherDomainError(fields.source, problem, fields.where, others) from error
    stored = {
        place: node["_output"]
        for node, place in zip(nodes, places, strict=True)
        if "_output" in node
    }
    return program, tuple(map(stored.get, range(len(program)))) if stored else None


def _other_domains(nodes: Any, domain: Domain) -> tuple[str, ...]:
    """The shipped domains that a program is of, where it is not of `domain`."""
    found = []
    for other in shipped_domains():
        try:
            if other.name != domain.name:
                decode_clevr(nodes, other)[0].check_tree_size()
                found.append(other.name)
        except ProgramTypeError:
            continue
    return tuple(found)


def _dialect(nodes: Any) -> Dialect:
    """That of the first node; of v1.0 where there is none."""
    first = nodes[0] if isinstance(nodes, list) and nodes else None
    if not isinstance(first, dict):
        return V1
    function = "type" if "type" in first else V1.function
    return Dialect(function, "side_inputs" if "side_inputs" in first else V1.values)


def _answer(fields: Record, domain: Domain) -> str | None:
    value = fields.values.get("answer")
    if value is None:
        return None
    answer = ""
    if isinstance(value, bool):
        answer = "yes" if value else "no"
    elif isinstance(value, str | int):
        answer = json_word(value) if isinstance(value, int) else value.strip()
        answer = {"true": "yes", "false": "no"}.get(answer.lower(), answer)
    if answer not in domain.answers:
        choices = listing(nearest(answer or json_word(value), domain.answers))
        raise fields.error(f"an answer of domain {domain.name} (nearest: {choices})", value)
    return answer


def _family(values: Mapping[str, Any], program: Program | None) -> str:
    """`one_hop 3`, `family 12`, or by the program; empty where nothing is known."""
    template, index = values.get("template_filename"), values.get("question_family_index")
    number = str(index) if type(index) is int else ""
    if isinstance(template, str) and template:
        return f"{template.removesuffix('.json')} {number}".rstrip()
    if number:
        return f"family {number}"
    return "" if program is None else question_type(program)
