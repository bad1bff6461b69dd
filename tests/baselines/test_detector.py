"""The modulated detector: queries look at words and cells, and say objects and the answer."""

import torch

from nmn.baselines.detector import Detector, DetectorConfig
from tests.baselines.made import ANSWERS, ASKED, CHANNELS, SIZE, of_objects, shapes_of

CONCEPTS, QUERIES = 5, 3
CONFIG = DetectorConfig(units=8, heads=2, rounds=1, wide=16, hidden=9, queries=QUERIES, objects=1.0)


def test_queries_see_words_and_cells_of_their_question_alone() -> None:
    torch.manual_seed(0)
    model, about = Detector(SIZE, ASKED, ANSWERS, CONCEPTS, CONFIG).eval(), of_objects()
    said = model(about)
    assert said.objects is not None
    assert model.objects is not None
    for row, picture in enumerate(about.picture.tolist()):
        there, spoken = about.features.present[picture], about.questions.present[row]
        placed = torch.cat([about.features.values, about.features.positions], 2)[picture][there]
        words = model.word(about.questions.words[row][spoken])
        memory = model.encoder(torch.cat([words, model.cell(placed)])[None])
        found = model.norm(model.decoder(model.queries[None], memory))[0]
        torch.testing.assert_close(said.logits[row], model.say(found[0]), rtol=1e-4, atol=1e-5)
        objects = model.objects(found[1:])
        torch.testing.assert_close(said.objects.present[row], objects[:, 0], rtol=1e-4, atol=1e-5)
        places = said.objects.points[row]
        torch.testing.assert_close(places, objects[:, 1:3].tanh(), rtol=1e-4, atol=1e-5)
        concepts = said.objects.concepts[row]
        torch.testing.assert_close(concepts, objects[:, 3:], rtol=1e-4, atol=1e-5)


def test_weights_have_their_shapes_and_objects_are_said_only_where_they_count() -> None:
    shapes = shapes_of(Detector(SIZE, ASKED, ANSWERS, CONCEPTS, CONFIG))
    assert shapes["queries"] == (QUERIES + 1, 8)
    assert shapes["cell.weight"] == (8, CHANNELS + 2)
    assert shapes["word.weight"] == (8, ASKED)
    assert shapes["objects.weight"] == (3 + CONCEPTS, 8)
    silent = Detector(SIZE, ASKED, ANSWERS, CONCEPTS, CONFIG.model_copy(update={"objects": 0.0}))
    assert "objects.weight" not in shapes_of(silent)
    assert silent(of_objects()).objects is None
