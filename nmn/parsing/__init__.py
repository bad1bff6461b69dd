"""From English to programs and back."""

from nmn.parsing.base import Parse, Parser
from nmn.parsing.grammar_parser import GrammarParser
from nmn.parsing.realise import phrasings, realise

__all__ = ["GrammarParser", "Parse", "Parser", "phrasings", "realise"]
