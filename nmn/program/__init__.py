"""The program language: types, operations, programs, and their notations."""

from nmn.program.canonical import canonical, exact_match
from nmn.program.clevr import from_clevr, to_clevr
from nmn.program.codecs import from_sexpression, to_layout_symbols, to_sexpression
from nmn.program.graph import to_dot, to_mermaid, to_networkx
from nmn.program.ops import OPERATIONS, Operation, operation
from nmn.program.program import Node, Program, call
from nmn.program.sequences import from_token_names, to_token_names
from nmn.program.text import parse_program
from nmn.program.tokens import TokenVocabulary
from nmn.program.trace import Trace, TraceStep
from nmn.program.transitions import Transitions
from nmn.program.typecheck import typecheck
from nmn.program.types import BOOL, MASK, NUMBER, Type, value_of

__all__ = [
    "BOOL",
    "MASK",
    "NUMBER",
    "OPERATIONS",
    "Node",
    "Operation",
    "Program",
    "TokenVocabulary",
    "Trace",
    "TraceStep",
    "Transitions",
    "Type",
    "call",
    "canonical",
    "exact_match",
    "from_clevr",
    "from_sexpression",
    "from_token_names",
    "operation",
    "parse_program",
    "to_clevr",
    "to_dot",
    "to_layout_symbols",
    "to_mermaid",
    "to_networkx",
    "to_sexpression",
    "to_token_names",
    "typecheck",
    "value_of",
]
