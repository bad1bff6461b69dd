"""The early sequence answerer: answers are said word by word.

Malinowski et al. (2015, Ask your neurons, section 3) feed the picture with each word of the
question to an LSTM, which then says the words of the answer, one after the other, until it says
that it is done. Ours shows the picture once, after the question. Here the answers of the domain
are all that can be said: each is as probable as its words and its end are, and these probabilities
are made to be 1 together.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from nmn.baselines.base import Asked, Reasoner, ReasonerConfig, Reasoning
from nmn.nn.attention import masked_mean
from nmn.nn.features import FeatureSize

_END = 0


class SequenceConfig(ReasonerConfig):
    """Sizes.

    Attributes:
        units: of the decoder.
        embedding: channels of words of answers.
    """

    kind: Literal["sequence"] = "sequence"
    units: int = Field(256, gt=0, le=4096)
    embedding: int = Field(32, gt=0, le=4096)


class SequenceAnswerer(Reasoner):
    """An LSTM that says answers word by word, after what was asked and the mean of what is seen.

    Args:
        answers: those of the domain.
    """

    def __init__(
        self, size: FeatureSize, asked: int, answers: Sequence[str], config: SequenceConfig
    ) -> None:
        super().__init__()
        said = [answer.split() for answer in answers]
        words = sorted({word for answer in said for word in answer})
        number = {word: place for place, word in enumerate(words, start=_END + 1)}
        longest = max(map(len, said)) + 1
        tokens = torch.full((len(said), longest), -1)
        for row, answer in enumerate(said):
            tokens[row, : len(answer) + 1] = torch.tensor([*map(number.__getitem__, answer), _END])
        self.register_buffer("tokens", tokens, persistent=False)
        self.tokens: Tensor
        self.enter = nn.Linear(size.channels + asked, config.units)
        self.word = nn.Embedding(len(words) + 1, config.embedding)
        self.lstm = nn.LSTM(config.embedding, config.units, batch_first=True)
        self.say = nn.Linear(config.units, len(words) + 1)

    def forward(self, asked: Asked) -> Reasoning:
        """See `Reasoner`; the logit of an answer is its log-probability."""
        features, tokens = asked.features, self.tokens
        mean = masked_mean(features.values, features.present)
        start = self.enter(torch.cat([mean[asked.picture], asked.questions.whole], 1)).tanh()
        batch, (answers, steps) = len(start), tokens.shape
        # The end is what stands before the first word, too.
        before = functional.pad(tokens[:, :-1].clamp_min(0), (1, 0), value=_END)
        state = start.repeat_interleave(answers, 0)[None]
        states, _ = self.lstm(self.word(before.repeat(batch, 1)), (state, torch.zeros_like(state)))
        likely = self.say(states).log_softmax(2).view(batch, answers, steps, -1)
        words = tokens.clamp_min(0).expand(batch, -1, -1)[..., None]
        picked = likely.gather(3, words).squeeze(3) * (tokens >= 0)
        return Reasoning(picked.sum(2))
