"""How well a learned parser reads combinations that it never saw, said carelessly or not.

    python benchmarks/english.py [PARSER] [--scenes 200] [--seed 0] [--json]

The questions are those that the preset `parser-combinations` is tested on: a relation after a
same-relation, and an "or" of relations. They are asked as they are generated; with articles that
are missing or wrong, where the grammar still reads the same; and without articles.
"""

import argparse
import json

from nmn.data.question_set import QuestionSet
from nmn.generate.careless import ARTICLES, careless_articles
from nmn.parsing.base import BatchParser
from nmn.parsing.grammar_parser import shared_parser
from nmn.program.canonical import exact_match
from nmn.program.program import Program
from nmn.seeding import generator
from nmn.training.parser_checkpoint import load_parser
from nmn.training.parser_preset import ParserPreset, load_any_preset
from nmn.training.question_data import held_out_questions
from nmn.training.stored import find_checkpoint

_AT_ONCE = 200

Asked = list[tuple[str, Program]]


def main() -> None:
    """Print a table, or with `--json` the same as JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("parser", nargs="?", default="parser-english")
    options.add_argument("--scenes", type=int, default=200)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    settings = (f"data.generated.held_out={chosen.scenes}", f"seed={chosen.seed}")
    preset = load_any_preset("parser-combinations", settings)
    assert isinstance(preset, ParserPreset)
    parser = load_parser(find_checkpoint(chosen.parser)).parser
    rows = []
    for name, asked in ways_to_ask(held_out_questions(preset), chosen.seed).items():
        rows.append({"asked": name, "exact": exact(parser, asked), "of": len(asked)})
    if chosen.json:
        print(json.dumps({"parser": chosen.parser, "rows": rows}))
        return
    print(f"{'asked':34} {'exact':>6} {'of':>6}")
    for row in rows:
        print(f"{row['asked']:34} {row['exact']:6} {row['of']:6}")


def ways_to_ask(questions: QuestionSet, seed: int) -> dict[str, Asked]:
    """The questions as they are, and carelessly, each with its program."""
    grammar, rng = shared_parser(questions.domain), generator(seed, "careless")
    ways: dict[str, Asked] = {
        "as generated": [],
        "articles missing or wrong": [],
        "no articles": [],
    }
    for question, program in zip(questions.questions, questions.programs, strict=True):
        assert program is not None
        careless = careless_articles(question, rng)
        without = " ".join(w for w in question.split() if w.lower() not in ARTICLES)
        for way, said in zip(ways.values(), (question, careless, without), strict=True):
            if exact_match(grammar.parse(said)[0].program, program):
                way.append((said, program))
    return ways


def exact(parser: BatchParser, asked: Asked) -> int:
    """How many are read to exactly their programs."""
    count = 0
    for begin in range(0, len(asked), _AT_ONCE):
        some = asked[begin : begin + _AT_ONCE]
        for (_, program), parses in zip(some, parser.parse_all([q for q, _ in some]), strict=True):
            count += bool(parses) and exact_match(parses[0].program, program)
    return count


if __name__ == "__main__":
    main()
