"""Pictures seen in a mirror, with all that is so in them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from nmn.data.batch import Batch
from nmn.data.sight import Sight
from nmn.program.program import Program, node_of
from nmn.scene.scene import Scene

_OTHER_SIDE: Mapping[str, str] = {
    "left": "right",
    "right": "left",
    "left_of": "right_of",
    "right_of": "left_of",
}


def mirrored_at_random(batch: Batch, share: float, generator: torch.Generator) -> Batch:
    """The same with each picture mirrored as probably as `share` says; see `mirrored`.

    Args:
        generator: of the CPU, wherever the pictures are.
    """
    if not share:
        return batch
    drawn = torch.rand(len(batch.pictures), generator=generator) < share
    return mirrored(batch, drawn.nonzero().flatten().tolist())


def mirrored(batch: Batch, pictures: Sequence[int]) -> Batch:
    """The same with some of its pictures mirrored.

    What was left in them is right, in sights, in the relations of scenes, and in programs, whose
    answers so stay what they are. The words of questions and the coordinates of objects stay too.
    """
    seen, sights = batch.pictures.clone(), list(batch.sights)
    for row in pictures:
        seen[row] = seen[row].flip(-1)
        sight = sights[row] if sights else None
        if sight is not None:
            ground = sight.ground * np.array([-1, 1], np.float32)
            sights[row] = Sight(np.ascontiguousarray(sight.cells[:, ::-1]), ground)
    programs, scenes = list(batch.programs), list(batch.scenes)
    chosen = set(pictures)
    done: dict[int, Scene] = {}
    for question, picture in enumerate(batch.picture.tolist()):
        if picture not in chosen:
            continue
        program, scene = programs[question], scenes[question]
        if program is not None:
            programs[question] = mirrored_program(program)
        if scene is not None:
            if picture not in done:
                done[picture] = _mirrored_scene(scene)
            scenes[question] = done[picture]
    return replace(
        batch, pictures=seen, sights=tuple(sights), programs=tuple(programs), scenes=tuple(scenes)
    )


def mirrored_program(program: Program) -> Program:
    """The program that means in a mirrored picture what this one means in the picture."""
    nodes = tuple(
        node_of("relate", _OTHER_SIDE.get(node.argument, node.argument), node.inputs)
        if node.operation == "relate" and node.argument is not None
        else node
        for node in program.nodes
    )
    return program if nodes == program.nodes else Program(nodes)


def _mirrored_scene(scene: Scene) -> Scene:
    sides = {name: _OTHER_SIDE.get(name, name) for name in scene.relations}
    return replace(scene, relations={sides[name]: rows for name, rows in scene.relations.items()})
