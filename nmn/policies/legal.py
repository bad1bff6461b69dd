"""Legal next tokens of many programs at once: `nmn.program.transitions` as tables of numbers.

Each row of a batch is a program in the making, in prefix order. What is still expected is a stack
of types; the types, the least number of tokens that make something of each, and what each token
puts on the stack are look-ups. So every sequence of legal tokens ends in a well-typed program.
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from nmn.errors import ProgramTypeError
from nmn.program.ops import OPERATIONS
from nmn.program.steps import MOST_INPUTS, step_table
from nmn.program.tokens import END, SPECIAL, TokenVocabulary
from nmn.program.transitions import Transitions


@dataclass(frozen=True, eq=False)
class Expected:
    """Where programs stand.

    Attributes:
        stack: the types that are still to come, the next one at `depth - 1`.
        depth: how many they are; 0 for a whole program.
        needed: the least number of tokens that bring them all.
        room: how many tokens may still be written, `END` not counted.
        ended: whether `END` was written.
    """

    stack: Int[Tensor, "batch depth"]
    depth: Int[Tensor, " batch"]
    needed: Int[Tensor, " batch"]
    room: Int[Tensor, " batch"]
    ended: Bool[Tensor, " batch"]

    def rows(self, index: Tensor) -> "Expected":
        """Some of them, in the order of `index`; a row may come twice."""
        return Expected(*(part[index] for part in self._parts()))

    def _parts(self) -> tuple[Tensor, ...]:
        return self.stack, self.depth, self.needed, self.room, self.ended


class LegalTokens(nn.Module):
    """The transition system of a vocabulary; tables move with the model they are part of.

    Args:
        answerable: whether programs must yield something that is an answer of the domain.
        without: operations that are not to be used, though the domain has them.
    """

    def __init__(
        self,
        vocabulary: TokenVocabulary,
        *,
        answerable: bool = True,
        without: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        table, system = step_table(vocabulary.domain), Transitions(vocabulary)
        roots = table.answerable if answerable else table.answers
        types = table.types
        smallest = torch.tensor([system.smallest[kind] for kind in types])
        count = len(types)  # two more: any answer, as the root is, and nothing
        self._root, self._nothing = count, count + 1
        fits = torch.zeros(count + 2, len(vocabulary), dtype=torch.bool)
        outputs, inputs = torch.from_numpy(table.outputs), torch.from_numpy(table.inputs)
        steps = torch.arange(len(SPECIAL), len(vocabulary))
        fits[outputs, steps] = True
        fits[self._root, steps] = torch.from_numpy(roots)
        fits[self._nothing, END] = True
        fits[:, [token for token in steps if vocabulary.step(int(token)).operation in without]] = (
            False
        )
        # What a token puts on the stack, its first input last; and how many.
        pushed = torch.full((len(vocabulary), MOST_INPUTS), self._nothing)
        arity = torch.zeros(len(vocabulary), dtype=torch.long)
        for step, node in enumerate(vocabulary.steps):
            kinds = inputs[step, : len(OPERATIONS[node.operation].inputs)]
            pushed[len(SPECIAL) + step, : len(kinds)] = kinds.flip(0)
            arity[len(SPECIAL) + step] = len(kinds)
        root = int(smallest[outputs[torch.from_numpy(roots)]].min())
        least = torch.cat([smallest, torch.tensor([root, 0])])
        tables = {
            "_fits": fits,
            "_pushed": pushed,
            "_arity": arity,
            "_least": least,
            "_inside": least[pushed].sum(1),
        }
        for name, values in tables.items():
            self.register_buffer(name, values, persistent=False)
        self._fits: Tensor
        self._pushed: Tensor
        self._arity: Tensor
        self._least: Tensor
        self._inside: Tensor

    def start(self, batch: int, room: int) -> Expected:
        """Programs before their first token.

        Raises:
            ProgramTypeError: no program fits into `room` tokens.
        """
        device, needed = self._least.device, int(self._least[self._root])
        if needed > room:
            raise ProgramTypeError(("start",), f"room for at least {needed} tokens", str(room))
        # Each token fills one place and opens up to MOST_INPUTS.
        stack = torch.full((batch, room * (MOST_INPUTS - 1) + 1), self._nothing, device=device)
        stack[:, 0] = self._root
        ones = torch.ones(batch, dtype=torch.long, device=device)
        return Expected(stack, ones, ones * needed, ones * room, ones == 0)

    def legal(self, state: Expected) -> Bool[Tensor, "batch token"]:
        """The tokens that may come next: `END` alone when a program is whole, none after it."""
        top = self._top(state)
        others = state.needed - self._least[top]
        left = state.room - 1 - others
        fits = self._fits[top] & ((self._inside <= left[:, None]) | (state.depth == 0)[:, None])
        return fits & ~state.ended[:, None]

    def advance(self, state: Expected, token: Int[Tensor, " batch"]) -> Expected:
        """The state after a token each, which must be legal; what has ended stays as it is."""
        step = token >= len(SPECIAL)
        last = (state.depth - 1).clamp_min(0)
        width = state.stack.shape[1]
        top = state.stack.gather(1, last[:, None]).squeeze(1)
        stack = state.stack
        for place in range(MOST_INPUTS):
            at = (last + place).clamp_max(width - 1)[:, None]
            # A place beyond what the token puts there is above the new top: it does no harm.
            value = torch.where(step, self._pushed[token, place], stack.gather(1, at).squeeze(1))
            stack = stack.scatter(1, at, value[:, None])
        arity = self._arity[token]
        return Expected(
            stack,
            torch.where(step, last + arity, state.depth),
            torch.where(step, state.needed - self._least[top] + self._inside[token], state.needed),
            torch.where(step, state.room - 1, state.room),
            state.ended | (token == END),
        )

    def _top(self, state: Expected) -> Int[Tensor, " batch"]:
        top = state.stack.gather(1, (state.depth - 1).clamp_min(0)[:, None]).squeeze(1)
        return top.masked_fill(state.depth == 0, self._nothing)
