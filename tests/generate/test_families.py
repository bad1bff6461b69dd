from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from nmn.data.clevr import read_questions
from nmn.domain import Attribute, Domain
from nmn.errors import ConfigError, UnknownNameError
from nmn.generate.families import families_of

ORIGINAL = {
    "zero_hop": 6,
    "one_hop": 6,
    "two_hop": 6,
    "three_hop": 6,
    "single_and": 5,
    "single_or": 8,
    "same_relate": 28,
    "comparison": 16,
    "compare_integer": 9,
}


def test_the_original_families_are_the_ninety_of_the_nine_files(clevr: Domain) -> None:
    families = families_of(("original",), clevr)
    assert Counter(family.template for family in families) == ORIGINAL
    assert len(families) == 90 == len({family.name for family in families})
    for template, count in ORIGINAL.items():
        assert [f.index for f in families_of((template,), clevr)] == list(range(count))


def test_groups_can_be_put_together_and_none_comes_twice(clevr: Domain) -> None:
    everything = families_of(("free", "original", "one_hop"), clevr)
    assert len(everything) == len(set(everything)) == 90 + len(families_of(("free",), clevr))
    assert {f.template for f in families_of(("four_hop", "zero_hop"), clevr)} == {
        "four_hop",
        "zero_hop",
    }


def test_no_two_families_of_a_group_are_alike(clevr: Domain) -> None:
    families = families_of(("free", "original"), clevr)
    assert len({family.pattern.text for family in families}) == len(families)


def test_an_unknown_group_is_named_with_its_neighbours(clevr: Domain) -> None:
    with pytest.raises(UnknownNameError) as caught:
        families_of(("original", "two_hops"), clevr)
    assert str(caught.value).startswith("unknown question family 'two_hops'; nearest: 'two_hop'")


def test_a_domain_without_an_attribute_of_the_families_is_refused(clevr: Domain) -> None:
    other = replace(clevr, attributes=(*clevr.attributes[:3], Attribute("form", ("cube", "cone"))))
    with pytest.raises(ConfigError, match=r"families.toml, zero_hop 2: unknown hole or step"):
        families_of(("original",), other)


@pytest.mark.parametrize("count", [1200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_every_question_of_the_original_is_of_the_family_its_file_names(
    clevr: Domain, real_data: Path, count: int
) -> None:
    families = {(f.template, f.index): f for f in families_of(("original",), clevr)}
    path = real_data / "clevr" / "CLEVR_train_questions.json.gz"
    seen = set()
    for question in islice(read_questions(path, clevr), count):
        template = question.record["template_filename"].removesuffix(".json")
        key = (template, question.record["question_family_index"])
        assert question.example.program is not None
        assert families[key].pattern.fits(question.example.program), key
        seen.add(key)
    assert seen >= set(families) - {("compare_integer", 0)}  # of which there are four in all
    assert len(seen) == 90 or count < 10_000
