"""Text, layout, overlays, pages and figures of traces."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nmn.errors import DataError
from nmn.inspector import as_text, save_trace
from nmn.inspector.figure import as_figure
from nmn.inspector.html import as_html
from nmn.inspector.layout import (
    explanation,
    first_wrong,
    is_wrong,
    meant_places,
    places,
    result_text,
)
from nmn.inspector.overlay import enlarged, overlay
from nmn.program.trace import Trace, TraceStep

PICTURE: NDArray[np.uint8] = np.full((4, 4, 3), 200, dtype=np.uint8)
QUESTION = "is a red shape above a circle"


def step(
    operation: str,
    argument: str | None,
    inputs: tuple[int, ...],
    mask: tuple[float, ...],
    spans: tuple[tuple[int, int], ...] = (),
) -> TraceStep:
    return TraceStep(operation, argument, inputs, "Mask", mask, None, 0.9, None, spans)


def make(red: tuple[float, ...], circle: tuple[float, ...], above: tuple[float, ...]) -> Trace:
    both = tuple(min(a, b) for a, b in zip(red, above, strict=True))
    yes = max(both)
    answer = "yes" if yes > 0.5 else "no"
    steps = (
        step("find", "red", (), red, ((5, 8),)),
        step("find", "circle", (), circle, ((23, 29),)),
        step("relate", "above", (1,), above, ((15, 20),)),
        step("and", None, (0, 2), both),
        TraceStep("exists", None, (3,), "Bool", None, answer, max(yes, 1 - yes), None, ((0, 2),)),
    )
    program = "exists(and(find[red], relate[above](find[circle])))"
    return Trace(
        QUESTION, "shapes", program, steps, answer, {"yes": yes, "no": 1 - yes}, grid=(2, 2)
    )


YES = make((0.9, 0.1, 0.1, 0.1), (0.1, 0.1, 0.8, 0.9), (0.8, 0.9, 0.1, 0.1))
NO = make((0.1, 0.1, 0.1, 0.9), (0.1, 0.1, 0.8, 0.9), (0.8, 0.9, 0.1, 0.1))
NOTHING = make((0.1, 0.1, 0.1, 0.1), (0.1, 0.1, 0.8, 0.9), (0.8, 0.9, 0.1, 0.1))
OUTSIDE = make((0.9, 0.1, 0.1, 0.1), (0.9, 0.1, 0.1, 0.1), (0.1, 0.1, 0.1, 0.1))
NONE = (0.1, 0.1, 0.1, 0.1)
GUESS = replace(
    YES,
    steps=(
        step("find", "red", (), NONE),
        step("unique", None, (0,), NONE),
        TraceStep("query", "shape", (1,), "Value", None, "circle", 0.2, None, ()),
    ),
    answer="circle",
)
UNSURE = replace(
    GUESS, steps=tuple(replace(s, mask=s.mask and (0.1, 0.9, 0.1, 0.1)) for s in GUESS.steps)
)
SURE = replace(UNSURE, steps=(*UNSURE.steps[:2], replace(UNSURE.steps[2], confidence=0.8)))
SEVERAL = replace(
    SURE, steps=tuple(replace(s, mask=s.mask and (0.1, 0.9, 0.1, 0.9)) for s in SURE.steps)
)


@pytest.mark.parametrize(
    ("trace", "sentence"),
    [
        (GUESS, "A guess: the question is about one thing, and find[red] leaves nothing."),
        (SURE, "The answer is circle: find[red] gave 1 cell."),
        (UNSURE, "A guess: circle is only 20.0% probable from these steps."),
        (SEVERAL, "A guess: the question is about one thing, and find[red] gave 2 cells."),
        (
            replace(YES, has_masks=False),
            "The answer is yes: steps are maps of features, which mean no places.",
        ),
        (YES, "Yes: find[red] (1 cell) and relate[above] (2 cells) have 1 cell in common."),
        (NO, "No: find[red] (1 cell) and relate[above] (2 cells) have no cell in common."),
        (NOTHING, "No: find[red] found nothing."),
        (OUTSIDE, "No: of find[circle] (1 cell), relate[above] leaves nothing."),
        (replace(YES, answer=None, failure="unique failed"), "There is no answer: unique failed."),
    ],
)
def test_the_explanation_names_the_step_that_decided(trace: Trace, sentence: str) -> None:
    assert explanation(trace) == sentence


def test_the_text_is_a_tree_with_masks() -> None:
    assert as_text(YES).splitlines()[2:] == [
        "exists              yes  (80.0%)",
        "└ and               ■· ··  1 cell",
        "  ├ find[red]       ■· ··  1 cell",
        "  └ relate[above]   ■■ ··  2 cells",
        "    └ find[circle]  ·· ■■  2 cells",
    ]


def test_a_program_that_is_too_long_for_a_picture_is_refused() -> None:
    steps = list(YES.steps[:1])
    for place in range(60):
        steps.append(step("filter", "red", (place,), NONE))
    with pytest.raises(DataError, match=r"at most 31 steps in a row for a PNG, got 61; .*html"):
        as_figure(replace(YES, steps=tuple(steps)), PICTURE)


def test_maps_of_features_are_not_read_as_masks() -> None:
    lines = as_text(replace(YES, has_masks=False)).splitlines()[2:]
    assert lines[:2] == ["exists              yes  (80.0%)", "└ and               a map"]


def test_inputs_are_left_of_what_they_feed() -> None:
    spots = places(YES)
    assert len(set(spots)) == len(spots)
    for number, one in enumerate(YES.steps):
        for source in one.inputs:
            assert spots[source].column < spots[number].column
    assert spots[-1].column == max(spot.column for spot in spots)


def test_wrong_steps_are_those_that_differ_from_the_truth() -> None:
    right = replace(YES.steps[0], truth=(1.0, 0.0, 0.0, 0.0))
    wrong = replace(YES.steps[0], truth=(0.0, 1.0, 0.0, 0.0))
    assert not is_wrong(YES, YES.steps[0])
    assert not is_wrong(YES, right)
    assert is_wrong(YES, wrong)
    assert is_wrong(YES, replace(YES.steps[-1], truth="no"))
    assert "WRONG" in as_text(replace(YES, steps=(wrong, *YES.steps[1:])))


def test_results_in_words() -> None:
    assert result_text(YES, YES.steps[0]) == "1 cell"
    assert result_text(replace(YES, grid=None), YES.steps[2]) == "2 objects"
    assert result_text(NOTHING, NOTHING.steps[0]) == "nothing"
    assert result_text(YES, YES.steps[-1]) == "yes"
    unread = replace(YES.steps[-1], value=None)
    assert result_text(YES, unread) == "unknown"
    assert result_text(replace(YES, answer=None), unread) == "failed"


FINE = replace(
    YES,
    grid=(8, 12),
    shown=tuple(0 if cell in (0, 1, 12) else 1 if cell == 95 else -1 for cell in range(96)),
)
"""A trace over more cells than mean something one by one, which show two objects."""


def over_cells(*meant: int) -> TraceStep:
    return step("find", "red", (), tuple(0.9 if cell in meant else 0.1 for cell in range(96)))


def test_cells_that_touch_are_one_place_of_a_fine_grid() -> None:
    two = over_cells(0, 1, 12, 95)
    assert result_text(FINE, two) == "2 places"
    assert meant_places(FINE, two.mask or ()) == ["(7%, 10%)", "(96%, 94%)"]
    # The ends of two rows do not touch, and neither do corners.
    assert result_text(FINE, over_cells(11, 12)) == "2 places"
    assert result_text(FINE, over_cells(0, 13)) == "2 places"
    assert result_text(FINE, over_cells(95)) == "1 place"
    assert result_text(FINE, over_cells()) == "nothing"


def test_the_text_of_a_fine_grid_stays_short() -> None:
    steps = (over_cells(0, 2, 4, 6, 8, 10), replace(YES.steps[-1], inputs=(0,)))
    lines = as_text(replace(FINE, steps=steps)).splitlines()
    assert lines[0] == "Yes: find[red] found 6 places."
    assert lines[-1] == "└ find[red]  6 places  (4%, 6%)  (21%, 6%)  (38%, 6%)  (54%, 6%)  ..."


def test_masks_are_wrong_by_the_objects_that_cells_show() -> None:
    truth = over_cells(0, 1, 12).mask
    for meant, wrong in (
        ((12,), False),
        ((0, 1, 12, 50), False),  # a cell that shows nothing is no other object
        ((95,), True),
        ((0, 95), True),
        ((), True),
    ):
        assert is_wrong(FINE, replace(over_cells(*meant), truth=truth)) == wrong
    assert is_wrong(replace(FINE, shown=None), replace(over_cells(12), truth=truth))


def test_what_a_failed_step_feeds_is_not_the_mistake() -> None:
    found = replace(YES.steps[0], truth=YES.steps[0].mask)
    failed = TraceStep("unique", None, (0,), "Mask", truth=(1.0, 0.0, 0.0, 0.0))
    fed = TraceStep("query", "shape", (1,), "Value[shape]", truth="circle")
    trace = replace(YES, steps=(found, failed, fed), answer=None, failure="unique failed")
    assert [is_wrong(trace, one) for one in trace.steps] == [False, True, False]
    assert first_wrong(trace) == 1
    assert first_wrong(YES) is None


def test_overlays_light_what_is_meant_and_dim_the_rest() -> None:
    drawn = overlay(PICTURE, (1.0, 0.0, 0.0, 0.0), grid=(2, 2), width=80)
    assert drawn.shape == (80, 80, 3)
    assert drawn[20, 20].min() >= 200
    assert drawn[20, 60].max() < 100
    assert drawn[0, 0].tolist() == [255, 205, 70]


def test_overlays_of_objects_light_their_boxes() -> None:
    boxes = ((0.5, 0.5, 1.0, 1.0), (0.0, 0.0, 0.25, 0.25))
    drawn = overlay(PICTURE, (0.9, 0.2), boxes=boxes, width=80)
    assert drawn[60, 60].min() > 150
    assert drawn[10, 70].max() < 100


def test_overlays_of_fine_grids_have_one_line_around_what_touches() -> None:
    drawn = overlay(PICTURE, over_cells(40, 41).mask or (), grid=(8, 12), width=120)
    assert drawn.shape == (120, 120, 3)
    inner, line = drawn[45:60, 40:60], drawn[43:45, 40:60]
    assert inner.min() > 150
    assert (line == [255, 205, 70]).all()
    assert drawn[100, 100].max() < 100


@pytest.mark.parametrize(
    "box", [(0.5, 0.5, 0.5, 0.5), (0.9, 0.9, 0.1, 0.1), (0.2, 0.999, 0.4, 1.0)]
)
def test_boxes_without_extent_are_a_dot(box: tuple[float, float, float, float]) -> None:
    drawn = overlay(PICTURE, (0.9,), boxes=(box,), width=80)
    assert 0 < (drawn == [255, 205, 70]).all(-1).sum() < 80


def test_small_pictures_grow_in_blocks_and_large_ones_shrink() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (2, 3, 3), dtype=np.uint8)
    grown = enlarged(picture, 30)
    np.testing.assert_array_equal(grown, picture.repeat(10, axis=0).repeat(10, axis=1))
    assert enlarged(grown, 15).shape == (10, 15, 3)


class Page(HTMLParser):
    """Collects what a page refers to and shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_page_is_self_contained_and_shows_every_step() -> None:
    text = as_html(YES, PICTURE)
    page = Page(text)
    links = [a.get(n) or "" for _, a in page.tags for n in ("src", "href") if a.get(n)]
    assert len(links) >= 5
    assert all(link.startswith("data:image/png;base64,") for link in links)
    assert not re.search(r"https?://|@import|url\((?!#)", text)
    cards = [a for tag, a in page.tags if tag == "g"]
    assert [card["aria-label"] for card in cards][2] == "Step 3, relate[above]: 2 cells"
    assert all(card["tabindex"] == "0" for card in cards)
    words = [a["data-steps"] for tag, a in page.tags if a.get("class") == "word"]
    assert words == ["4", "0", "2", "1"]
    assert explanation(YES) in text


def test_markup_in_a_question_is_shown_and_never_run() -> None:
    trace = replace(YES, question="<script>alert(1)</script>" + " " * 10)
    text = as_html(trace, PICTURE)
    assert "<script>alert" not in text
    assert "&lt;" in text


def test_a_page_marks_the_first_wrong_step() -> None:
    steps = tuple(
        replace(one, truth=(0.0, 0.0, 0.0, 1.0)) if one.mask is not None else one
        for one in YES.steps
    )
    text = as_html(replace(YES, steps=steps), PICTURE)
    assert text.count("first wrong step") == 1


@pytest.mark.parametrize("suffix", [".html", ".png", ".json"])
def test_traces_are_written_in_each_form(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "deep" / f"trace{suffix}"
    save_trace(YES, PICTURE, path)
    if suffix == ".png":
        with Image.open(path) as image:
            image.load()
            assert image.width > 600
    elif suffix == ".json":
        assert Trace.from_json(json.loads(path.read_text())) == YES
    else:
        assert path.read_text().startswith("<!doctype html>")
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ending in .html, .png, .json, got '.gif'"):
        save_trace(YES, PICTURE, tmp_path / "trace.gif")
