"""What the tests of policies share: small worlds, programs, questions, and a policy by hand."""

from collections.abc import Collection, Sequence
from functools import cache
from random import Random

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn

from nmn.data.example import Example
from nmn.data.question_set import QuestionSet
from nmn.data.vocabulary import WordVocabulary, vocabulary_of
from nmn.data.words import words_of
from nmn.domain import Domain
from nmn.errors import ExecutionError
from nmn.policies.base import Memory, Policy, Said, State
from nmn.program.program import Program
from nmn.program.text import parse_program
from nmn.program.tokens import END, PAD, START, TokenVocabulary
from nmn.scene.scene import Scene, SceneObject, grid_scene
from nmn.scene.symbolic import execute
from tests.strategies import CLEVR, SHAPES, TRANSITIONS

VOCABULARIES = {"shapes": TokenVocabulary(SHAPES), "clevr": TokenVocabulary(CLEVR)}
TAUGHT = {
    "is there a red circle": "exists(filter[circle](filter[red](scene)))",
    "is there a blue square": "exists(filter[square](filter[blue](scene)))",
    "is a circle red": "exists(and(filter[circle](scene), filter[red](scene)))",
    "is there a green shape": "exists(filter[green](scene))",
    "is a square above": "exists(relate[above](filter[square](scene)))",
}
"""Questions of SHAPES and their programs."""


def tokens_of(text: str, domain: Domain) -> tuple[int, ...]:
    """The tokens of a program, without `END`."""
    return tuple(VOCABULARIES[domain.name].encode(parse_program(text, domain))[:-1])


def program_of(tokens: Sequence[int], domain: Domain) -> Program:
    """The program that tokens say."""
    return VOCABULARIES[domain.name].decode(tokens)


def padded(programs: Sequence[Sequence[int]], width: int = 0) -> Int[np.ndarray, "program token"]:
    """Programs without `END`, with it, as rows."""
    longest = max([width, *(len(program) + 1 for program in programs)])
    rows = np.full((len(programs), longest), PAD)
    for row, program in zip(rows, programs, strict=True):
        row[: len(program) + 1] = [*program, END]
    return rows


def walks(
    domain: Domain, count: int, seed: int, most: int = 12, without: Collection[str] = ()
) -> list[tuple[int, ...]]:
    """Random well-typed programs whose answers the domain has, without `END`."""
    random, system = Random(seed), TRANSITIONS[domain.name]
    found: list[tuple[int, ...]] = []
    while len(found) < count:
        state, tokens = system.start(random.randint(2, most)), list[int]()
        while not state.ended:
            tokens.append(random.choice(system.legal(state)))
            state = system.advance(state, tokens[-1])
        steps = [system.vocabulary.step(token) for token in tokens[:-1]]
        answers = ("exists", "equal", "equal_number", "less_than", "greater_than")
        if domain.name == "shapes" and steps[0].operation not in answers:
            continue
        if not any(step.operation in without for step in steps):
            found.append(tuple(tokens[:-1]))
    return found


@cache
def some_scenes(name: str, count: int, seed: int = 0) -> tuple[Scene, ...]:
    """Random ones: grids of 2 x 3 cells, or tables of up to four things."""
    random = Random(seed)
    return tuple(_grid(random) if name == "shapes" else _table(random) for _ in range(count))


def _grid(random: Random) -> Scene:
    cells = tuple(
        tuple(
            {a.name: random.choice(a.values) for a in SHAPES.attributes}
            if random.random() < 0.7
            else None
            for _ in range(3)
        )
        for _ in range(2)
    )
    return grid_scene(cells)


def _table(random: Random) -> Scene:
    count = random.randint(1, 4)
    things = range(count)
    across, deep = ([random.random() for _ in things] for _ in range(2))
    objects = tuple(
        SceneObject({a.name: random.choice(a.values) for a in CLEVR.attributes}) for _ in things
    )
    relations = {
        "left": tuple(tuple(i for i in things if across[i] < across[j]) for j in things),
        "right": tuple(tuple(i for i in things if across[i] > across[j]) for j in things),
        "front": tuple(tuple(i for i in things if deep[i] < deep[j]) for j in things),
        "behind": tuple(tuple(i for i in things if deep[i] > deep[j]) for j in things),
    }
    return Scene(objects, relations)


def answer_of(program: Program, scene: Scene, domain: Domain) -> int:
    """Its index by exact execution; -1 for what fails and what is no answer of the domain."""
    try:
        answer = execute(program, scene).answer
    except ExecutionError:
        return -1
    return domain.answers.index(answer) if answer in domain.answers else -1


def examples_of(
    questions: dict[str, str], domain: Domain, scenes: Sequence[Scene]
) -> list[Example]:
    """Each question with the answer of its program on each scene where it has one."""
    found: list[Example] = []
    for family, (question, text) in enumerate(questions.items()):
        program = parse_program(text, domain)
        for image, scene in enumerate(scenes):
            answer = answer_of(program, scene, domain)
            if answer >= 0:
                said, index = domain.answers[answer], len(found)
                name = f"family {family}"
                found.append(Example(question, index, image, None, program, said, name, scene))
    return found


def question_set(
    questions: dict[str, str] = TAUGHT, domain: Domain = SHAPES, count: int = 12
) -> QuestionSet:
    """Questions asked of some random scenes, the same words together."""
    examples = examples_of(questions, domain, some_scenes(domain.name, count))
    return QuestionSet.of(examples, domain, together=True)


def words_in(data: QuestionSet) -> WordVocabulary:
    """All words of the questions."""
    return vocabulary_of(words_of(question) for question in data.questions)


class Table(Policy):
    """Says tokens with the same logits at each step, whatever the question.

    Args:
        logits: of each step, and token; from the last step on always the same.
    """

    def __init__(self, words: WordVocabulary, tokens: TokenVocabulary, logits: Tensor) -> None:
        super().__init__()
        self.words, self.tokens = words, tokens
        self.logits = nn.Parameter(logits)

    @staticmethod
    def saying(
        program: Sequence[int], words: WordVocabulary, tokens: TokenVocabulary, by: float = 8.0
    ) -> "Table":
        """One that holds a program for the most probable one, by so much at each step."""
        logits = torch.zeros(len(program) + 1, len(tokens))
        logits[range(len(program) + 1), [*program, END]] = by
        return Table(words, tokens, logits)

    def encode(self, words: Int[Tensor, "batch word"]) -> Memory:
        """Nothing of them matters."""
        return Memory(torch.zeros(*words.shape, 1), words != WordVocabulary.PAD)

    def start(self, memory: Memory) -> State:
        """The step."""
        return (torch.zeros(len(memory.words), dtype=torch.long),)

    def step(
        self, memory: Memory, state: State, token: Int[Tensor, " batch"]
    ) -> tuple[Said, State]:
        """See `Policy`."""
        del memory, token
        place = state[0].clamp_max(len(self.logits) - 1)
        return Said(self.logits[place][:, None]), (state[0] + 1,)

    def teacher_forced(self, memory: Memory, tokens: Int[Tensor, "batch step"]) -> Said:
        """See `Policy`."""
        del memory
        place = torch.arange(tokens.shape[1]).clamp_max(len(self.logits) - 1)
        return Said(self.logits[place].expand(len(tokens), -1, -1))


QUESTIONS = (("is", "there", "red"), ("is", "circle"), ("above", "there", "is", "circle", "red"))
"""Questions of different lengths, as words."""
WORDS = WordVocabulary(("is", "there", "red", "circle", "above"))


def some_tokens(policy: Policy, batch: int, steps: int) -> Int[Tensor, "batch step"]:
    """Random ones, the first of which is `START`."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(END, len(policy.tokens), (batch, steps), generator=generator)
    tokens[:, 0] = START
    return tokens


def check_steps(policy: Policy) -> None:
    """Step by step a policy says what it says at once, and it does not look ahead."""
    memory = policy.encode(WORDS.encode(QUESTIONS))
    tokens = some_tokens(policy, 3, 6)
    at_once = policy.teacher_forced(memory, tokens)
    state = policy.start(memory)
    for place, token in enumerate(tokens.unbind(1)):
        said, state = policy.step(memory, state, token)
        torch.testing.assert_close(said.logits[:, 0], at_once.logits[:, place])
        if at_once.attention is not None:
            assert said.attention is not None
            torch.testing.assert_close(said.attention[:, 0], at_once.attention[:, place])
        else:
            assert said.attention is None
    other = tokens.clone()
    other[:, 3:] = tokens[:, 3:].flip(0)
    changed = policy.teacher_forced(memory, other).logits
    torch.testing.assert_close(changed[:, :3], at_once.logits[:, :3])
    assert not torch.allclose(changed[:, 3:], at_once.logits[:, 3:])


def check_padding(policy: Policy) -> None:
    """A question says in a batch what it says alone, and in whatever order rows are taken."""
    words, tokens = WORDS.encode(QUESTIONS), some_tokens(policy, 3, 4)
    memory = policy.encode(torch.cat([words, torch.zeros(3, 2, dtype=torch.long)], 1))
    together = policy.teacher_forced(memory, tokens)
    order = torch.tensor([2, 0, 2])
    turned = policy.teacher_forced(memory.rows(order), tokens[order])
    torch.testing.assert_close(turned.logits, together.logits[order])
    for row, question in enumerate(QUESTIONS):
        own = policy.encode(WORDS.encode([question]))
        alone = policy.teacher_forced(own, tokens[row : row + 1])
        torch.testing.assert_close(alone.logits[0], together.logits[row])
        if together.attention is not None:
            assert alone.attention is not None
            weights = together.attention[row]
            torch.testing.assert_close(alone.attention[0], weights[:, : len(question)])
            assert (weights[:, len(question) :] == 0).all()
            torch.testing.assert_close(weights.sum(1), torch.ones(4))


def check_gradient(policy: Policy, words: nn.Embedding) -> None:
    """What is said of a question depends on each of its words, and on those of no other."""
    memory = policy.encode(WORDS.encode(QUESTIONS))
    said = policy.teacher_forced(memory, some_tokens(policy, 3, 4))
    for row, question in enumerate(QUESTIONS):
        loss = said.logits[row, :, 3:].log_softmax(1)[:, 0].sum()
        (gradient,) = torch.autograd.grad(loss, words.weight, retain_graph=True)
        reached = {WORDS.words[word - 2] for word in gradient.any(1).nonzero().flatten().tolist()}
        assert reached == set(question)


def check_all_learn(policy: Policy) -> None:
    """Every parameter gets a gradient."""
    memory = policy.encode(WORDS.encode(QUESTIONS))
    said = policy.teacher_forced(memory, some_tokens(policy, 3, 4))
    said.logits.log_softmax(2)[:, :, 3].sum().backward()  # type: ignore[no-untyped-call]
    missed = {name for name, weights in policy.named_parameters() if weights.grad is None}
    assert not missed
