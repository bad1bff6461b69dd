import numpy as np
import pytest
from hypothesis import given, settings

from nmn.errors import RealisationError, UnknownNameError
from nmn.generate.programs import random_program
from nmn.parsing.grammar_parser import shared_parser
from nmn.parsing.realise import phrasings, realise
from nmn.parsing.say_clevr import PHRASINGS
from nmn.program.canonical import canonical
from nmn.program.program import Node, Program
from nmn.program.text import parse_program
from tests.strategies import CLEVR, attempt, programs

CUBE, BALL = "filter[cube](scene)", "filter[sphere](scene)"
LEFT = f"relate[left](unique({BALL}))"
COLOR_OF_CUBE = f"query[color](unique({CUBE}))"


def means(question: str, program: Program) -> bool:
    """Whether the parser reads `question` as `program`, up to the canonical form."""
    return canonical(shared_parser(CLEVR).parse(question)[0].program) == canonical(program)


SENTENCES: dict[str, tuple[str, dict[str, str]]] = {
    "exists": (
        f"exists(filter[red]({LEFT}))",
        {
            "are there any {many}?": "Are there any red things left of the sphere?",
            "is there {a thing}?": "Is there a red thing left of the sphere?",
            "are any {many} visible?": "Are any red things left of the sphere visible?",
            "there is {it}; are there any {many}?": (
                "There is a sphere; are there any red things left of it?"
            ),
            "there is {it}; is there {a thing}?": (
                "There is a sphere; is there a red thing left of it?"
            ),
        },
    ),
    "count": (
        f"count(filter[red](same[size](unique({CUBE}))))",
        {
            "how many {nouns} are {so}?": (
                "How many other red things are the same size as the cube?"
            ),
            "what number of {nouns} are {so}?": (
                "What number of other red things are the same size as the cube?"
            ),
            "how many {many} are there?": (
                "How many other red things that are the same size as the cube are there?"
            ),
            "what number of {many} are there?": (
                "What number of other red things that are the same size as the cube are there?"
            ),
            "there is {it}; how many {nouns} are {so}?": (
                "There is a cube; how many other red things are the same size as it?"
            ),
            "there is {it}; what number of {nouns} are {so}?": (
                "There is a cube; what number of other red things are the same size as it?"
            ),
        },
    ),
    "query": (
        f"query[size](unique({LEFT}))",
        {
            "what is the {attribute} of {one}?": (
                "What is the size of the thing left of the sphere?"
            ),
            "what {attribute} is {one}?": "What size is the thing left of the sphere?",
            "{one} is what {attribute}?": "The thing left of the sphere is what size?",
            "{one} has what {attribute}?": "The thing left of the sphere has what size?",
            "there is {it}; what {attribute} is it?": (
                "There is a thing left of the sphere; what size is it?"
            ),
            "there is {it}; what is its {attribute}?": (
                "There is a thing left of the sphere; what is its size?"
            ),
            "how {big} is {one}?": "How big is the thing left of the sphere?",
            "there is {it}; how {big} is it?": (
                "There is a thing left of the sphere; how big is it?"
            ),
        },
    ),
    "query[material]": (
        f"query[material](unique({CUBE}))",
        {
            "what is the {attribute} of {one}?": "What is the material of the cube?",
            "what {attribute} is {one}?": "What material is the cube?",
            "{one} is what {attribute}?": "The cube is what material?",
            "{one} has what {attribute}?": "The cube has what material?",
            "there is {it}; what {attribute} is it?": "There is a cube; what material is it?",
            "there is {it}; what is its {attribute}?": "There is a cube; what is its material?",
            "what is {one} {made of}?": "What is the cube made of?",
            "{one} is {made of} what {attribute}?": "The cube is made of what material?",
            "there is {it}; what is it {made of}?": "There is a cube; what is it made of?",
        },
    ),
    "equal": (
        f"equal[color]({COLOR_OF_CUBE}, query[color](unique({LEFT})))",
        {
            "is the {attribute} of {one} the same as {other}?": (
                "Is the color of the cube the same as the thing left of the sphere?"
            ),
            "does {one} have the same {attribute} as {other}?": (
                "Does the cube have the same color as the thing left of the sphere?"
            ),
            "is {one} the same {attribute} as {other}?": (
                "Is the cube the same color as the thing left of the sphere?"
            ),
            "do {one} and {other} have the same {attribute}?": (
                "Do the cube and the thing left of the sphere have the same color?"
            ),
            "there is {it}; is its {attribute} the same as {other}?": (
                "There is a cube; is its color the same as the thing left of the sphere?"
            ),
            "there is {it}; does it have the same {attribute} as {other}?": (
                "There is a cube; does it have the same color as the thing left of the sphere?"
            ),
            "there is {it}; is it the same {attribute} as {other}?": (
                "There is a cube; is it the same color as the thing left of the sphere?"
            ),
        },
    ),
    "equal_number": (
        f"equal_number(count({CUBE}), count({BALL}))",
        {
            "is the number of {many} the same as the number of {others}?": (
                "Is the number of cubes the same as the number of spheres?"
            ),
            "are there the same number of {many} and {others}?": (
                "Are there the same number of cubes and spheres?"
            ),
            "are there an equal number of {many} and {others}?": (
                "Are there an equal number of cubes and spheres?"
            ),
            "are there as many {many} as {others}?": "Are there as many cubes as spheres?",
        },
    ),
    "less_than": (
        f"less_than(count({CUBE}), count({BALL}))",
        {
            "is the number of {many} less than the number of {others}?": (
                "Is the number of cubes less than the number of spheres?"
            ),
            "are there fewer {many} than {others}?": "Are there fewer cubes than spheres?",
        },
    ),
    "greater_than": (
        f"greater_than(count(scene), count({BALL}))",
        {
            "is the number of {many} greater than the number of {others}?": (
                "Is the number of things greater than the number of spheres?"
            ),
            "are there more {many} than {others}?": "Are there more things than spheres?",
        },
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_each_phrasing_says_its_program(name: str) -> None:
    text, sentences = SENTENCES[name]
    program = parse_program(text, CLEVR)
    assert phrasings(program, CLEVR) == tuple(
        p for p in PHRASINGS[program.root.operation] if p in sentences
    )
    assert {phrasing: realise(program, CLEVR, phrasing) for phrasing in sentences} == sentences
    assert realise(program, CLEVR) == sentences[phrasings(program, CLEVR)[0]]
    assert all(means(sentence, program) for sentence in sentences.values())


def test_every_phrasing_of_every_operation_is_tried() -> None:
    tried = {phrasing for _, sentences in SENTENCES.values() for phrasing in sentences}
    assert tried == {phrasing for patterns in PHRASINGS.values() for phrasing in patterns}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("count(scene)", "How many things are there?"),
        ("exists(find[red])", "Are there any red things?"),
        (f"exists(filter[sphere]({CUBE}))", "Are there any spherical cubes?"),
        (
            "count(filter[rubber](filter[large](filter[gray](scene))))",
            "How many large gray rubber things are there?",
        ),
        (
            f"count(and({LEFT}, find[red]))",
            "How many things are both left of the sphere and red things?",
        ),
        (
            f"count(filter[cube](or({LEFT}, find[red])))",
            "How many cubes are either left of the sphere or red things?",
        ),
        (
            f"query[color](unique(or(and({CUBE}, {LEFT}), same[size](unique({BALL})))))",
            "What is the color of the thing that is either both a cube and left of the sphere or "
            "the same size as the sphere?",
        ),
        (
            f"query[color](unique(and({CUBE}, {CUBE})))",
            "What is the color of the thing that is both a cube and a cube?",
        ),
        (
            f"equal[color]({COLOR_OF_CUBE}, {COLOR_OF_CUBE})",
            "Is the color of the cube the same as the cube?",
        ),
    ],
)  # fmt: skip
def test_the_preferred_words(text: str, sentence: str) -> None:
    program = parse_program(text, CLEVR)
    assert realise(program, CLEVR) == sentence
    assert means(sentence, program)


def test_what_is_used_twice_is_it_in_both_places() -> None:
    nodes = (
        Node("scene"),
        Node("filter", "cube", (0,)),
        Node("unique", None, (1,)),
        Node("query", "size", (2,)),
        Node("relate", "left", (2,)),
        Node("unique", None, (4,)),
        Node("query", "size", (5,)),
        Node("equal", "size", (3, 6)),
    )
    phrasing = "there is {it}; is its {attribute} the same as {other}?"
    assert realise(Program(nodes), CLEVR, phrasing) == (
        "There is a cube; is its size the same as the thing left of it?"
    )


ONLY_A_SET = "only a set is known, and unique(...) is needed"
UNSAYABLE = [
    ("scene", "no question asks for scene"),
    ("filter[red](scene)", "no question asks for filter[red]"),
    (f"exists(relate[left]({CUBE}))", f"of filter[cube] {ONLY_A_SET}"),
    (f"count(same[size]({LEFT}))", f"of relate[left] {ONLY_A_SET}"),
    (f"query[color]({CUBE})", f"of filter[cube] {ONLY_A_SET}"),
    (
        f"equal[color]({COLOR_OF_CUBE}, query[color]({CUBE}))",
        f"of filter[cube] {ONLY_A_SET}",
    ),
    (f"count(unique({CUBE}))", "unique in the place of a set of things"),
    (f"exists(filter[red](unique({CUBE})))", "unique in the place of a set of things"),
    ("query[color](unique(unique(scene)))", "unique in the place of a set of things"),
    (
        f"count(and(or(and({LEFT}, {CUBE}), {BALL}), {CUBE}))",
        "'and' and 'or' nested more than 2 deep",
    ),
    ("exists(filter[pink](scene))", "no word for 'pink'"),
    (f"count(relate[above](unique({CUBE})))", "no word for 'above'"),
    (f"query[weight](unique({CUBE}))", "no word for 'weight'"),
    (f"count(same[weight](unique({CUBE})))", "no word for 'weight'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), UNSAYABLE)
@pytest.mark.parametrize("seed", [None, 0])
def test_what_cannot_be_said_is_refused_by_name(text: str, reason: str, seed: int | None) -> None:
    generator = None if seed is None else np.random.default_rng(seed)
    with pytest.raises(RealisationError) as caught:
        realise(parse_program(text), CLEVR, generator=generator)
    assert (caught.value.program, caught.value.reason) == (text, reason)
    assert "\n" not in str(caught.value)


def test_more_than_200_steps_are_refused() -> None:
    text = "scene"
    for _ in range(100):
        text = f"relate[left](unique({text}))"
    with pytest.raises(RealisationError, match="more than 200 steps"):
        realise(parse_program(f"count({text})"), CLEVR)


def test_an_unknown_phrasing_names_the_nearest() -> None:
    program = parse_program(COLOR_OF_CUBE)
    with pytest.raises(UnknownNameError) as caught:
        realise(program, CLEVR, "what {attribute} are {one}?")
    assert "unknown phrasing 'what {attribute} are {one}?'" in str(caught.value)
    assert "'what {attribute} is {one}?'" in str(caught.value)
    with pytest.raises(UnknownNameError):  # of another attribute
        realise(program, CLEVR, "how {big} is {one}?")
    with pytest.raises(UnknownNameError):  # nothing to speak of before
        realise(parse_program(f"exists({CUBE})"), CLEVR, "there is {it}; is there {a thing}?")


def test_the_same_seed_draws_the_same_words() -> None:
    program = parse_program(f"count(filter[metal](filter[large]({LEFT})))", CLEVR)

    def drawn(seed: int) -> list[str]:
        generator = np.random.default_rng(seed)
        return [realise(program, CLEVR, generator=generator) for _ in range(30)]

    assert drawn(3) == drawn(3) != drawn(4)
    assert len(set(drawn(3))) > 20
    assert all(means(sentence, program) for sentence in drawn(3))


def test_all_words_that_are_said_are_drawn_sooner_or_later() -> None:
    generator = np.random.default_rng(0)
    program = parse_program(f"count(filter[metal]({LEFT}))", CLEVR)
    said = " ".join(realise(program, CLEVR, generator=generator) for _ in range(200)).lower()
    for word in (
        "metal ",
        "metallic",
        "shiny",
        "object",
        "thing",
        "ball",
        "sphere",
        "to the left of",
    ):
        assert word in said
    assert "item" not in said


def test_a_phrasing_can_be_chosen_and_words_drawn() -> None:
    generator = np.random.default_rng(1)
    program = parse_program(f"exists({LEFT})", CLEVR)
    phrasing = "there is {it}; is there {a thing}?"
    sentences = {realise(program, CLEVR, phrasing, generator) for _ in range(20)}
    assert len(sentences) > 5
    assert all(s.startswith("There is a") and "; is there a" in s for s in sentences)


def round_trip(count: int, depth: int, seed: int, *, sampled: bool) -> None:
    """Say and parse random programs; each must come back exactly."""
    chance, words = np.random.default_rng(seed), np.random.default_rng(seed)
    for _ in range(count):
        program = random_program(CLEVR, depth, chance)
        sentence = realise(program, CLEVR, generator=words if sampled else None)
        assert means(sentence, program), sentence


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("sampled", [False, True], ids=["preferred", "sampled"])
@pytest.mark.parametrize("seed", [0, 1])
def test_random_programs_come_back_as_they_were(seed: int, *, sampled: bool) -> None:
    round_trip(1_000, depth=8, seed=seed, sampled=sampled)


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("sampled", [False, True], ids=["preferred", "sampled"])
@pytest.mark.parametrize(("depth", "count"), [(8, 10_000), (16, 1_500), (24, 300)])
def test_many_and_deep_random_programs_come_back_as_they_were(
    depth: int, count: int, *, sampled: bool
) -> None:
    round_trip(count, depth, seed=depth, sampled=sampled)


@given(programs(CLEVR))
@settings(deadline=None, max_examples=100)
def test_any_program_is_said_as_it_is_read_or_refused(program: Program) -> None:
    sentence = attempt(lambda: realise(program, CLEVR), RealisationError)
    if isinstance(sentence, RealisationError):
        assert "\n" not in str(sentence)
        return
    assert means(sentence, program)
    assert sentence[0].isupper()
    assert sentence.endswith("?")
