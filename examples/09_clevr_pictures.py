"""One CLEVR picture, two ways to an answer: learned modules, and rules on the scene that is seen.

python examples/09_clevr_pictures.py
"""

import nmn
from nmn.inspector import as_text
from nmn.resources import dataset_folder

picture = dataset_folder("clevr") / "mini" / "picture.png"
question = "what shape is the other thing that is the same color as the small cylinder"

modules = nmn.load("clevr")
answer = modules.ask(question, picture)
print(f"modules: {answer} ({answer.probability:.1%})")
print(as_text(answer.trace))
answer.save("traces/modules.html")

rules = nmn.load("clevr-scene")
answer = rules.ask(question, picture)
print(f"\nrules: {answer} ({answer.probability:.1%})")
print(as_text(answer.trace))

# A probability says when a model does not know: here that there is no such thing.
for engine in (modules, rules):
    doubtful = engine.ask("what color is the large metal cylinder", picture)
    print(f"\n{doubtful} ({doubtful.probability:.1%})", *doubtful.warnings)
