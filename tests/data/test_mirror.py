from dataclasses import replace

import numpy as np
import torch

from nmn.data.clevr_folder import read_clevr
from nmn.data.mirror import mirrored, mirrored_at_random, mirrored_program
from nmn.program.text import parse_program
from nmn.resources import dataset_folder
from nmn.scene.scene import Scene
from nmn.scene.symbolic import execute
from tests.perception.made import BLUE, GROUND, RED, batch, scene, sight

LEFT = "exists(relate[left](unique(filter[red](relate[behind](unique(filter[blue](scene)))))))"


def test_left_and_right_of_a_program_change_sides() -> None:
    assert str(mirrored_program(parse_program(LEFT))) == LEFT.replace("left", "right")
    assert str(mirrored_program(parse_program("exists(relate[right_of](find[red]))"))) == (
        "exists(relate[left_of](find[red]))"
    )
    same = parse_program("exists(relate[above](find[red]))")
    assert mirrored_program(same) is same


def test_answers_stay_what_they_are() -> None:
    mini = read_clevr(dataset_folder("clevr") / "mini", "mini", pictures=False, scenes=True)
    changed = 0
    for row in range(len(mini)):
        example = mini.question(row)
        assert example.program is not None
        assert example.scene is not None
        one = replace(batch((example.scene,), ()), programs=(example.program,))
        other = mirrored(one, [0])
        assert other.programs[0] is not None
        assert other.scenes[0] is not None
        assert execute(other.programs[0], other.scenes[0]).answer == example.answer
        changed += other.programs[0] != example.program
    assert changed >= 3


def test_what_is_seen_where_fits_the_mirrored_scene() -> None:
    made = batch((scene(RED, BLUE), scene(RED, BLUE)), (sight(), sight()))
    made = replace(made, programs=(parse_program(LEFT),) * 2)
    other = mirrored(made, [1])
    for name in ("pictures", "programs", "scenes", "sights"):
        assert getattr(other, name)[0] is getattr(made, name)[0] or name == "pictures"
    torch.testing.assert_close(other.pictures[0], made.pictures[0])
    torch.testing.assert_close(other.pictures[1], made.pictures[1].flip(-1))
    seen = other.sights[1]
    assert seen is not None
    np.testing.assert_array_equal(seen.cells, sight().cells[:, ::-1])
    there = scene(RED, BLUE, ground=tuple((-x, y) for x, y in GROUND))
    np.testing.assert_array_equal(seen.ground, [item.position for item in there.objects])
    assert isinstance(other.scenes[1], Scene)
    assert other.scenes[1].relations == there.relations
    again = mirrored(other, [1])
    assert (again.programs, again.scenes) == (made.programs, made.scenes)
    torch.testing.assert_close(again.pictures, made.pictures)


def test_all_questions_about_a_picture_see_its_mirror() -> None:
    made = batch((scene(RED, BLUE),) * 3, (sight(), sight()))
    made = replace(
        made,
        pictures=made.pictures[:2],
        picture=torch.tensor([0, 1, 1]),
        programs=(parse_program(LEFT), parse_program(LEFT), None),
        scenes=(made.scenes[0], made.scenes[1], None),
    )
    other = mirrored(made, [1])
    assert other.programs == (made.programs[0], mirrored_program(parse_program(LEFT)), None)
    assert other.scenes[2] is None
    assert mirrored(replace(made, sights=()), [0, 1]).sights == ()


def test_a_share_of_pictures_is_mirrored() -> None:
    made = batch((scene(RED, BLUE),) * 200, (sight(),) * 200)
    generator = torch.Generator().manual_seed(0)
    assert mirrored_at_random(made, 0.0, generator) is made
    other = mirrored_at_random(made, 0.3, generator)
    share = (other.pictures != made.pictures).flatten(1).any(1).float().mean()
    assert 0.2 < share < 0.4
    same = mirrored_at_random(made, 0.3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(same.pictures, other.pictures)
