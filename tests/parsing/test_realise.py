import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.domain import Domain
from nmn.errors import RealisationError
from nmn.parsing.grammar_parser import GrammarParser, shared_parser
from nmn.parsing.realise import realise
from nmn.program.canonical import exact_match
from nmn.program.program import Node, Program, call
from nmn.program.text import parse_program
from tests.strategies import SHAPES, attempt, programs, questions_as_programs

SENTENCES = [
    (
        "exists(and(find[red], relate[above](find[circle])))",
        "is a red shape above a circle",
        "is there a red shape above a circle",
    ),
    (
        "exists(and(find[green], find[triangle]))",
        "is a green shape a triangle",
        "is there a green shape that is a triangle",
    ),
    (
        "exists(and(find[square], find[blue]))",
        "is a square blue",
        "is there a square that is blue",
    ),
    (
        "exists(and(find[red], relate[left_of](relate[above](find[circle]))))",
        "is a red shape left of above a circle",
        "is there a red shape left of above a circle",
    ),
    ("exists(scene)", "is there a shape", "is there a shape"),
    ("exists(find[circle])", "is there a circle", "is there a circle"),
    ("exists(find[red])", "is there a red shape", "is there a red shape"),
    ("exists(filter[red](find[circle]))", "is there a red circle", "is there a red circle"),
    (
        "exists(or(find[circle], filter[red](find[square])))",
        "is there a circle or a red square",
        "is there a circle or a red square",
    ),
    (
        "exists(and(find[circle], and(relate[above](find[square]), find[red])))",
        "is a circle above a square and that is red",
        "is there a circle above a square and that is red",
    ),
    (
        "exists(and(find[circle], or(relate[above](find[square]), find[red])))",
        "is a circle above a square or that is red",
        "is there a circle above a square or that is red",
    ),
    (
        "exists(and(find[circle], relate[above](and(find[square], relate[below](find[red])))))",
        "is a circle above a square below a red shape",
        "is there a circle above a square below a red shape",
    ),
]


@pytest.mark.parametrize(("text", "plain", "there"), SENTENCES)
def test_sentences_in_both_phrasings(text: str, plain: str, there: str, shapes: Domain) -> None:
    program = parse_program(text, shapes)
    assert realise(program, shapes) == plain
    assert realise(program, shapes, "is there") == there


UNSAYABLE = [
    ("count(find[red])", "no question asks for count"),
    ("query[color](find[circle])", "no question asks for query"),
    ("exists(unique(scene))", "unique is not a thing with a name"),
    ("exists(same[color](find[red]))", "same[color] is not a thing with a name"),
    ("exists(relate[above](find[red]))", "relate[above] is not a thing with a name"),
    ("exists(and(relate[above](scene), scene))", "relate[above] is not a thing with a name"),
    ("exists(and(find[red], find[purple]))", "'purple' has no adjective"),
]


@pytest.mark.parametrize(("text", "reason"), UNSAYABLE)
@pytest.mark.parametrize("phrasing", ["is", "is there"])
def test_what_cannot_be_said_is_refused_by_name(
    text: str, reason: str, phrasing: str, shapes: Domain
) -> None:
    with pytest.raises(RealisationError) as caught:
        realise(parse_program(text), shapes, phrasing)
    assert (caught.value.program, caught.value.reason) == (text, reason)
    assert str(caught.value) == f"no sentence for {text}: {reason}"


def test_a_sentence_that_would_be_read_otherwise_is_refused_with_the_reading(
    shapes: Domain,
) -> None:
    # "a circle above a square and left of a dot": the grammar has no brackets
    program = parse_program(
        "exists(and(find[circle], and(relate[above](and(find[square], relate[left_of]"
        "(find[circle]))), relate[below](find[square]))))",
        shapes,
    )
    with pytest.raises(RealisationError) as caught:
        realise(program, shapes)
    assert '"is a circle above a square left of a circle and below a square" is read as' in (
        caught.value.reason
    )


def test_deep_programs_are_said_up_to_200_steps(shapes: Domain) -> None:
    def nested(relations: int) -> Program:
        nodes = [Node("find", "circle")]
        nodes += [Node("relate", "above", (index,)) for index in range(relations)]
        place = Program(tuple(nodes))
        return call("exists", call("and", call("find", argument="red"), place))

    deep = nested(196)
    assert len(deep) == 200
    assert realise(deep, shapes) == f"is a red shape {'above ' * 196}a circle"
    with pytest.raises(RealisationError, match="more than 200 steps"):
        realise(nested(197), shapes)


def test_shared_steps_do_not_take_for_ever(shapes: Domain) -> None:
    nodes = [Node("find", "red"), *(Node("or", None, (i, i)) for i in range(60))]
    with pytest.raises(RealisationError, match="more than 200 steps"):
        realise(Program((*nodes, Node("exists", None, (60,)))), shapes)


def test_words_of_another_domain_are_refused_by_name(shapes: Domain) -> None:
    program = parse_program("exists(and(find[red], relate[behind](find[red])))")
    with pytest.raises(RealisationError, match="no word for 'behind'"):
        realise(program, shapes)


@given(questions_as_programs(), st.sampled_from(["is", "is there"]))
@settings(deadline=None, max_examples=200)
def test_what_is_said_is_read_as_the_same_program(program: Program, phrasing: str) -> None:
    sentence = attempt(lambda: realise(program, SHAPES, phrasing), RealisationError)
    if isinstance(sentence, RealisationError):
        assert "\n" not in str(sentence)
        return
    assert sentence.startswith("is ")
    (parse,) = shared_parser(SHAPES).parse(sentence)
    assert exact_match(parse.program, program)


@given(programs(SHAPES))
@settings(deadline=None, max_examples=100)
def test_any_program_is_said_as_it_is_read_or_refused(program: Program) -> None:
    sentence = attempt(lambda: realise(program, SHAPES), RealisationError)
    if isinstance(sentence, RealisationError):
        assert sentence.program == str(program)
        return
    assert exact_match(shared_parser(SHAPES).parse(sentence)[0].program, program)


def random_question(chance: random.Random, depth: int) -> Program:
    """`exists` of a thing with a name that is so placed to such things, `depth` deep."""

    def name() -> Program:
        thing = call("find", argument=chance.choice(SHAPES.concepts))
        if chance.random() < 0.4:
            thing = call("filter", thing, argument=chance.choice(SHAPES.concepts))
        return thing

    def thing(depth: int) -> Program:
        if depth == 0:
            return name()
        place = call("relate", thing(depth - 1), argument=chance.choice(SHAPES.relations))
        if chance.random() < 0.3:
            place = call("relate", place, argument=chance.choice(SHAPES.relations))
        if chance.random() < 0.3:
            kind = chance.choice(["and", "or"])
            other = call("relate", name(), argument=chance.choice(SHAPES.relations))
            place = call(kind, other, place)
        return call("and", name(), place)

    return call("exists", thing(depth))


@pytest.mark.parametrize("phrasing", ["is", "is there"])
def test_nine_of_ten_nested_questions_can_be_said(phrasing: str, parser: GrammarParser) -> None:
    chance = random.Random(7)
    said = 0
    for number in range(200):
        program = random_question(chance, depth=number % 5)
        try:
            sentence = realise(program, SHAPES, phrasing)
        except RealisationError:
            continue
        assert exact_match(parser.parse(sentence)[0].program, program)
        said += 1
    assert said >= 180
