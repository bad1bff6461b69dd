"""CLEVR without pixels: English to program, program to answer, program to English.

python examples/05_clevr_language.py
"""

import numpy as np

from nmn.data.clevr import read_questions, read_scenes
from nmn.domain import load_domain
from nmn.errors import NMNError
from nmn.parsing import GrammarParser, phrasings, realise
from nmn.program import to_clevr, to_token_names
from nmn.resources import dataset_folder
from nmn.scene import SceneTable, compile_programs, execute, run

clevr = load_domain("clevr")
parser = GrammarParser(clevr)
files = dataset_folder("clevr") / "mini"
scenes = read_scenes(files / "scenes" / "CLEVR_mini_scenes.json", clevr)
questions = list(read_questions(files / "questions" / "CLEVR_mini_questions.json", clevr))

# One question, every step of its program on one scene.
parse = parser.parse("How many things are the same color as the big cube?")[0]
execution = execute(parse.program, scenes[0])
for node, result in zip(parse.program.nodes, execution.results, strict=True):
    print(f"{node.label:<16} {sorted(result) if isinstance(result, frozenset) else result}")
print(to_clevr(parse.program, clevr)[-1], to_token_names(parse.program, clevr))

# The other way: all the ways to ask it, and one with words drawn at random.
for phrasing in phrasings(parse.program, clevr):
    print(realise(parse.program, clevr, phrasing))
print(realise(parse.program, clevr, generator=np.random.default_rng(0)))

# All questions at once; what fails is reported and not raised.
programs = [parser.parse(question.example.question)[0].program for question in questions]
plan = compile_programs(programs, clevr)
table = SceneTable.of(list(scenes.values()), clevr)
images = np.array([list(scenes).index(question.example.image_index) for question in questions])
answers = run(plan, table, images)
right = sum(answers.answer(i) == questions[i].example.answer for i in range(len(questions)))
print(f"{right} of {len(questions)} right, {int(answers.failed.sum())} failed")

for text in ("how many color", "is there a red", "what color is it", "is there a sqare"):
    try:
        parser.parse(text)
    except NMNError as error:
        print("error:", error)
