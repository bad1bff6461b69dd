"""The exact meaning of a program on a scene, with every intermediate result.

python examples/03_exact_execution.py
"""

from nmn.domain import load_domain
from nmn.parsing import GrammarParser
from nmn.scene import execute, grid_scene

red, circle = {"color": "red", "shape": "square"}, {"color": "blue", "shape": "circle"}
scene = grid_scene(((None, red, None), (None, circle, circle), (red, None, circle)))

parser = GrammarParser(load_domain("shapes"))
execution = execute(parser.parse("is a red shape above left of a circle")[0].program, scene)
for node, result in zip(execution.program.nodes, execution.results, strict=True):
    shown = sorted(result) if isinstance(result, frozenset) else result
    print(f"{node.label:<16} {shown}")
print("answer:", execution.answer)
