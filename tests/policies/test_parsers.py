"""The parsers that can be learned."""

import pytest
from pydantic import TypeAdapter, ValidationError

from nmn.config import Config
from nmn.data.vocabulary import WordVocabulary
from nmn.errors import DataError
from nmn.policies.parsers import AnyParserConfig, build_parser
from nmn.policies.retrieval import Retrieval, RetrievalConfig
from nmn.policies.seq2seq import Seq2Seq, Seq2SeqConfig
from nmn.policies.transformer import Transformer, TransformerConfig
from tests.policies.made import VOCABULARIES, WORDS

ANY: TypeAdapter[Config] = TypeAdapter(AnyParserConfig)


@pytest.mark.parametrize(
    ("values", "config"),
    [
        ({"hidden": 8}, Seq2SeqConfig(hidden=8)),
        ({"kind": "lstm", "embedding": 3}, Seq2SeqConfig(embedding=3)),
        ({"kind": "transformer", "heads": 2}, TransformerConfig(heads=2)),
        ({"kind": "retrieval"}, RetrievalConfig()),
    ],
)
def test_a_configuration_says_its_kind_or_is_that_of_an_lstm(
    values: dict[str, object], config: Config
) -> None:
    assert ANY.validate_python(values) == config
    assert ANY.validate_python(config.model_dump()) == config
    assert ANY.validate_python(config) == config


@pytest.mark.parametrize(
    "values", [{"kind": "oracle"}, {"kind": "retrieval", "hidden": 8}, {"heads": 2}, "lstm", None]
)
def test_other_configurations_are_refused(values: object) -> None:
    with pytest.raises(ValidationError):
        ANY.validate_python(values)


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (Seq2SeqConfig(hidden=8, embedding=4), Seq2Seq),
        (TransformerConfig(hidden=8, heads=2), Transformer),
        (RetrievalConfig(), Retrieval),
    ],
)
def test_a_parser_is_built_of_its_kind(
    config: Seq2SeqConfig | TransformerConfig | RetrievalConfig, kind: type
) -> None:
    model = build_parser(config, WORDS, VOCABULARIES["shapes"])
    assert type(model) is kind
    assert model.words == WORDS
    assert model.tokens == VOCABULARIES["shapes"]
    with pytest.raises(DataError, match="wanted at least one word to learn parsing from, got none"):
        build_parser(config, WordVocabulary(()), VOCABULARIES["shapes"])
