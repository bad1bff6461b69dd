"""Ask questions of real scenes: how many a second, in which families, and how even their answers.

    python benchmarks/questions.py [--pictures 1000] [--families original] [--seed 0] [--json]

One core, one thread. A maker serves 250 pictures in a row, as in the generator. Two times are
given: of the clock, and of the process, which a busy machine changes less. Of each question the
programs drawn, checked and said are counted in; reading the scenes is not.
"""

import argparse
import json
import os
import platform
import time
from collections import Counter, defaultdict
from pathlib import Path

from nmn.data.clevr import read_scenes
from nmn.domain import load_domain
from nmn.generate.questions import Made, QuestionConfig, QuestionMaker
from nmn.scene.symbolic import execute
from nmn.seeding import generator

SHARD = 250


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1_000)
    parser.add_argument("--families", default="original", help="groups, with commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = os.environ.get("NMN_REAL_DATA")
    if not folder:
        raise SystemExit("NMN_REAL_DATA is not set: the real data of others is not here")
    domain = load_domain("clevr")
    path = Path(folder) / "clevr" / "CLEVR_train_scenes.json.gz"
    scenes = list(read_scenes(path, domain).values())[: options.pictures]
    config = QuestionConfig(families=tuple(options.families.split(",")))
    QuestionMaker(config, domain, "train", generator(0)).questions(scenes[0])  # reads the grammar
    made: list[list[Made]] = []
    clock, process = time.perf_counter(), time.process_time()
    for start in range(0, len(scenes), SHARD):
        maker = QuestionMaker(config, domain, "train", generator(options.seed, "questions", start))
        made += [maker.questions(scene) for scene in scenes[start : start + SHARD]]
    clock, process = time.perf_counter() - clock, time.process_time() - process

    questions = [one for some in made for one in some]
    answers: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for one in questions:
        answers[one.template, one.family_index][one.answer] += 1
    pairs = zip(scenes, made, strict=True)
    wrong = sum(execute(q.program, scene).answer != q.answer for scene, some in pairs for q in some)
    most = sum(max(counts.values()) for counts in answers.values())
    sizes = [counts.total() for counts in answers.values()]
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "threads": 1,
        "pictures": len(scenes),
        "questions": len(questions),
        "pictures_short_of_questions": sum(len(some) < config.per_picture for some in made),
        "questions_per_second": round(len(questions) / clock),
        "questions_per_process_second": round(len(questions) / process),
        "families": len(answers),
        "fewest_and_most_of_a_family": [min(sizes), max(sizes)],
        "share_of_majority_answers": round(most / len(questions), 4),
        "different_texts": len({one.question for one in questions}),
        "wrong_answers": wrong,
    }
    if options.json:
        print(json.dumps(report))
        return
    for key, value in report.items():
        print(f"{key.replace('_', ' '):<32}{value}")


if __name__ == "__main__":
    main()
