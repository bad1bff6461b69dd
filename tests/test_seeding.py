import subprocess
import sys

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.seeding import child_seed, fraction, generator

NAMES = st.lists(st.sampled_from(["scene", "question", "split", "init", "policy"]), max_size=3)


def test_seeds_are_the_same_on_every_machine() -> None:
    assert child_seed(0) == 5254295370254170289
    assert child_seed(7, "scene") == 7325264708664603512
    assert child_seed(7, "scene", 3) == 4597072875623548303


def test_names_do_not_run_together() -> None:
    seeds = [child_seed(7, "a/b"), child_seed(7, "a", "b"), child_seed(7, "3"), child_seed(7, 3)]
    assert len(set(seeds)) == 4


def test_seeds_are_the_same_in_another_process() -> None:
    code = "from nmn.seeding import *; print(child_seed(7, 'a'), generator(7, 'a').integers(1<<62))"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert told.split() == [str(child_seed(7, "a")), str(generator(7, "a").integers(1 << 62))]


@given(st.integers(), NAMES, st.integers(), NAMES)
@settings(deadline=None, max_examples=100)
def test_other_seeds_or_names_give_other_children(
    seed: int, names: list[str], other_seed: int, other_names: list[str]
) -> None:
    same = (seed, names) == (other_seed, other_names)
    assert (child_seed(seed, *names) == child_seed(other_seed, *other_names)) == same


@given(st.integers(), NAMES)
@settings(deadline=None, max_examples=50)
def test_a_child_seed_fits_63_bits(seed: int, names: list[str]) -> None:
    assert 0 <= child_seed(seed, *names) < 2**63


def test_the_order_of_names_matters() -> None:
    assert child_seed(1, "a", "b") != child_seed(1, "b", "a")


def test_generators_of_one_name_repeat_and_of_two_are_independent() -> None:
    first, again = generator(7, "scene").random(10_000), generator(7, "scene").random(10_000)
    other = generator(7, "question").random(10_000)
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.05


def test_drawing_from_one_child_leaves_another_as_it_is() -> None:
    undisturbed = generator(7, "question").random(5)
    scene, question = generator(7, "scene"), generator(7, "question")
    scene.random(1000)
    np.testing.assert_array_equal(question.random(5), undisturbed)


def test_fractions_are_spread_evenly_and_below_one() -> None:
    values = np.array([fraction(str(index)) for index in range(10_000)])
    assert values.min() >= 0
    assert values.max() < 1
    counts, _ = np.histogram(values, bins=10, range=(0, 1))
    assert abs(counts - 1000).max() < 150


def test_a_fraction_depends_on_its_text_alone() -> None:
    assert fraction("exists(scene)") == fraction("exists(scene)") != fraction("exists(scene) ")
    assert round(fraction("exists(scene)"), 12) == 0.942340134549
