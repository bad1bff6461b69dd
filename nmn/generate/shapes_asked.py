"""Questions of others about SHAPES, asked of generated pictures."""

from collections.abc import Mapping

import numpy as np

from nmn.data.example import Example, ListDataset, question_type
from nmn.domain import load_domain
from nmn.errors import DataError
from nmn.generate.shapes import ScenePool, ShapesWorldConfig
from nmn.program.program import Program
from nmn.progress import Stage, silent
from nmn.render.flat import draw_cells
from nmn.scene.plan import compile_programs
from nmn.scene.table import SceneTable
from nmn.scene.vectorised import run
from nmn.seeding import generator


def ask_of_pictures(
    questions: Mapping[str, Program],
    config: ShapesWorldConfig,
    seed: int,
    count: int,
    stage: Stage = silent,
    *,
    scenes: int = 2000,
) -> ListDataset:
    """About `count` examples, as many of each question as of the others, in mixed order.

    Half of the pictures of a question answer it with yes, as far as there are such.

    Args:
        questions: their programs, by which they are answered, by their words.
        scenes: that pictures are drawn of; questions share them.

    Raises:
        DataError: there is no question.
    """
    if not questions:
        raise DataError("questions", "wanted at least one to ask, got none")
    domain = load_domain("shapes")
    random = generator(seed, "shapes", "asked", "scene")
    pool = ScenePool(config, random, scenes)
    table, yes = SceneTable.of(tuple(pool.scenes), domain), domain.answers.index("yes")
    each = max(1, count // len(questions))
    drawn: list[tuple[str, Program, str, int]] = []
    for done, (question, program) in enumerate(questions.items()):
        stage("answering questions", done, len(questions))
        order = random.permutation(scenes)
        positive = run(compile_programs([program] * scenes, domain), table, order).answers == yes
        chosen = [(int(scene), "yes") for scene in order[positive][: each // 2]]
        chosen += [(int(scene), "no") for scene in order[~positive][: each - len(chosen)]]
        drawn += [(question, program, answer, scene) for scene, answer in chosen]
    mixed = [drawn[place] for place in random.permutation(len(drawn))]
    shown = np.array([scene for *_, scene in mixed])
    pictures = draw_cells(
        pool.shapes[shown], pool.colors[shown], generator(seed, "shapes", "asked", "picture")
    )
    examples = tuple(
        Example(
            question=question,
            question_index=index,
            image_index=index,
            picture=pictures[index],
            program=program,
            answer=answer,
            family=question_type(program),
            scene=pool.scenes[scene],
        )
        for index, (question, program, answer, scene) in enumerate(mixed)
    )
    return ListDataset(domain, f"questions of others, pictures with seed {seed}", examples)
