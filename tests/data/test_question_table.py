from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.data.example import Example
from nmn.data.question_table import QuestionTable
from nmn.program.program import Program
from tests.strategies import CLEVR, programs

ANSWERS = (None, *CLEVR.answers)
EXAMPLES = st.builds(
    Example,
    question=st.text(),
    question_index=st.integers(0, 1 << 40),
    image_index=st.integers(0, 1 << 40),
    program=st.none() | programs(CLEVR),
    answer=st.sampled_from(ANSWERS),
    family=st.sampled_from(("", "family 1", "one_hop 3")),
)
Row = tuple[str, int, int, Program | None, str | None, str]


def row_of(example: Example) -> Row:
    assert example.picture is None
    assert example.scene is None
    indices = example.question_index, example.image_index
    return example.question, *indices, example.program, example.answer, example.family


@given(st.lists(EXAMPLES, max_size=6))
@settings(max_examples=40, deadline=None)
def test_what_goes_in_comes_out(examples: list[Example]) -> None:
    table = QuestionTable((example, place) for place, example in enumerate(examples))
    assert len(table) == len(examples)
    again = [row_of(table[place]) for place in range(len(table))]
    assert again == list(map(row_of, examples))
    assert table.pictures.tolist() == list(range(len(examples)))
    assert table.images.tolist() == [example.image_index for example in examples]


def test_texts_that_are_no_unicode_stay_what_they_are() -> None:
    table = QuestionTable([(Example("\ud800?", 0, 0), -1)])
    assert table[-1].question == "\ud800?"


def test_a_question_takes_the_memory_of_its_words_and_steps() -> None:
    question = "What number of objects are either small brown spheres or gray matte objects?"
    table = QuestionTable((Example(question, i, i), i) for i in range(1000))
    assert table.bytes < 1000 * (len(question) + 70)
