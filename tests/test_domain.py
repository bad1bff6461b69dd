import json
from dataclasses import replace
from pathlib import Path

import pytest

from nmn.domain import Attribute, Domain, domain_names, load_domain, shipped_domains
from nmn.errors import ConfigError, DataError, UnknownNameError
from nmn.resources import dataset_folder

TOY = Domain(
    name="toy",
    description="",
    attributes=(Attribute("color", ("red", "green")), Attribute("size", ("small", "large"))),
    relations=("near", "far"),
    answers=("yes", "no"),
)


def test_the_shipped_domains_include_shapes_and_clevr() -> None:
    assert {"shapes", "clevr"} <= set(domain_names())
    for name in domain_names():
        assert load_domain(name).name == name


def test_shapes_is_as_published(shapes: Domain) -> None:
    assert shapes.concepts == ("red", "green", "blue", "circle", "square", "triangle")
    assert shapes.attribute_names == ("color", "shape")
    assert shapes.relations == ("left_of", "right_of", "above", "below")
    assert shapes.answers == ("yes", "no")


def test_clevr_is_as_published(clevr: Domain) -> None:
    assert [(a.name, len(a.values)) for a in clevr.attributes] == [
        ("size", 2),
        ("color", 8),
        ("material", 2),
        ("shape", 3),
    ]
    assert clevr.relations == ("left", "right", "front", "behind")
    assert len(clevr.answers) == 28
    assert set(clevr.answers) == {"yes", "no", *map(str, range(11)), *clevr.concepts}


def test_each_concept_belongs_to_the_attribute_that_lists_it(clevr: Domain) -> None:
    for attribute in clevr.attributes:
        assert clevr.values_of(attribute.name) == attribute.values
        assert {clevr.attribute_of(value) for value in attribute.values} == {attribute.name}


def test_an_unknown_concept_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        TOY.attribute_of("gren")
    assert str(caught.value) == (
        "unknown concept 'gren' in domain toy; nearest: 'green', 'red' or 'large'"
    )


def test_an_unknown_attribute_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown attribute 'colour'.*nearest: 'color'"):
        TOY.values_of("colour")


@pytest.mark.parametrize(
    ("domain_fields", "problem"),
    [
        (
            {"attributes": (Attribute("a", ("red",)), Attribute("b", ("red",)))},
            "concept 'red' occurs twice",
        ),
        ({"attributes": (Attribute("a", ("red", "red")),)}, "concept 'red' occurs twice"),
        (
            {"attributes": (Attribute("a", ("x",)), Attribute("a", ("y",)))},
            "attribute 'a' occurs twice",
        ),
        ({"relations": ("near", "near")}, "relation 'near' occurs twice"),
        ({"answers": ("yes", "no", "yes")}, "answer 'yes' occurs twice"),
    ],
)
def test_a_name_given_twice_is_refused(domain_fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        replace(TOY, **domain_fields)  # type: ignore[arg-type]
    assert str(caught.value) == f"domain toy: {problem}"


@pytest.mark.parametrize("name", ["shapes", "clevr"])
def test_json_and_back_is_the_same_domain(name: str) -> None:
    domain = load_domain(name)
    again = Domain.from_json(json.loads(json.dumps(domain.to_json())), "test")
    assert again == domain
    assert hash(again) == hash(domain)


@pytest.mark.parametrize("field", ["name", "description", "relations", "answers", "attributes"])
def test_json_without_a_field_is_refused(field: str) -> None:
    values = TOY.to_json()
    del values[field]
    with pytest.raises(ConfigError) as caught:
        Domain.from_json(values, "domain.json")
    assert str(caught.value) == f"domain.json: '{field}': field required"


def test_json_with_an_unknown_field_names_its_neighbour() -> None:
    with pytest.raises(ConfigError, match=r"^x\.json: unknown key 'relation'; nearest: 'rel"):
        Domain.from_json({**TOY.to_json(), "relation": []}, "x.json")


def test_any_domain_loads_by_the_path_of_its_file(tmp_path: Path, shapes: Domain) -> None:
    text = (dataset_folder("shapes") / "domain.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('name = "shapes"', 'name = "mine"', 1), encoding="utf-8")
    assert load_domain(str(path)) == replace(shapes, name="mine")


def test_an_unknown_domain_names_the_shipped_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown domain 'shape'; nearest: 'shapes'"):
        load_domain("shape")


def test_a_path_out_of_the_folder_of_domains_is_no_domain() -> None:
    with pytest.raises(UnknownNameError, match="unknown domain"):
        load_domain("../datasets/shapes")


def test_a_missing_domain_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(DataError) as caught:
        load_domain(str(path))
    assert str(caught.value) == f"{path}: no such file or directory"


def test_a_domain_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("name = \n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"broken\.toml: not valid TOML: .*line 1"):
        load_domain(str(path))


def test_shipped_domains_are_read_once() -> None:
    assert tuple(domain.name for domain in shipped_domains()) == domain_names()
    assert shipped_domains() is shipped_domains()
