"""The published questions of SHAPES."""

import json
from functools import cache
from pathlib import Path

import pytest

from nmn.parsing.grammar_parser import shared_parser
from nmn.parsing.realise import realise
from nmn.program.codecs import from_sexpression, to_layout_symbols, to_sexpression
from tests.strategies import SHAPES


def published(folder: Path, split: str) -> list[tuple[str, str, list[str]]]:
    """Query, English and layout symbols of each line of a published split."""
    queries = (folder / f"{split}.query").read_text(encoding="utf-8").splitlines()
    english = (folder / f"{split}.query_str.txt").read_text(encoding="utf-8").splitlines()
    layouts = json.loads(
        (folder / f"{split}.query_layout_symbols.json").read_text(encoding="utf-8")
    )
    return [
        (query.strip(), text.strip(), layout)
        for query, text, layout in zip(queries, english, layouts, strict=True)
    ]


@cache
def ours(english: str) -> tuple[str, str, tuple[str, ...]]:
    """What we make of a published question: its expression, its English again, its layout."""
    (parse,) = shared_parser(SHAPES).parse(english)
    program = parse.program
    assert from_sexpression(to_sexpression(program), SHAPES) == program
    return to_sexpression(program), realise(program, SHAPES), tuple(to_layout_symbols(program))


@pytest.mark.parametrize(
    ("split", "lines"),
    [
        ("train.tiny", 64),
        ("train.small", 640),
        ("train.med", 6400),
        ("train.large", 13568),
        ("val", 1024),
    ],
)
def test_every_line_of_a_published_split_comes_out_as_published(
    split: str, lines: int, real_data: Path
) -> None:
    rows = published(real_data / "shapes", split)
    assert len(rows) == lines
    for query, english, layout in rows:
        assert ours(english) == (query, english, tuple(layout))


def test_there_are_228_published_queries_and_each_means_its_english(real_data: Path) -> None:
    pairs = {
        (query, english)
        for split in ("train.large", "val")
        for query, english, _ in published(real_data / "shapes", split)
    }
    assert len(pairs) == len({query for query, _ in pairs}) == 228
    for query, english in pairs:
        (parse,) = shared_parser(SHAPES).parse(english)
        assert from_sexpression(query, SHAPES) == parse.program
