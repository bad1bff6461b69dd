"""Ask a question about a picture and see why the answer came out.

python examples/01_ask.py
"""

import nmn
from nmn.inspector import as_text
from nmn.resources import dataset_folder

picture = dataset_folder("shapes") / "mini" / "picture.png"
answer = nmn.load("shapes").ask("is there a red shape above a circle", picture)
print(answer, f"({answer.probability:.1%})")
print(as_text(answer.trace))
answer.save("traces/example.html")
