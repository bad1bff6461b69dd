"""Fuzzy logic on doubts.

A doubt is the inverse odds of a statement, `exp(-logit)`: 0 for what is certain, 1 where nothing
is known, very large for what is impossible. On doubts the softened connectives need no
transcendental function:

    both of a, b       -log(exp(-x) + exp(-y)) on logits     a + b             on doubts
    any of a_1 ...      log(exp(x_1) + ...)                   1 / (1/a_1 + ...)

and the hard ones (Goedel's minimum and maximum of logits) are maximum and minimum of doubts. Made
of logits they are within `exp(+-LIMIT)`, so that in programs of usual size their squares are finite
in single precision.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

Runs = Sequence[tuple[int, int]]

LIMIT = 30.0
"""The largest logit that a doubt is made of, and minus the smallest."""

IMPOSSIBLE = math.exp(LIMIT)
"""The doubt of what is not so for certain, without the trouble of infinities."""

_CPU_PIECE, _GPU_PIECE = 1 << 19, 1 << 26
"""Numbers that are worked on at once: so many stay in a processor's cache, or keep a GPU busy."""


def doubts(logits: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The doubts of statements with these logits."""
    return logits.clamp(-LIMIT, LIMIT).neg().exp()


def both(first: Tensor, second: Tensor, *, soft: bool) -> Tensor:
    """The conjunction, softened or hard."""
    return first + second if soft else torch.maximum(first, second)


def either(first: Tensor, second: Tensor, *, soft: bool) -> Tensor:
    """The disjunction, softened or hard."""
    if soft:
        return (first.reciprocal() + second.reciprocal()).reciprocal()
    return torch.minimum(first, second)


def any_of(each: Tensor, dimension: int, *, soft: bool) -> Tensor:
    """The disjunction along a dimension."""
    return each.reciprocal().sum(dimension).reciprocal() if soft else each.amin(dimension)


def any_other(each: Float[Tensor, "*shape cell"], *, soft: bool) -> Float[Tensor, "*shape cell"]:
    """For each place of the last dimension, the disjunction of all other places.

    Leaving out what counts most is done by adding up the others, all else by subtraction: so
    nothing is lost to cancellation.
    """
    first = each.argmin(-1, keepdim=True)
    if soft:
        odds = each.reciprocal()
        rest = odds.sum(-1, keepdim=True) - odds
        without_first = odds.scatter(-1, first, 0.0).sum(-1, keepdim=True)
        return rest.scatter(-1, first, without_first).clamp(min=1 / IMPOSSIBLE).reciprocal()
    without_first = each.scatter(-1, first, IMPOSSIBLE).amin(-1, keepdim=True)
    lowest = each.amin(-1, keepdim=True).expand_as(each)
    return lowest.scatter(-1, first, without_first)


def reached(
    starts: Float[Tensor, "node start"],
    ways: Float[Tensor, "way cell start"],
    runs: Runs | None = None,
    *,
    soft: bool,
) -> Float[Tensor, "node cell"]:
    """Whether a cell is reached from any start: `any over j of both(ways[., i, j], starts[j])`.

    Args:
        ways: `ways[w, i, j]` is the doubt that way `w` leads to `i` from `j`.
        runs: `(way, how many nodes take it)`, in the order of the nodes; None where each node has
            a way of its own, or all have the only one.
    """
    dtype = torch.promote_types(starts.dtype, ways.dtype)
    starts, ways = starts.to(dtype).contiguous(), ways.to(dtype).contiguous()
    if runs is None and len(ways) == 1:
        runs = ((0, len(starts)),)
    if soft:
        result: Tensor = _SoftlyReached.apply(starts, ways, runs)  # type: ignore[no-untyped-call]
        return result
    pieces = []
    for piece in _pieces(starts, ways, runs):
        capped = [torch.maximum(ways[part.ways], starts[part.nodes, None]) for part in piece]
        pieces += [each.amin(2) for each in capped]
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces)


class _SoftlyReached(torch.autograd.Function):
    """With s = sum over j of 1 / (ways_ij + starts_j), the result is 1 / s.

    Nothing of the size of `node cell start` is kept for the gradient; it is made again in pieces.
    """

    @staticmethod
    def forward(ctx: Any, starts: Tensor, ways: Tensor, runs: Runs | None) -> Tensor:
        result = starts.new_empty(len(starts), ways.shape[1])
        for nodes, _, odds in _odds(starts, ways, runs):
            torch.sum(odds, 2, out=result[nodes])
        result.reciprocal_()
        ctx.save_for_backward(starts, ways, result)
        ctx.runs = runs
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:
        starts, ways, result = ctx.saved_tensors
        weights = gradient * result * result
        of_starts = torch.empty_like(starts)
        of_ways = None
        if ctx.needs_input_grad[1]:
            of_ways = torch.empty_like(ways) if ctx.runs is None else torch.zeros_like(ways)
        for nodes, piece, odds in _odds(starts, ways, ctx.runs):
            squares = odds.square_()
            torch.bmm(weights[nodes, None], squares, out=of_starts[nodes, None])
            if of_ways is not None:
                squares *= weights[nodes, :, None]
                for part, own in piece.within():
                    if ctx.runs is None:
                        of_ways[part.ways] = squares[own]
                    else:
                        of_ways[part.ways] += squares[own].sum(0, keepdim=True)
        return of_starts, of_ways, None


class _Part(NamedTuple):
    """Nodes that take one way, or each their own."""

    nodes: slice
    ways: slice


class _Piece(tuple[_Part, ...]):
    """What is worked on at once."""

    __slots__ = ()

    @property
    def nodes(self) -> slice:
        return slice(self[0].nodes.start, self[-1].nodes.stop)

    def within(self) -> Iterator[tuple[_Part, slice]]:
        """Each part, and where it is in the piece."""
        first = self.nodes.start
        return ((part, slice(part.nodes.start - first, part.nodes.stop - first)) for part in self)


def _odds(
    starts: Tensor, ways: Tensor, runs: Runs | None
) -> Iterator[tuple[slice, _Piece, Tensor]]:
    """`1 / (ways + starts)` in pieces that all use the same memory: their nodes, they, the odds."""
    pieces = _pieces(starts, ways, runs)
    most = max((piece.nodes.stop - piece.nodes.start for piece in pieces), default=0)
    memory = ways.new_empty(most, *ways.shape[1:])
    for piece in pieces:
        nodes = piece.nodes
        for part, own in piece.within():
            torch.add(ways[part.ways], starts[part.nodes, None], out=memory[own])
        yield nodes, piece, memory[: nodes.stop - nodes.start].reciprocal_()


def _pieces(starts: Tensor, ways: Tensor, runs: Runs | None) -> list[_Piece]:
    nodes = len(starts)
    most = _CPU_PIECE if starts.device.type == "cpu" else _GPU_PIECE
    size = max(1, most // max(1, ways.shape[1] * ways.shape[2]))
    pieces: list[list[_Part]] = []
    first = 0
    for way, count in [(None, nodes)] if runs is None else runs:
        begin, end = first, first + count
        while begin < end:  # a piece ends where a multiple of its size does
            stop = min(end, (begin // size + 1) * size)
            if begin % size == 0:
                pieces.append([])
            part = slice(begin, stop)
            pieces[-1].append(_Part(part, part if way is None else slice(way, way + 1)))
            begin = stop
        first = end
    return [_Piece(piece) for piece in pieces]
