import numpy as np
import pytest
import torch

from nmn.data.batch import Batch
from nmn.data.sight import Sight
from nmn.domain import Domain
from nmn.errors import ConfigError, DataError
from nmn.execution.base import MaskTable
from nmn.execution.batched import BatchedExecutor
from nmn.execution.network import ModuleNetwork, ModuleNetworkConfig
from nmn.perception.scene_parser import SceneParser, SceneParserConfig
from nmn.program.text import parse_program
from nmn.scene.scene import Scene, SceneObject
from nmn.training.faithfulness import (
    CheckedAnswer,
    CheckedMask,
    check_masks,
    faithfulness,
    masks_of,
)

CELLS = ((0, 0, -1), (1, 2, -1))
"""Three objects, of which the first is seen in two cells."""
COUNT_RED = parse_program("count(filter[red](scene))")
QUERY_RED = parse_program("query[shape](unique(filter[red](scene)))")


def scene(*colours: str) -> Scene:
    return Scene(tuple(SceneObject({"color": colour, "shape": "cube"}) for colour in colours))


def batch(*scenes: Scene | None, sight: bool = True) -> Batch:
    """A question about a picture of its own for each scene."""
    seen = Sight(np.array(CELLS, np.int16), np.zeros((3, 2), np.float32))
    count = len(scenes)
    return Batch(
        questions=("?",) * count,
        pictures=torch.zeros(count, 3, 2, 3),
        picture=torch.arange(count),
        tokens=torch.zeros(count, 1, dtype=torch.long),
        programs=(COUNT_RED,) * count,
        answers=torch.zeros(count, dtype=torch.long),
        scenes=scenes,
        sights=(seen if sight else None,) * count,
    )


def table(*masks: tuple[float, ...]) -> MaskTable:
    """Those of `COUNT_RED`: the first two are those of the first question, and so on."""
    rows = tuple((row, row + 1, None) for row in range(0, len(masks), 2))
    return MaskTable(torch.tensor(masks), rows)


ALL = (0.9, 0.1, 0.1, 0.9, 0.9, 0.1)


def test_an_object_is_meant_where_its_largest_attention_is_above_one_half() -> None:
    found = check_masks(
        table(ALL, (0.2, 0.6, 0.0, 0.5, 0.4, 0.0)), [COUNT_RED], batch(scene("red", "red", "blue"))
    )
    assert found == [
        (CheckedMask("scene", 3, 0, 0, stray=False), CheckedMask("filter", 1, 0, 1, stray=False))
    ]


def test_what_is_too_much_and_what_is_meant_by_no_object_are_told_apart() -> None:
    found = check_masks(
        table(ALL, (0.0, 0.0, 0.9, 0.9, 0.9, 0.0)), [COUNT_RED], batch(scene("blue", "red", "blue"))
    )
    assert found[0] is not None
    assert found[0][1] == CheckedMask("filter", 1, 1, 0, stray=True)
    assert [step.right for step in found[0]] == [True, False]


def test_each_question_is_compared_with_its_own_picture() -> None:
    scenes = scene("red", "blue", "blue"), scene("blue", "blue", "red")
    first, last = (0.9, 0.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0, 0.9, 0.0)
    right = check_masks(table(ALL, first, ALL, last), [COUNT_RED] * 2, batch(*scenes))
    wrong = check_masks(table(ALL, last, ALL, first), [COUNT_RED] * 2, batch(*scenes))
    assert [steps[1].right for steps in right if steps] == [True, True]
    assert [steps[1].right for steps in wrong if steps] == [False, False]


def test_programs_that_mean_nothing_are_left_out() -> None:
    masks = MaskTable(torch.tensor([ALL, ALL, ALL]), ((0, 1, 2, None),))
    assert check_masks(masks, [QUERY_RED], batch(scene("red", "red", "blue"))) == [None]
    known = check_masks(masks, [QUERY_RED], batch(scene("red", "blue", "blue")))
    assert known[0] is not None
    assert [step.operation for step in known[0]] == ["scene", "filter", "unique"]


def test_without_scenes_nothing_can_be_said() -> None:
    with pytest.raises(DataError, match="question 0: there is no scene graph"):
        check_masks(table(ALL, ALL), [COUNT_RED], batch(None))
    with pytest.raises(DataError, match="picture 0: wanted its scene and what is seen"):
        check_masks(table(ALL, ALL), [COUNT_RED], batch(scene("red", "red", "red"), sight=False))


def test_rates_are_over_objects_and_right_answers_are_looked_behind() -> None:
    good = CheckedMask("scene", 4, 0, 0, stray=False)
    bad = CheckedMask("filter", 1, 2, 3, stray=True)
    fair = CheckedMask("filter", 3, 0, 1, stray=False)
    nothing = CheckedMask("filter", 0, 0, 0, stray=False)
    made = faithfulness(
        [
            CheckedAnswer(0, True, (good, bad)),
            CheckedAnswer(0, True, (good, nothing)),
            CheckedAnswer(1, False, (good, fair)),
            CheckedAnswer(2, None, (good,)),
        ]
    )
    filters = made["by_operation"]["filter"]
    assert filters["precision"] == pytest.approx(4 / 6)
    assert filters["recall"] == pytest.approx(4 / 8)
    assert (filters["masks"], filters["exact"], filters["stray"]) == (3, 1 / 3, 1 / 3)
    low, high = filters["recall_interval"]
    assert 0 < low < 0.5 < high < 1
    assert made["by_operation"]["scene"]["precision"] == 1.0
    assert (made["precision"], made["recall"]) == (20 / 22, 20 / 24)
    assert made["right_answers"] == {
        "total": 2,
        "all_steps_right": 1,
        "share": 0.5,
        "interval": made["right_answers"]["interval"],
        "first_wrong_step": {"filter": 1},
    }


def test_what_never_means_anything_has_no_precision() -> None:
    silent = CheckedMask("relate", 0, 0, 2, stray=False)
    made = faithfulness([CheckedAnswer(0, False, (silent,))])
    assert (made["precision"], made["recall"]) == (None, 0.0)
    assert made["right_answers"]["share"] is None


def test_models_without_masks_say_so(clevr: Domain) -> None:
    batched = ModuleNetwork(clevr, ModuleNetworkConfig())
    assert masks_of(batched) is batched.executor
    reference = ModuleNetwork(clevr, ModuleNetworkConfig(executor="reference"))
    assert isinstance(masks_of(reference), BatchedExecutor)
    residual = ModuleNetwork(clevr, ModuleNetworkConfig(family="residual"))
    with pytest.raises(ConfigError, match="steps of family 'residual' say nothing of which cells"):
        masks_of(residual)
    with pytest.raises(ConfigError, match="SceneParser has no masks over cells"):
        masks_of(SceneParser(clevr, SceneParserConfig()))
