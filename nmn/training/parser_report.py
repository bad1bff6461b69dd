"""How well a parser does: exact match, the answers of its programs, and whether they are any."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int

from nmn.data.example import question_type
from nmn.data.question_set import QuestionSet
from nmn.errors import ConfigError
from nmn.policies.base import Policy
from nmn.policies.decode import Decoding
from nmn.policies.parsers import ParserModel
from nmn.policies.spoken import program_said
from nmn.program.canonical import canonical
from nmn.program.differences import KINDS, difference
from nmn.program.tokens import PAD, TokenVocabulary
from nmn.progress import Stage, silent
from nmn.scene.plan import compile_tokens
from nmn.training.metrics import clustered_interval, natural_order
from nmn.training.parser_checkpoint import ParserCheckpoint

BATCH_SIZE = 256
HEADINGS = {"exact_match": "exact match", "accuracy": "right answers", "well_typed": "well-typed"}
"""What is measured, as tables call it."""
MEASURES = tuple(HEADINGS)
_EXAMPLES = 5
"""Of each kind of difference."""
_WORDS = 5
"""Numbers of words that are one group."""

Said = Int[np.ndarray, "question token"]


@dataclass(frozen=True, eq=False)
class Parsed:
    """What became of each question.

    Attributes:
        tokens: of its program, the most probable one.
        well_typed: whether that is a program.
        right: whether its answers are right, on all scenes that the question is asked of.
        exact: whether it is the given program, in canonical form; None where none is given.
    """

    tokens: Said
    well_typed: Bool[np.ndarray, " question"]
    right: Bool[np.ndarray, " question"]
    exact: tuple[bool | None, ...]


def parsed(
    model: ParserModel,
    decoding: Decoding,
    questions: QuestionSet,
    width: int = 1,
    stage: Stage = silent,
) -> Parsed:
    """Parse questions and execute their programs, by rules on the scenes they are asked of.

    Args:
        width: of the beam; 1 is greedy.
    """
    room = decoding.room + 1
    rows = []
    for tokens in _said(model, decoding, questions, width):
        padded = np.full((len(tokens), max(room, tokens.shape[1])), PAD)
        padded[:, : tokens.shape[1]] = tokens
        rows.append(padded)
        stage("parsing", sum(map(len, rows)), len(questions))
    tokens = np.concatenate(rows)
    every = np.arange(len(questions))
    well_typed = np.zeros(len(questions), dtype=bool)
    well_typed[compile_tokens(tokens, questions.domain)[1]] = True
    right = questions.right(every, tokens)
    vocabulary = TokenVocabulary(questions.domain)
    exact = tuple(
        None
        if program is None
        else bool(typed) and canonical(vocabulary.decode(said)) == canonical(program)
        for program, said, typed in zip(
            questions.programs, tokens.tolist(), well_typed, strict=True
        )
    )
    return Parsed(tokens, well_typed, right, exact)


def report_on(
    checkpoint: ParserCheckpoint, questions: QuestionSet, stage: Stage = silent
) -> dict[str, Any]:
    """How well the parser of a checkpoint does on some questions.

    Raises:
        ConfigError: they are of another domain.
    """
    return parser_report(questions, parsed_by(checkpoint, questions, stage))


def parsed_by(
    checkpoint: ParserCheckpoint, questions: QuestionSet, stage: Stage = silent
) -> Parsed:
    """What becomes of some questions with the parser of a checkpoint.

    Raises:
        ConfigError: they are of another domain.
    """
    own = checkpoint.model.tokens.domain
    if questions.domain != own:
        problem = f"questions of domain {questions.domain.name} for a parser of {own.name}"
        raise ConfigError("--data", problem)
    decoding = Decoding.of(checkpoint.preset.decoding, checkpoint.model.tokens)
    return parsed(checkpoint.model, decoding, questions, stage=stage)


def predictions_of(questions: QuestionSet, found: Parsed) -> Iterator[dict[str, Any]]:
    """A record a question: its program, what that answers, and whether it is the stored one."""
    vocabulary = TokenVocabulary(questions.domain)
    for row, answer in enumerate(questions.answered(found.tokens)):
        program = program_said(found.tokens[row].tolist(), vocabulary)
        yield {
            "question_index": int(questions.indices[row]),
            "answer": answer,
            "program": None if program is None else str(program),
            "exact_match": found.exact[row],
        }


def outcomes(found: Parsed) -> dict[str, str]:
    """For each measure a sign a question: `1` for yes, `0` for no, `-` where it is not known."""
    signs = {True: "1", False: "0", None: "-"}
    measured = {"exact_match": found.exact, "accuracy": found.right, "well_typed": found.well_typed}
    return {
        name: "".join(signs[None if value is None else bool(value)] for value in values)
        for name, values in measured.items()
    }


def parser_report(questions: QuestionSet, found: Parsed) -> dict[str, Any]:
    """Rates with intervals, in all and by family, type and number of words; and `differences`.

    The type of a question is that of its given program.
    """
    every, texts = list(range(len(questions))), clusters_of(questions)
    groups: dict[str, dict[str, list[int]]] = {"by_family": {}, "by_type": {}, "by_words": {}}
    for row, program in enumerate(questions.programs):
        if questions.families[row]:
            groups["by_family"].setdefault(questions.families[row], []).append(row)
        if program is not None:
            groups["by_type"].setdefault(question_type(program), []).append(row)
        begin = max(0, len(questions.words(row)) - 1) // _WORDS * _WORDS + 1
        groups["by_words"].setdefault(f"{begin} to {begin + _WORDS - 1}", []).append(row)
    grouped = {
        kind: {
            name: _measures(found, rows[name], texts) for name in sorted(rows, key=natural_order)
        }
        for kind, rows in groups.items()
    }
    return {
        "questions": len(questions),
        **_measures(found, every, texts),
        **grouped,
        "differences": _differences(questions, found),
    }


def _differences(questions: QuestionSet, found: Parsed) -> dict[str, dict[str, Any]]:
    """How programs differ from the given ones: by kind how many, how many of them right."""
    vocabulary = TokenVocabulary(questions.domain)
    kinds: dict[str, dict[str, Any]] = {}
    for row, given in enumerate(questions.programs):
        if given is None or not found.well_typed[row]:
            continue
        said = vocabulary.decode(found.tokens[row].tolist())
        kind = kinds.setdefault(difference(said, given), {"count": 0, "right": 0, "examples": []})
        kind["count"] += 1
        kind["right"] += int(found.right[row])
        if len(kind["examples"]) < _EXAMPLES:
            question = questions.questions[row]
            texts = {"said": str(canonical(said)), "given": str(canonical(given))}
            kind["examples"].append(
                {"question": question, **texts, "right": bool(found.right[row])}
            )
    return {name: kinds[name] for name in KINDS if name in kinds}


def _measures(
    found: Parsed, rows: Sequence[int], clusters: Int[np.ndarray, " question"]
) -> dict[str, Any]:
    known = [row for row in rows if found.exact[row] is not None]
    exact = np.array([found.exact[row] for row in known], dtype=bool)
    return {
        "exact_match": _rate(exact, clusters[known]),
        "accuracy": _rate(found.right[rows], clusters[rows]),
        "well_typed": _rate(found.well_typed[rows], clusters[rows]),
    }


def clusters_of(questions: QuestionSet) -> Int[np.ndarray, " question"]:
    """A number for each different text: what a parser makes of it is one thing."""
    digests = (hashlib.sha256(text.encode()).digest() for text in questions.questions)
    return np.array([int.from_bytes(digest[:6]) for digest in digests])


def _rate(went_well: Bool[np.ndarray, " row"], clusters: Int[np.ndarray, " row"]) -> dict[str, Any]:
    """A share with its interval over clusters; None where there are none."""
    total, successes = len(went_well), int(went_well.sum())
    place = np.unique(clusters, return_inverse=True)[1]
    right, totals = (np.bincount(place, weights) for weights in (went_well, np.ones(total)))
    low, high = clustered_interval(right, totals)
    return {
        "rate": successes / total if total else None,
        "successes": successes,
        "total": total,
        "interval": [low, high],
    }


@torch.no_grad()
def _said(
    model: ParserModel, decoding: Decoding, questions: QuestionSet, width: int
) -> Iterator[Said]:
    """The most probable program of each question, a batch at a time."""
    model.eval()
    device = next(chain(model.parameters(), model.buffers())).device
    for begin in range(0, len(questions), BATCH_SIZE):
        rows = range(begin, min(begin + BATCH_SIZE, len(questions)))
        words = model.words.encode([questions.words(row) for row in rows]).to(device)
        if not isinstance(model, Policy):
            yield model.programs[model.nearest(words)[0][:, 0]].cpu().numpy()
        elif width == 1:
            yield decoding.greedy(model, model.encode(words)).tokens.cpu().numpy()
        else:
            found = decoding.beam(model, model.encode(words), width)
            yield found.tokens[:, 0].cpu().numpy()
