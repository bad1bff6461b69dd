"""The judge of a parser's preset, and the modules that learned with the parser."""

from pathlib import Path
from typing import Any

from nmn.data.question_set import QuestionSet
from nmn.data.vocabulary import WordVocabulary
from nmn.errors import ConfigError
from nmn.execution.judging import ModulesJudge, ModulesJudgeConfig
from nmn.execution.network import ModuleNetwork
from nmn.policies.judge import Judge, RulesJudge
from nmn.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nmn.training.parser_preset import ParserPreset, ShapesQuestions
from nmn.training.preset import ShapesData, TrainPreset
from nmn.training.stored import find_checkpoint

MODULES = "modules"
"""The folder of modules that learned with a parser, in that of its checkpoint."""


def seen_size(preset: ParserPreset) -> tuple[int, int] | None:
    """Width and height of the pictures that the judge looks at; None if it looks at none.

    Raises:
        ConfigError: the checkpoint is none of modules.
        UnknownNameError: there is none of that name.
        DataError: it is damaged.
    """
    if not isinstance(preset.judge, ModulesJudgeConfig):
        return None
    config = preset.judge.network
    if preset.judge.checkpoint:
        config = _stored_network(preset.judge.checkpoint).config
    return config.stem.width, config.stem.height


def build_judge(preset: ParserPreset, data: QuestionSet) -> Judge:
    """Who gives rewards, with the weights that training begins with.

    Raises:
        ConfigError, UnknownNameError, DataError: see `seen_size`; or questions without pictures.
    """
    config, scenes = preset.judge, preset.learning.scenes
    if not isinstance(config, ModulesJudgeConfig):
        return RulesJudge(data, scenes)
    if config.checkpoint:
        network = _stored_network(config.checkpoint)
    else:
        network = ModuleNetwork(data.domain, config.network)
    return ModulesJudge(network, data, scenes, learned=config.learned)


def save_modules(
    folder: Path,
    judge: Judge | None,
    preset: ParserPreset,
    words: WordVocabulary,
    made: dict[str, Any],
) -> None:
    """Write the modules that learned with a parser, if any did, as a checkpoint of their own.

    Raises:
        DataError: it cannot be written.
    """
    if not (isinstance(judge, ModulesJudge) and judge.learns):
        return
    asked = preset.data.generated
    assert isinstance(asked, ShapesQuestions)
    model = judge.network.cpu()
    learned = TrainPreset(
        kind="train",
        domain=preset.domain,
        seed=preset.seed,
        data=ShapesData(examples=asked.examples, held_out=asked.held_out, world=asked.world),
        model=model.config,
        training=preset.training,
    )
    made = {"supervision": "answers, and the programs that a parser said", **made}
    save_checkpoint(folder / MODULES, Checkpoint(model, learned, words, made))


def _stored_network(name: str) -> ModuleNetwork:
    model = load_checkpoint(find_checkpoint(name)).model
    if not isinstance(model, ModuleNetwork):
        raise ConfigError("judge.checkpoint", f"{name} has no modules to execute programs")
    return model
