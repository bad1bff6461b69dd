"""How many programs a second a policy samples and scores, with masks of legal tokens.

    python benchmarks/decoding.py [--questions 2000] [--batch 500] [--hidden 128] [--threads 2]
                                  [--repeats 5] [--json]

Forward only: questions are read, a program is drawn for each, and the drawn programs are scored
under the same masked distribution. The same decoder is measured alternately with masks that are
computed for the whole batch as tensor look-ups, and program by program in Python; the latter with
fewer questions. Without masks it samples programs that are mostly none, so that is no reference.
"""

import argparse
import json
import platform
import statistics
import time
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from workload import clevr_questions

from nmn.data.vocabulary import vocabulary_of
from nmn.domain import load_domain
from nmn.memory import keep_freed_memory
from nmn.policies.base import Policy
from nmn.policies.decode import Decoding
from nmn.policies.legal import Expected, LegalTokens
from nmn.policies.seq2seq import Seq2Seq, Seq2SeqConfig
from nmn.policies.transformer import Transformer, TransformerConfig
from nmn.program.tokens import TokenVocabulary
from nmn.program.transitions import State, Transitions

ROOM = 26


@dataclass(frozen=True, eq=False)
class _States:
    """The states of programs, one by one, behind the interface of `Expected`."""

    states: tuple[State, ...]

    def rows(self, index: Tensor) -> "_States":
        """Some of them, in this order."""
        return _States(tuple(self.states[row] for row in index.tolist()))


class OneByOne(LegalTokens):
    """Legal tokens found program by program."""

    def __init__(self, vocabulary: TokenVocabulary) -> None:
        super().__init__(vocabulary)
        self.system = Transitions(vocabulary)

    def start(self, batch: int, room: int) -> Expected:
        """See `LegalTokens`."""
        return _States((self.system.start(room),) * batch)  # type: ignore[return-value]

    def legal(self, state: Expected) -> Bool[Tensor, "batch token"]:
        """See `LegalTokens`."""
        states: tuple[State, ...] = state.states  # type: ignore[attr-defined]
        mask = torch.zeros(len(states), len(self.vocabulary), dtype=torch.bool)
        for row, one in enumerate(states):
            mask[row, list(self.system.legal(one))] = True
        return mask

    def advance(self, state: Expected, token: Int[Tensor, " batch"]) -> Expected:
        """See `LegalTokens`."""
        states: tuple[State, ...] = state.states  # type: ignore[attr-defined]
        after = (
            one if one.ended else self.system.advance(one, chosen)
            for one, chosen in zip(states, token.tolist(), strict=True)
        )
        return _States(tuple(after))  # type: ignore[return-value]


@torch.no_grad()
def seconds(policy: Policy, decoding: Decoding, words: Tensor, batch: int) -> float:
    """How long it takes to read questions, draw a program each, and score it."""
    generator = torch.Generator().manual_seed(0)
    started = time.perf_counter()
    for begin in range(0, len(words), batch):
        memory = policy.encode(words[begin : begin + batch])
        drawn = decoding.sample(policy, memory, generator)
        scored = decoding.score(policy, memory, drawn.tokens)
        assert torch.allclose(scored.log_probabilities, drawn.log_probabilities, atol=1e-3)
    return time.perf_counter() - started


def measure(kind: str, arguments: argparse.Namespace) -> dict[str, float | str]:
    """Programs a second of a kind of policy, and the ratio to masks program by program."""
    domain = load_domain("clevr")
    tokens, asked = TokenVocabulary(domain), clevr_questions(arguments.questions)
    vocabulary = vocabulary_of(asked)
    torch.manual_seed(0)
    policy: Policy
    if kind == "lstm":
        policy = Seq2Seq(vocabulary, tokens, Seq2SeqConfig(hidden=arguments.hidden))
    else:
        policy = Transformer(vocabulary, tokens, TransformerConfig(hidden=arguments.hidden))
    policy.eval()
    words = vocabulary.encode(asked)
    few = words[: max(arguments.batch, len(words) // 4)]
    tables = Decoding(ROOM, LegalTokens(tokens))
    one_by_one = Decoding(ROOM, OneByOne(tokens))
    seconds(policy, tables, few, arguments.batch)  # the first time is slower
    fast, slow = [], []
    for _ in range(arguments.repeats):
        fast.append(len(words) / seconds(policy, tables, words, arguments.batch))
        slow.append(len(few) / seconds(policy, one_by_one, few, arguments.batch))
    best, reference = statistics.median(fast), statistics.median(slow)
    return {
        "policy": kind,
        "programs_per_second": round(best),
        "one_by_one": round(reference),
        "ratio": round(best / reference, 2),
    }


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (
        ("questions", 2000),
        ("batch", 500),
        ("hidden", 128),
        ("threads", 2),
        ("repeats", 5),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    rows = [measure(kind, arguments) for kind in ("lstm", "transformer")]
    if arguments.json:
        print(json.dumps({"threads": arguments.threads, "rows": rows}))
        return
    print(f"{platform.machine()}, {arguments.threads} threads, hidden size {arguments.hidden}")
    print(f"{'policy':12} {'programs/s':>10} {'one by one':>10} {'ratio':>6}")
    for row in rows:
        print(
            f"{row['policy']:12} {row['programs_per_second']:>10} {row['one_by_one']:>10} "
            f"{row['ratio']:>6}"
        )


if __name__ == "__main__":
    main()
