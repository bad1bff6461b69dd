"""A folder of generated data from nothing, or from where it was left."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nmn.config import Config
from nmn.errors import ConfigError, UnknownNameError
from nmn.generate import ShardedWorld
from nmn.generate.folder import abandon, begin, finish, questions_of
from nmn.generate.generation import Generation
from nmn.generate.shards import make_shards, peak_mib


def make_folder(
    folder: Path,
    world: ShardedWorld,
    config: Config,
    generation: Generation,
    *,
    processes: int,
    resume: bool,
    stage: Callable[[str, int, int | None], None],
) -> dict[str, Any]:
    """Make all of `generation` in `folder`.

    Args:
        config: of the world, as in `generation`.
        processes: how many work; 1 is this one.
        resume: go on where an earlier run of the same generation stopped.
        stage: told what is being done, how much of it is, and how much there is.

    Returns:
        `images`, `questions`, `splits`, the memory in `peak_mib`, how many pictures were `made`
        now, and whether anything was left to do (`begun`).

    Raises:
        ConfigError, UnknownNameError: there is no such data.
        DataError: there is other data in the folder, another command is at work in it, or it
            cannot be written.
    """
    splits: Mapping[str, int] = generation.splits
    domain = world.domain(config)
    total, made, peak = sum(splits.values()), 0, 0.0
    lock = begin(folder, generation, domain, pictures=world.pictures, resume=resume)
    begun = lock is not None
    if lock is not None:
        with lock:
            every = generation.jobs(folder, world.make, config)
            todo = [job for job in every if not job.done]
            made = sum(len(job.indices) for job in todo)

            def progress(done: int) -> None:
                stage("making pictures", total - made + done, total)

            try:
                peak = make_shards(todo, processes, progress)
            except (ConfigError, UnknownNameError):
                abandon(folder, generation, every)
                raise
            finish(folder, generation, domain, every, stage)
    questions = questions_of(folder, splits)
    return {
        "images": total,
        "questions": sum(questions.values()),
        "splits": {s: {"images": splits[s], "questions": questions[s]} for s in splits},
        "peak_mib": max(peak, peak_mib()),
        "made": made,
        "begun": begun,
    }
