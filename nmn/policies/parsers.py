"""The parsers that can be learned, told apart by `kind`."""

from typing import Annotated

from pydantic import Tag

from nmn.config import by_kind
from nmn.data.vocabulary import WordVocabulary
from nmn.errors import DataError
from nmn.policies.base import Policy
from nmn.policies.retrieval import Retrieval, RetrievalConfig
from nmn.policies.seq2seq import Seq2Seq, Seq2SeqConfig
from nmn.policies.transformer import Transformer, TransformerConfig
from nmn.program.tokens import TokenVocabulary

AnyParserConfig = Annotated[
    Annotated[Seq2SeqConfig, Tag("lstm")]
    | Annotated[TransformerConfig, Tag("transformer")]
    | Annotated[RetrievalConfig, Tag("retrieval")],
    by_kind("lstm"),
]

ParserModel = Policy | Retrieval


def build_parser(
    config: Seq2SeqConfig | TransformerConfig | RetrievalConfig,
    words: WordVocabulary,
    tokens: TokenVocabulary,
) -> ParserModel:
    """A parser that has learned nothing yet.

    Raises:
        DataError: there are no words to read.
    """
    if not words.words:
        raise DataError("vocabulary", "wanted at least one word to learn parsing from, got none")
    if isinstance(config, Seq2SeqConfig):
        return Seq2Seq(words, tokens, config)
    if isinstance(config, TransformerConfig):
        return Transformer(words, tokens, config)
    return Retrieval(words, tokens, config)
