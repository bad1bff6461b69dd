"""Questions to learn parsing from: their programs, where these are given, and their answers.

Nothing here looks at pictures; they are kept for those who do. A question is asked of one scene,
or the same words of several, which says more about what they mean.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int

from nmn.data.example import Example, Picture
from nmn.data.words import words_of
from nmn.domain import Domain
from nmn.errors import DataError
from nmn.program.program import Program
from nmn.progress import Stage, silent
from nmn.scene.plan import Plan, compile_programs, compile_tokens
from nmn.scene.scene import Scene
from nmn.scene.table import SceneTable
from nmn.scene.vectorised import run

Rows = Int[np.ndarray, " row"]

NOWHERE = -1
"""In place of a scene where a question is asked of fewer than others are."""

_FIRST = 4
"""Scenes on which all programs are tried; on the others only those that are right there."""
_PARTS, _ENOUGH = 8, 2
"""Scenes are looked at in so many parts, until there are so many times as many as wanted."""
_AT_ONCE = 500
"""Questions whose answers on all scenes are in memory together."""


@dataclass(frozen=True, eq=False)
class QuestionSet:
    """Questions of a domain with all that is known of them.

    Attributes:
        programs: None where a program is not given.
        scenes: all that any of them is asked of.
        asked: what each is asked of, by row in `scenes`; `NOWHERE` behind the last.
        answers: the right answer on each, as an index into the answers of the domain.
        indices: the place of each in its file; `NOWHERE` where it is in none.
        pictures: of each scene, where they were asked for.
    """

    domain: Domain
    questions: tuple[str, ...]
    families: tuple[str, ...]
    programs: tuple[Program | None, ...]
    scenes: SceneTable
    asked: Int[np.ndarray, "question scene"]
    answers: Int[np.ndarray, "question scene"]
    indices: Int[np.ndarray, " question"]
    pictures: tuple[Picture, ...] | None = None

    def __len__(self) -> int:
        return len(self.questions)

    @staticmethod
    def of(
        examples: Iterable[Example],
        domain: Domain,
        *,
        together: bool = False,
        pictures: bool = False,
    ) -> "QuestionSet":
        """The questions of some examples, each asked of the scene of its example.

        Args:
            together: whether examples with the same words are one question, of several scenes.
            pictures: whether those of the examples are kept.

        Raises:
            DataError: an example without scene or answer, or picture, or no examples.
        """
        number = {answer: index for index, answer in enumerate(domain.answers)}
        scenes: dict[int, Scene] = {}
        first: dict[str | int, Example] = {}
        asked: dict[str | int, list[tuple[int, int]]] = {}
        place: dict[int, int] = {}
        kept: dict[int, Picture] = {}
        for count, example in enumerate(examples):
            if example.scene is None or example.answer not in number:
                missing = "scene" if example.scene is None else "answer"
                where = f"question {example.question_index}"
                raise DataError("questions", f"wanted a {missing} to learn from", where)
            image = example.image_index
            scenes.setdefault(image, example.scene)
            if pictures and image not in kept:
                if example.picture is None:
                    where = f"question {example.question_index}"
                    raise DataError("questions", "wanted a picture to learn from", where)
                kept[image] = example.picture
            row = place.setdefault(image, len(place))
            key = example.question if together else count
            first.setdefault(key, example)
            asked.setdefault(key, []).append((row, number[str(example.answer)]))
        if not first:
            raise DataError("questions", "wanted at least one to learn from, got none")
        most = max(map(len, asked.values()))
        padded = np.full((2, len(first), most), NOWHERE)
        for index, pairs in enumerate(asked.values()):
            padded[:, index, : len(pairs)] = np.array(pairs).T
        return QuestionSet(
            domain,
            tuple(example.question for example in first.values()),
            tuple(example.family for example in first.values()),
            tuple(example.program for example in first.values()),
            SceneTable.of(tuple(scenes.values()), domain),
            asked=padded[0],
            answers=padded[1],
            indices=np.array([example.question_index for example in first.values()]),
            pictures=tuple(kept.values()) if pictures else None,
        )

    @staticmethod
    def joined(sets: "list[QuestionSet]") -> "QuestionSet":
        """The questions of some sets of one domain, one set after the other.

        Raises:
            DataError: sets of different domains.
        """
        if len(sets) == 1:
            return sets[0]
        domain = sets[0].domain
        if any(other.domain != domain for other in sets):
            raise DataError("questions", "sets of different domains cannot be joined")
        most = max(part.asked.shape[1] for part in sets)
        asked, answers, before = [], [], 0
        for part in sets:
            room = ((0, 0), (0, most - part.asked.shape[1]))
            rows = np.where(part.asked == NOWHERE, NOWHERE, part.asked + before)
            asked.append(np.pad(rows, room, constant_values=NOWHERE))
            answers.append(np.pad(part.answers, room, constant_values=NOWHERE))
            before += len(part.scenes.scenes)
        return QuestionSet(
            domain,
            tuple(question for part in sets for question in part.questions),
            tuple(family for part in sets for family in part.families),
            tuple(program for part in sets for program in part.programs),
            SceneTable.of([scene for part in sets for scene in part.scenes.scenes], domain),
            np.concatenate(asked),
            np.concatenate(answers),
            np.concatenate([part.indices for part in sets]),
            _all_pictures(sets),
        )

    def words(self, row: int) -> tuple[str, ...]:
        """Those of a question."""
        return words_of(self.questions[row])

    def rows(self, rows: Rows) -> "QuestionSet":
        """Some of them, in this order."""
        chosen = rows.tolist()
        return replace(
            self,
            questions=tuple(self.questions[row] for row in chosen),
            families=tuple(self.families[row] for row in chosen),
            programs=tuple(self.programs[row] for row in chosen),
            asked=self.asked[rows],
            answers=self.answers[rows],
            indices=self.indices[rows],
        )

    def without_programs(self, rows: Rows) -> "QuestionSet":
        """The same, but for the programs of some, which are no longer given."""
        programs = list(self.programs)
        for row in rows.tolist():
            programs[row] = None
        return replace(self, programs=tuple(programs))

    def with_more(self, more: Iterable[tuple[str, Program]], family: str) -> "QuestionSet":
        """The same and some more questions with their programs, asked of no scene."""
        known = list(more)
        room = ((0, len(known)), (0, 0))
        return replace(
            self,
            questions=(*self.questions, *(question for question, _ in known)),
            families=(*self.families, *[family] * len(known)),
            programs=(*self.programs, *(program for _, program in known)),
            asked=np.pad(self.asked, room, constant_values=NOWHERE),
            answers=np.pad(self.answers, room, constant_values=NOWHERE),
            indices=np.pad(self.indices, room[0], constant_values=NOWHERE),
        )

    def asked_of(self, most: int, rng: np.random.Generator, stage: Stage = silent) -> "QuestionSet":
        """The same words, each asked of up to `most` of the scenes, answered by their programs.

        The scenes are drawn so that no answer comes oftener than others as far as possible; a
        scene on which a program fails is none to ask it of. Questions are left out for which
        there is no scene.

        Raises:
            DataError: a question without program.
        """
        if None in self.programs:
            raise DataError("questions", "only those with programs can be asked of other scenes")
        asked = np.full((len(self), most), NOWHERE)
        answers = asked.copy()
        for begin in range(0, len(self), _AT_ONCE):
            stage("asking questions of scenes", begin, len(self))
            rows = np.arange(begin, min(begin + _AT_ONCE, len(self)))
            said = np.full((len(rows), len(self.scenes.scenes)), NOWHERE)
            for scenes in np.array_split(rng.permutation(said.shape[1]), _PARTS):
                # Most questions find enough scenes among a part of them.
                open_ = np.flatnonzero((said >= 0).sum(axis=1) < _ENOUGH * most)
                said[open_[:, None], scenes] = self._answers(rows[open_], scenes)
            for row, column in zip(rows, said, strict=True):
                chosen = _balanced(column, most, rng)
                asked[row, : len(chosen)] = chosen
                answers[row, : len(chosen)] = column[chosen]
        kept = np.flatnonzero(asked[:, 0] != NOWHERE)
        return replace(self, asked=asked, answers=answers).rows(kept)

    def _answers(
        self, rows: Rows, scenes: Int[np.ndarray, " scene"]
    ) -> Int[np.ndarray, "row scene"]:
        """What given programs answer on some scenes; less than 0 where they fail."""
        if not (len(rows) and len(scenes)):
            return np.full((len(rows), len(scenes)), NOWHERE)
        programs = [self.programs[row] for row in rows.tolist()]
        plan = compile_programs([p for p in programs if p is not None], self.domain)
        each = [run(plan, self.scenes, np.full(len(rows), scene)).answers for scene in scenes]
        return np.stack(each, axis=1)

    def right(self, rows: Rows, tokens: Int[np.ndarray, "row token"]) -> Bool[np.ndarray, " row"]:
        """Whether each program gives the right answer wherever its question is asked.

        Args:
            rows: the question of each program.
            tokens: programs as tokens. What is no well-typed program is never right, nor is one
                that fails.
        """
        every = np.zeros(len(rows), dtype=bool)
        first, rest = slice(0, _FIRST), slice(_FIRST, None)
        plan, there = compile_tokens(tokens, self.domain)
        there = there[self._all_right(plan, rows[there], first)]
        if self.asked.shape[1] > _FIRST and len(there):
            plan, _ = compile_tokens(tokens[there], self.domain)
            there = there[self._all_right(plan, rows[there], rest)]
        every[there] = True
        return every

    def right_on(
        self, rows: Rows, tokens: Int[np.ndarray, "row token"], scenes: Rows
    ) -> Bool[np.ndarray, " row"]:
        """Whether each program gives the right answer on one scene of its question.

        Args:
            scenes: of each, the place of the scene among those its question is asked of.
        """
        right = np.zeros(len(rows), dtype=bool)
        plan, there = compile_tokens(tokens, self.domain)
        asked, wanted = self.asked[rows, scenes][there], self.answers[rows, scenes][there]
        found = run(plan, self.scenes, np.maximum(asked, 0)).answers
        right[there] = (found == wanted) & (asked != NOWHERE)
        return right

    def answered(self, tokens: Int[np.ndarray, "question token"]) -> list[str | None]:
        """What a program answers to each question on its first scene; None where it fails."""
        plan, there = compile_tokens(tokens, self.domain)
        found = run(plan, self.scenes, np.maximum(self.asked[there, 0], 0)).answers
        said: list[str | None] = [None] * len(self)
        for row, answer in zip(there.tolist(), found.tolist(), strict=True):
            if answer >= 0 and self.asked[row, 0] != NOWHERE:
                said[row] = self.domain.answers[answer]
        return said

    def _all_right(self, plan: Plan, rows: Rows, scenes: slice) -> Bool[np.ndarray, " row"]:
        right = np.ones(len(rows), dtype=bool)
        for found, nowhere in self._right(plan, rows, scenes):
            right &= found | nowhere
        return right

    def _right(
        self, plan: Plan, rows: Rows, scenes: slice
    ) -> Iterator[tuple[Bool[np.ndarray, " row"], Bool[np.ndarray, " row"]]]:
        """For each scene in turn, whether programs are right there, and who has none there."""
        asked, wanted = self.asked[rows, scenes], self.answers[rows, scenes]
        for scene, answer in zip(asked.T, wanted.T, strict=True):
            found = run(plan, self.scenes, np.maximum(scene, 0)).answers
            yield found == answer, scene == NOWHERE


def _all_pictures(sets: list[QuestionSet]) -> tuple[Picture, ...] | None:
    """Those of all scenes, if there is none without."""
    if any(part.pictures is None for part in sets):
        return None
    return tuple(picture for part in sets for picture in part.pictures or ())


def _balanced(
    answers: Int[np.ndarray, " scene"], most: int, rng: np.random.Generator
) -> Int[np.ndarray, " chosen"]:
    """Up to `most` scenes with an answer, of each answer about as many as of the others."""
    order = rng.permutation(len(answers))
    order = order[answers[order] >= 0]
    turn = np.zeros(len(order), dtype=np.intp)
    for answer in np.unique(answers[order]):
        these = answers[order] == answer
        turn[these] = np.arange(these.sum())
    return order[np.argsort(turn, kind="stable")[:most]]
