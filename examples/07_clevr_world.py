"""A CLEVR world of one's own: scenes, pictures and questions, checked and read again.

python examples/07_clevr_world.py
"""

import json
import subprocess
import sys
from pathlib import Path

from nmn.data.clevr import read_questions, read_scenes
from nmn.data.validate import check_folder
from nmn.domain import load_domain
from nmn.execution.question_files import execute_all
from nmn.generate.clevr import ClevrWorldConfig, make_clevr

# As a command: any number of pictures, several splits, all cores, resumable, with a data card.
world = Path("world.toml")
world.write_text("[scenes]\nmax_objects = 5\n[questions]\nper_picture = 4\n", encoding="utf-8")
command = "generate clevr --out data --split train --images 6 --split val --images 3"
command += f" --size 96x64 --world {world} --jobs 1 --seed 7 --json"
made = subprocess.run(
    [sys.executable, "-m", "nmn.cli.main", *command.split()], check=True, capture_output=True
)
report = json.loads(made.stdout)
print(
    f"{report['images']} pictures with {report['questions']} questions in {report['seconds']:.1f} s"
)

# Nothing is wrong with them: relations, answers and English are computed again.
found = check_folder(Path("data"), decode=True)
print(f"{found['problems']} problems in {found['splits']}")

# The files are CLEVR's, so every reader of CLEVR reads them, ours too.
domain = load_domain("clevr")
scenes = read_scenes(Path("data/scenes/CLEVR_val_scenes.json"), domain)
questions = read_questions(Path("data/questions/CLEVR_val_questions.json"), domain)
for answered in list(execute_all(questions, scenes, domain))[:4]:
    print(f"  {answered.question.example.question} {answered.answer}")

# The card says what the questions alone give away, and how the answers are spread.
card = json.loads(Path("data/card.json").read_text(encoding="utf-8"))
print(f"words of the questions: {card['splits']['train']['words_per_question']}")

# In Python: a shard of any settings, its pictures one after the other.
shard = make_clevr(ClevrWorldConfig(), 7, "train", range(2))
for record, picture in zip(shard.scenes, shard.pictures, strict=True):
    print(f"{record['image_filename']}: {picture.shape}, {len(record['objects'])} objects")
