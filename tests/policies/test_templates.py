import pytest

from nmn.domain import load_domain
from nmn.policies.templates import Template, content_words, domain_of_words, templates
from nmn.program.canonical import canonical
from nmn.program.typecheck import typecheck

SHAPES = load_domain("shapes")
QUESTIONS = [
    question.split()
    for question in (
        "is a red shape a circle",
        "is a red shape above a square",
        "is a circle left of a blue shape",
        "is a blue shape right of a square",
        "is a triangle blue",
        "is a circle below a circle",
        "is a blue shape above a square",
        "is a triangle left of a red shape",
        "is a circle right of a red shape",
    )
]


def test_words_that_most_questions_have_or_that_are_always_brought_along_say_nothing() -> None:
    said = content_words(QUESTIONS)
    assert said == (
        "above",
        "below",
        "blue",
        "circle",
        "left",
        "red",
        "right",
        "square",
        "triangle",
    )


def test_questions_that_come_again_count_once() -> None:
    assert content_words([*QUESTIONS, *QUESTIONS[:1] * 50]) == content_words(QUESTIONS)


def test_no_questions_have_no_words() -> None:
    assert content_words([]) == ()


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 3), (3, 18), (4, 171)])
def test_every_template_is_a_program_that_says_each_word_once(count: int, expected: int) -> None:
    words = ["above", "blue", "circle", "left"][:count]
    domain = domain_of_words(SHAPES, words)
    every = templates(count, domain)
    programs = set()
    for template in every:
        program, places = template.program(words)
        typecheck(program, domain)
        said = [node.argument for node in program.nodes if node.argument is not None]
        assert sorted(said) == sorted(words)
        assert [None if p is None else words[p] for p in places] == [
            node.argument for node in program.nodes
        ]
        programs.add(canonical(program))
    assert len(programs) == len(every) == expected


def test_a_domain_of_words_answers_as_before() -> None:
    domain = domain_of_words(SHAPES, ["red", "left"])
    assert domain.answers == SHAPES.answers
    assert domain.concepts == domain.relations == ("red", "left")


def test_one_word_is_found() -> None:
    program, places = templates(1, domain_of_words(SHAPES, ["red"]))[0].program(["red"])
    assert str(program) == "exists(find[red])"
    assert places == (0, None)
    assert Template("find", (), 0).program(["red"])[1] == (0,)
