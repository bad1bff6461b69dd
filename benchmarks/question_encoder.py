"""How long an LSTM takes to read a batch of questions, forward and backward.

    python benchmarks/question_encoder.py [--questions 160] [--hidden 128] [--threads 1]
                                          [--repeats 20] [--json]

Against the same LSTM over PyTorch's packed sequences, alternately, in single precision and, where
the processor has it, in bfloat16; the states are first compared. Questions are generated CLEVR
questions of all lengths.
"""

import argparse
import json
import platform
import statistics
import time

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from workload import clevr_questions

from nmn.data.vocabulary import vocabulary_of
from nmn.memory import keep_freed_memory
from nmn.nn.precision import computes_bfloat16
from nmn.nn.question_encoder import PADDING, QuestionEncoder, QuestionEncoderConfig


def grouped(encoder: QuestionEncoder, tokens: Tensor) -> Tensor:
    """The states at each word as the encoder has them."""
    words: Tensor = encoder(tokens).words
    return words


def packed(encoder: QuestionEncoder, tokens: Tensor) -> Tensor:
    """The same from packed sequences."""
    lengths = (tokens != PADDING).sum(1)
    sequences = pack_padded_sequence(
        encoder.word(tokens), lengths, batch_first=True, enforce_sorted=False
    )
    words, _ = pad_packed_sequence(encoder.lstm(sequences)[0], batch_first=True)
    return words


WAYS = {"grouped": grouped, "packed": packed}


def measure(
    encoder: QuestionEncoder, tokens: Tensor, narrow: bool, repeats: int
) -> dict[str, float]:
    """Milliseconds of both ways, medians."""
    took: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(repeats + 2):
        for name, way in WAYS.items():
            encoder.zero_grad()
            started = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
                states = way(encoder, tokens)
            torch.autograd.backward(states.float().square().sum())
            took[name].append(1000 * (time.perf_counter() - started))
    return {name: statistics.median(times[2:]) for name, times in took.items()}


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("questions", 160), ("hidden", 128), ("threads", 1), ("repeats", 20)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    asked = clevr_questions(arguments.questions)
    vocabulary = vocabulary_of(asked)
    torch.manual_seed(0)
    config = QuestionEncoderConfig(hidden=arguments.hidden)
    encoder, tokens = QuestionEncoder(len(vocabulary), config), vocabulary.encode(asked)
    torch.testing.assert_close(grouped(encoder, tokens), packed(encoder, tokens))
    precisions = {"float32": False}
    if computes_bfloat16(torch.device("cpu")):
        precisions["bfloat16"] = True
    rows = {
        name: measure(encoder, tokens, narrow, arguments.repeats)
        for name, narrow in precisions.items()
    }
    if arguments.json:
        print(json.dumps({"threads": arguments.threads, "milliseconds": rows}))
        return
    mean = (tokens != PADDING).sum().item() / len(tokens)
    print(f"{platform.machine()}, {arguments.threads} threads; milliseconds, forward and backward")
    print(f"{len(tokens)} questions of {mean:.1f} words, {tokens.shape[1]} at most")
    print(f"{'precision':10} {'packed':>7} {'grouped':>7} {'ratio':>6}")
    for name, row in rows.items():
        ratio = row["packed"] / row["grouped"]
        print(f"{name:10} {row['packed']:7.1f} {row['grouped']:7.1f} {ratio:6.2f}")


if __name__ == "__main__":
    main()
