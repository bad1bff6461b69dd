import pytest

from nmn.domain import Domain
from nmn.errors import ConfigError
from nmn.generate.patterns import Hole, Pattern
from nmn.program.text import parse_program

ALL = ("size", "color", "material", "shape")


@pytest.mark.parametrize(
    ("argument", "hole"),
    [
        ("any", Hole(ALL)),
        ("not_color", Hole(("size", "material", "shape"))),
        ("not_size_or_shape", Hole(("color", "material"))),
        ("size", Hole(("size",), required=True)),
        ("red", Hole(("color",), required=True, concept="red")),
    ],
)
def test_a_filter_is_a_hole_for_some_attributes(clevr: Domain, argument: str, hole: Hole) -> None:
    assert Pattern("count(scene)", clevr, "here").hole(argument) == hole


@pytest.mark.parametrize(
    ("pattern", "program", "fits"),
    [
        ("count(filter[any](scene))", "count(scene)", True),
        ("count(filter[any](scene))", "count(find[red])", True),
        ("count(filter[any](scene))", "count(filter[red](filter[cube](scene)))", True),
        ("count(filter[any](scene))", "count(filter[red](filter[blue](scene)))", False),
        ("count(filter[any](scene))", "exists(find[red])", False),
        ("count(filter[not_color](scene))", "count(find[red])", False),
        ("count(filter[not_color](scene))", "count(find[cube])", True),
        ("count(filter[color](scene))", "count(find[red])", True),
        ("count(filter[color](scene))", "count(scene)", False),
        ("count(filter[color](scene))", "count(filter[red](find[cube]))", False),
        ("count(filter[red](scene))", "count(find[red])", True),
        ("count(filter[red](scene))", "count(find[blue])", False),
        ("count(filter[any](filter[red](scene)))", "count(filter[cube](find[red]))", True),
        ("count(relate[any](unique(scene)))", "count(relate[left](unique(scene)))", True),
        ("count(relate[right](unique(scene)))", "count(relate[left](unique(scene)))", False),
        (
            "count(or(filter[any](scene), filter[size](scene)))",
            "count(or(find[large], find[red]))",
            True,
        ),
        (
            "count(or(filter[color](scene), filter[size](scene)))",
            "count(or(find[red], find[red]))",
            False,
        ),
        ("count(scene[any])", "count(filter[cube](same[size](unique(scene))))", True),
        ("count(filter[cube](scene[any]))", "count(filter[cube](find[red]))", True),
        (
            "count(filter[cube](scene[any]))",
            "count(filter[red](same[size](unique(find[cube]))))",
            False,
        ),
    ],
)
def test_a_program_fits_where_its_holes_can_be_filled(
    clevr: Domain, pattern: str, program: str, fits: bool
) -> None:
    assert Pattern(pattern, clevr, "here").fits(parse_program(program, clevr)) is fits


@pytest.mark.parametrize(
    ("part", "is_in"),
    [
        ("relate[any](unique(filter[any](same[color](unique(scene[any])))))", True),
        ("relate[left](unique(filter[cube](scene[any])))", True),
        ("relate[left](unique(filter[shape](same[any](unique(scene[any])))))", True),
        ("relate[right](unique(scene[any]))", False),
        ("same[color](unique(filter[any](relate[any](unique(scene[any])))))", False),
    ],
)
def test_a_part_is_found_anywhere_in_a_program(clevr: Domain, part: str, is_in: bool) -> None:
    text = "exists(filter[red](relate[left](unique(filter[cube](same[color](unique(find[red])))))))"
    assert Pattern(part, clevr, "here").is_in(parse_program(text, clevr)) is is_in


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("count(filter[purpel](scene))", "unknown hole or step 'filter[purpel]' in"),
        ("count(filter[not_colour](scene))", "nearest: 'filter[not_color]'"),
        ("count(relate[above](unique(scene)))", "unknown hole or step 'relate[above]' in"),
        ("count(filter[any](scene)", "the text ends too early"),
        ("exists(unique[any](scene))", "unknown hole or step 'unique[any]' in"),
        ("count(filter(scene))", "unknown hole or step 'filter[]' in"),
    ],
)
def test_what_is_no_pattern_is_named_on_one_line(clevr: Domain, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Pattern(text, clevr, "held_out")
    assert str(caught.value).startswith("held_out: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
