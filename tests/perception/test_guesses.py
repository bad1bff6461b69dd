import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.perception.guesses import guesses, likeliest
from tests.perception.made import BLUE, CLEVR, RED, detection


def test_what_is_certain_is_one_scene() -> None:
    seen = [detection(*RED, ground=(1.0, 2.0)), detection(*BLUE, ground=(0.5, 3.0))]
    (guess,) = guesses(seen, CLEVR, (240, 160), most=8, least=1e-3)
    assert guess.probability == 1
    assert guess.objects == (0, 1)
    red, blue = guess.scene.objects
    assert tuple(red.attributes.values()) == RED
    assert (red.position, red.pixel) == ((1.0, 2.0), (90.0, 120.0))
    assert guess.scene.relations == {
        "left": ((1,), ()),
        "right": ((), (0,)),
        "front": ((1,), ()),
        "behind": ((), (0,)),
    }
    assert blue.attributes["shape"] == "sphere"
    guess.scene.check(CLEVR)


def test_doubts_are_other_scenes() -> None:
    seen = [detection(*RED), detection(*BLUE, there=0.6)]
    found = guesses(seen, CLEVR, (240, 160), most=8, least=1e-3)
    assert [(round(guess.probability, 6), guess.objects) for guess in found] == [
        (0.6, (0, 1)),
        (0.4, (0,)),
    ]
    unsure = guesses([detection(*RED, sure=0.9)], CLEVR, (240, 160), most=100, least=1e-9)
    assert len(unsure) == 2**4
    assert math.isclose(sum(guess.probability for guess in unsure), 1)
    assert math.isclose(unsure[0].probability, 0.9**4)


def test_few_and_improbable_scenes_are_left_out() -> None:
    seen = [detection(*RED, sure=0.9)]
    found = guesses(seen, CLEVR, (240, 160), most=3, least=1e-3)
    assert len(found) == 3
    assert math.isclose(sum(guess.probability for guess in found), 1)
    assert len(guesses(seen, CLEVR, (240, 160), most=100, least=0.1)) == 5


def test_a_picture_without_objects_is_an_empty_scene() -> None:
    (guess,) = guesses([], CLEVR, (240, 160), most=8, least=1e-3)
    assert guess.scene.objects == ()
    guess.scene.check(CLEVR)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(0.01, 1), min_size=1, max_size=4), max_size=5), st.integers(1, 12)
)
def test_the_likeliest_ways_are_those_of_all(parts: list[list[float]], most: int) -> None:
    choices = [[(p, place) for place, p in enumerate(part)] for part in parts]
    ways = itertools.product(*choices)
    every = sorted((math.prod(p for p, _ in way) for way in ways), reverse=True)
    found = likeliest(choices, most, 0.0)
    for (probability, chosen), wanted in zip(found, every[:most], strict=True):
        assert math.isclose(probability, wanted, rel_tol=1e-9)
        made = math.prod(part[place] for part, place in zip(parts, chosen, strict=True))
        assert math.isclose(probability, made, rel_tol=1e-9)
