import pytest
from lark import Token

from nmn.domain import Domain
from nmn.errors import QuestionError
from nmn.parsing.base import Parse
from nmn.parsing.grammar_parser import shared_parser
from nmn.parsing.meaning import IT, MEANINGS, THEY, ClashError, replaced, spans_of
from nmn.program.program import Term, flatten
from tests.strategies import CLEVR, SHAPES

PARSER = shared_parser(CLEVR)


def parsed(question: str) -> Parse:
    return PARSER.parse(question)[0]


def words(parse: Parse) -> list[tuple[str, list[str]]]:
    """For each node its label and the pieces of the question that are its own, root first."""
    pairs = zip(parse.program.nodes, parse.spans, strict=True)
    return [
        (node.label, [parse.question[start:end] for start, end in spans]) for node, spans in pairs
    ][::-1]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "What COLOR is the big thing to the left of a shiny ball?",
            [
                ("query[color]", ["What", "COLOR", "is"]),
                ("unique", []),
                ("filter[large]", ["big"]),
                ("relate[left]", ["to the left of"]),
                ("unique", []),
                ("filter[sphere]", ["ball"]),
                ("filter[metal]", ["shiny"]),
                ("scene", []),
            ],
        ),
        (
            "how many things are there",
            [("count", ["how many", "are", "there"]), ("scene", ["things"])],
        ),
        (
            "how many objects are the same size as the cube",
            [
                ("count", ["how many", "are"]),
                ("same[size]", ["same", "as", "size"]),
                ("unique", []),
                ("filter[cube]", ["cube"]),
                ("scene", []),
            ],
        ),
        (
            "are there fewer cubes than blocks",
            [
                ("less_than", ["are", "there", "fewer", "than"]),
                ("count", []),
                ("filter[cube]", ["blocks"]),
                ("scene", []),
                ("count", []),
                ("filter[cube]", ["cubes"]),
                ("scene", []),
            ],
        ),
        (
            "how many things are either red or a ball",
            [
                ("count", ["how many", "are"]),
                ("or", ["either", "or"]),
                ("filter[sphere]", ["ball"]),
                ("scene", []),
                ("filter[red]", ["red"]),
                ("scene", []),
            ],
        ),
        (
            "is there a red or blue thing",
            [
                ("exists", ["is", "there"]),
                ("or", []),
                ("find[blue]", ["blue"]),
                ("find[red]", ["red"]),
            ],
        ),
    ],
)
def test_each_node_knows_its_own_words(
    question: str, expected: list[tuple[str, list[str]]]
) -> None:
    assert words(parsed(question)) == expected


@pytest.mark.parametrize("article", ["the ", "a ", "an ", "any ", "some ", "", "the the "])
def test_one_object_is_meant_whatever_its_article(article: str) -> None:
    for question in (
        "what color is {}cube",
        "how many things are left of {}cube",
        "how many things are the same size as {}cube",
        "there is {}cube; how many things are behind it",
    ):
        program = parsed(question.format(article)).program
        assert program == parsed(question.format("the ")).program
        assert program.count("unique") == 1


@pytest.mark.parametrize("article", ["the", "a", "any", ""])
def test_a_set_is_meant_whatever_its_article(article: str) -> None:
    for question in (
        f"is there {article} cube",
        f"how many {article} cubes",
        f"is {article} cube red",
    ):
        assert parsed(question).program.count("unique") == 0


@pytest.mark.parametrize(
    ("question", "plain"),
    [
        (
            "there is a red cube; how many balls are left of it",
            "how many balls are left of the red cube",
        ),
        ("there is a red cube; what is its shape", "what is the shape of the red cube"),
        (
            "there is a red cube; is it the same size as the ball",
            "is the red cube the same size as the ball",
        ),
        (
            "there is a cube left of a ball; is its size the same as that of the block behind it",
            "is the size of the cube left of the ball the same as that of the block behind the "
            "cube left of the ball",
        ),
        (
            "there is a red cube; are there more balls left of it than balls that are right of it",
            "are there more balls left of the red cube than balls that are right of the red cube",
        ),
        ("there is a cube; how many balls are visible", "how many balls"),
    ],
)
def test_it_stands_for_what_was_introduced_everywhere(question: str, plain: str) -> None:
    assert parsed(question).program == parsed(plain).program
    assert all(node.operation != IT for node in parsed(question).program.nodes)


def test_what_is_spoken_of_twice_keeps_its_words_in_both_places() -> None:
    parse = parsed("there is a cube; does it have the same size as the ball left of it")
    cubes = [said for label, said in words(parse) if label == "filter[cube]"]
    assert cubes == [["cube"], ["cube"]]
    assert parse.program.count("find") + parse.program.count("filter") == 3


def test_it_is_replaced_in_place_and_shared_parts_are_looked_at_once() -> None:
    it = Term(THEY)
    term = it
    for _ in range(60):
        term = Term("and", None, (term, term))
    cube = Term("find", "cube", (), ((0, 4),))
    done = replaced(Term("count", None, (term,)), cube)
    for _ in range(61):
        done = done.inputs[0]
    assert done is cube


def test_it_is_one_object_where_one_is_meant_and_else_the_set() -> None:
    cube = Term("find", "cube")
    one, set_of_them = Term("relate", "left", (Term(IT),)), Term("count", None, (Term(THEY),))
    assert [term.inputs[0] for term in (replaced(set_of_them, cube),)] == [cube]
    (unique,) = replaced(one, cube).inputs
    assert (unique.operation, unique.inputs) == ("unique", (cube,))


def test_deep_terms_are_replaced_without_recursion() -> None:
    term = Term(THEY)
    for _ in range(20_000):
        term = Term("filter", "red", (term,))
    program, _ = flatten(Term("exists", None, (replaced(term, Term("scene")),)), 30_000)
    assert len(program) == 20_002
    assert program.nodes[0].operation == "scene"


def test_no_it_changes_nothing() -> None:
    term = Term("exists", None, (Term("scene"),), ((0, 2),))
    assert flatten(replaced(term, Term("find", "red")), 10) == flatten(term, 10)


@pytest.mark.parametrize(
    ("question", "column", "problem"),
    [
        (
            "is the color of the cube the same as the size of the ball",
            42,
            "color cannot be the same as size",
        ),
        (
            "there is a cube; is its shape the same as the material of the ball",
            47,
            "shape cannot be the same as material",
        ),
        (
            "there is a cube; is the size of the ball the same as its color",
            58,
            "size cannot be the same as color",
        ),
    ],
)
def test_words_that_mean_nothing_together(question: str, column: int, problem: str) -> None:
    with pytest.raises(QuestionError) as caught:
        parsed(question)
    assert (caught.value.line, caught.value.column) == (1, column)
    assert caught.value.problem == problem


def test_a_clash_knows_its_word() -> None:
    error = ClashError(Token("ATTRIBUTE", "size"), "no")
    assert (str(error), error.token) == ("no", "size")


def test_spans_are_where_tokens_stand() -> None:
    token = Token("NOUN", "cube", start_pos=3, end_pos=7)
    assert spans_of(token, Token("IS", "is")) == ((3, 7), (0, 0))


@pytest.mark.parametrize("domain", [SHAPES, CLEVR], ids=lambda domain: domain.name)
def test_every_rule_that_is_named_has_a_meaning(domain: Domain) -> None:
    meaning = MEANINGS[domain.name]()
    for rule in shared_parser(domain)._lalr.rules:
        name = rule.alias or rule.options.template_source or str(rule.origin.name)
        inlined = name.startswith("_") or (rule.options.expand1 and not rule.alias)
        if not inlined:
            assert callable(getattr(meaning, name, None)), rule
