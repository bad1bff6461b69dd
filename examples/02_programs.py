"""Questions and programs, both ways, without pictures and without torch.

python examples/02_programs.py
"""

from nmn.domain import load_domain
from nmn.errors import NMNError
from nmn.parsing import GrammarParser, realise
from nmn.program import canonical, parse_program, to_mermaid, to_sexpression, typecheck

shapes = load_domain("shapes")
parser = GrammarParser(shapes, all_readings=True)

question = "is there a circle above a square left of a dot and below a box"
for reading in parser.parse(question):
    print(reading.program)

program = parse_program("exists(and(find[red], relate[above](find[circle])))", shapes)
print(realise(program, shapes), "|", realise(program, shapes, "is there"))
print(to_sexpression(program))
print(canonical(program))
print([str(kind) for kind in typecheck(program, shapes)])
print(to_mermaid(program))

for text in ("exists(red)", "and(find[red])", "exists(find[purple])", "exists(find[red]) x"):
    try:
        parse_program(text, shapes)
    except NMNError as error:
        print("error:", error)
