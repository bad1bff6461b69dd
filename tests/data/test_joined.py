import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmn.data.clevr_folder import ClevrData, read_clevr
from nmn.data.joined import JoinedData, Part
from nmn.data.loader import BatchLoader
from nmn.data.vocabulary import WordVocabulary
from nmn.domain import load_domain
from nmn.errors import DataError
from tests.data.clevr_folders import INDICES, write_split

EACH = 3


@pytest.fixture
def data(tmp_path: Path) -> ClevrData:
    write_split(tmp_path / "one", "train", each=EACH)
    return read_clevr(tmp_path / "one", "train", scenes=True)


def everything(data: ClevrData) -> Part:
    return Part(data, np.arange(len(data)))


def test_parts_follow_each_other_and_share_no_picture(data: ClevrData) -> None:
    some = Part(data, np.array([3, 4, 11]))
    joined = JoinedData([everything(data), some, some])
    assert len(joined) == len(list(joined)) == 12 + 3 + 3
    assert joined.domain == data.domain
    assert (
        joined.name
        == "one/train (12 questions) + one/train (3 questions) + one/train (3 questions)"
    )
    for place, row in enumerate([*range(12), 3, 4, 11, 3, 4, 11]):
        example, wanted = joined[place], data[row]
        assert example.question_index == place
        assert example.image_index == joined.images[place]
        assert (example.question, example.scene) == (wanted.question, wanted.scene)
        assert example.picture is not None
        np.testing.assert_array_equal(example.picture, wanted.picture)
        assert joined.question(place).picture is None
        assert joined.question(place).question == wanted.question
    assert len(set(joined.images.tolist())) == len(INDICES) + 2 + 2
    assert joined[-1].question == data[11].question
    with pytest.raises(IndexError):
        joined[18]


def test_batches_keep_the_pictures_of_parts_apart(data: ClevrData) -> None:
    joined = JoinedData([everything(data), everything(data)])
    loader = BatchLoader(joined, WordVocabulary(()), 12, 0)
    batches = list(loader.epoch(0))
    assert [len(batch) for batch in batches] == [12, 12]
    assert [len(batch.pictures) for batch in batches] == [4, 4]


def test_another_domain_is_refused(data: ClevrData, tmp_path: Path) -> None:
    write_split(tmp_path / "two", "train")
    domain: dict[str, Any] = load_domain("clevr").to_json()
    domain["attributes"]["shape"].append("cone")
    (tmp_path / "two" / "domain.json").write_text(json.dumps(domain))
    other = read_clevr(tmp_path / "two", "train")
    with pytest.raises(DataError, match="two/train: is of another domain than one/train"):
        JoinedData([everything(data), everything(other)])
