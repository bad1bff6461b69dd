"""The commands that train, use, evaluate and show learned parsers."""

import json
import math
import shutil
from pathlib import Path

import pytest

from nmn.program.ops import OPERATIONS
from nmn.training.parser_run import HowToRun, train_parser
from tests.cli.conftest import Result, Run
from tests.training.tiny_parsers import KINDS, MINI, TINY_CLEVR, mini_preset, weights_of

FILE = MINI / "questions" / "CLEVR_mini_questions.json"
SETTINGS = [part for setting in TINY_CLEVR for part in ("--set", setting)]
QUESTION = "Are any brown things visible?"
RATES = {"rate", "successes", "total", "interval"}


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parser that looks up all questions of the file, which it therefore knows."""
    folder = tmp_path_factory.mktemp("parsers") / "known"
    preset = mini_preset(KINDS["retrieval"], "data.images=:9", "data.test_images=9:")
    train_parser(preset, HowToRun(folder))
    return folder


@pytest.fixture(scope="module")
def lstm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parser that has hardly learned anything."""
    folder = tmp_path_factory.mktemp("parsers") / "lstm"
    train_parser(mini_preset(), HowToRun(folder))
    return folder


def refused(result: Result, *said: str) -> None:
    assert (result.code, result.out) == (2, "")
    assert len(result.err.splitlines()) == 1, result.err
    assert result.err.startswith("error: ")
    for fragment in said:
        assert fragment in result.err


def test_a_parser_is_trained_and_shown(run: Run, tmp_path: Path) -> None:
    result = run("train", "parser-clevr", *SETTINGS, "--json", "--device", "cpu")
    assert (result.code, result.err) == (0, "")
    made = json.loads(result.out)
    assert made["checkpoint"] == "runs/parser-clevr"
    assert (made["examples"], made["programs"], made["steps"]) == (15, 15, 6)
    assert made["test"]["questions"] == 7
    for measure in ("exact_match", "well_typed"):
        assert made["test"][measure].keys() == RATES
    assert made["test"]["accuracy"] == made["test"]["correct"] / 7
    assert (tmp_path / "runs" / "parser-clevr" / "log.jsonl").is_file()
    shown = json.loads(run("show", "parser-clevr", "--json").out)
    weights = weights_of(tmp_path / "runs" / "parser-clevr")
    assert shown["parser"] == "lstm"
    assert shown["domain"]["name"] == "clevr"
    assert shown["parameters"] == {name: list(value.shape) for name, value in weights.items()}
    assert shown["parameter_count"] == sum(value.numel() for value in weights.values())
    assert shown["preset"]["data"]["images"] == ":2"
    assert shown["made"]["examples"] == 15
    assert "purple" not in shown["words"]  # only asked of image 2
    assert {"how", "many", ";"} <= set(shown["words"])
    text = run("show", "parser-clevr").out
    assert "runs/parser-clevr: lstm parser for domain clevr" in text
    assert f"words       {len(shown['words'])}\n" in text
    assert "seed        0\n" in text


def test_training_tells_how_well_it_does(run: Run) -> None:
    result = run("train", "parser-clevr", *SETTINGS, "--out", "out")
    assert (result.code, result.err) == (0, "")
    first, *table = result.out.splitlines()
    assert first.startswith("out: trained in ")
    assert "from 15 questions, 15 of them with programs" in first
    assert ["all", "7"] in [line.split()[:2] for line in table]


def test_training_tells_of_recombined_questions_that_it_did_not_find(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nmn.generate.recombined._TRIES", 0)
    more = ("--set", "data.recombined=5", "--out", "out")
    text = run("train", "parser-clevr", *SETTINGS, *more).out
    assert "0 of 5 recombined questions were found (data.recombined)" in text
    assert json.loads(run("show", "out", "--json").out)["made"]["recombined"] == 0


def test_an_interrupted_training_is_resumed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("train", "parser-clevr", *SETTINGS, "--out")
    assert run(*command, "whole").code == 0

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("nmn.training.parser_run.save_parser", broken)
        stopped = run(*command, "parts")
    assert stopped.code == 130
    assert "parts: go on with --resume" in stopped.err
    assert not Path("parts/model.safetensors").exists()
    resumed = run(*command, "parts", "--resume", "--json")
    assert json.loads(resumed.out)["resumed_at"] == 3
    files = (Path(name, "model.safetensors").read_bytes() for name in ("whole", "parts"))
    assert len(set(files)) == 1
    weights, log = Path("parts/model.safetensors"), Path("parts/log.jsonl")
    before = weights.stat().st_mtime_ns, log.read_text(encoding="utf-8")
    assert "parts: finished already" in run(*command, "parts", "--resume").out
    assert json.loads(run(*command, "parts", "--resume", "--json").out)["resumed_at"] == 3
    assert (weights.stat().st_mtime_ns, log.read_text(encoding="utf-8")) == before
    other = run(*command, "parts", "--resume", "--set", "seed=5")
    refused(other, "parts: a finished run of other settings; wanted another --out")
    assert weights.stat().st_mtime_ns == before[0]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("parser.hiden=8", "unknown key 'parser.hiden'; nearest: 'hidden'"),
        ("data.folder=nowhere", "nowhere: no such folder (data.folder)"),
        ("data.programs=99", "data.programs: 99 programs, and there are 15"),
        ("decoding.room=3", "decoding.room: a program has"),
        ("initial=nobody", "unknown checkpoint 'nobody'"),
        ("initial=shapes", "not a learned parser"),
    ],
)
def test_settings_that_cannot_work_are_one_line(
    run: Run, tmp_path: Path, setting: str, said: str
) -> None:
    refused(run("train", "parser-clevr", *SETTINGS, "--set", setting), said)
    assert list(tmp_path.iterdir()) == []


def test_one_question_is_parsed(run: Run, parser: Path) -> None:
    told = json.loads(run("parse", QUESTION, "--parser", parser, "--json").out)
    assert told.keys() == {"program", "text", "score", "warnings"}
    assert told["score"] == pytest.approx(0)  # of a question that it knows
    assert told["warnings"] == []
    assert [step["function"] for step in told["program"]] == ["scene", "filter_color", "exist"]
    assert run("parse", QUESTION, "--parser", parser).out == f"{told['text']}\n"
    stored = [q for q in json.loads(FILE.read_text())["questions"] if q["question"] == QUESTION]
    assert told["program"] == stored[0]["program"]


def test_all_readings_are_told_the_best_first(run: Run, lstm: Path) -> None:
    asked = ("parse", "How many things are there?", "--parser", lstm, "--all")
    told = json.loads(run(*asked, "--json").out)
    texts = [reading["text"] for reading in told["readings"]]
    assert len(set(texts)) == len(texts) > 1
    assert told["text"] == texts[0]
    lines = [line.split(maxsplit=1) for line in run(*asked).out.splitlines()]
    assert [text for _, text in lines] == texts
    scores = [math.exp(reading["score"]) for reading in told["readings"]]
    assert scores == sorted(scores, reverse=True)
    assert [float(score) for score, _ in lines] == pytest.approx(scores, rel=0.05)


def test_words_that_it_has_never_seen_are_reported(run: Run, lstm: Path) -> None:
    asked = ("parse", "How many zebras are zonked zebras?", "--parser", lstm)
    warnings = [f"unknown word '{word}', read as any" for word in ("zebras", "zonked")]
    assert json.loads(run(*asked, "--json").out)["warnings"] == warnings
    *notes, unsure = run(*asked).out.splitlines()[1:]
    assert notes == [f"note: {warning}" for warning in warnings]
    assert unsure.startswith("note: unsure: a score of ")  # as it has hardly learned anything


@pytest.mark.parametrize("question", ["", "   ", "?"])
def test_a_question_without_words_is_one_line(run: Run, lstm: Path, question: str) -> None:
    refused(run("parse", question, "--parser", lstm), "no words")


def test_a_file_is_parsed(run: Run, parser: Path, tmp_path: Path) -> None:
    command = ("parse", "--questions", FILE, "--parser", parser)
    report = json.loads(run(*command, "--out", tmp_path / "out.json", "--json").out)
    assert report.keys() == {
        "total",
        "parsed",
        "compared",
        "exact_match",
        "errors",
        "error_examples",
        "by_family",
        "skipped",
        "skipped_examples",
    }
    names = ("total", "parsed", "compared", "exact_match", "errors")
    assert [report[name] for name in names] == [22, 22, 22, 22, 0]
    written = json.loads((tmp_path / "out.json").read_text())
    original = json.loads(FILE.read_text())
    assert written["info"] == original["info"]
    for record, stored in zip(written["questions"], original["questions"], strict=True):
        assert (record["question"], record["answer"]) == (stored["question"], stored["answer"])
        assert record["program"]
    text = run(*command, "--out", tmp_path / "out.json").out
    assert f"written: {tmp_path / 'out.json'}" in text


def test_unseen_words_of_a_file_are_counted(run: Run, lstm: Path) -> None:
    command = ("parse", "--questions", FILE, "--parser", lstm)
    report = json.loads(run(*command, "--json").out)
    assert (report["total"], report["parsed"], report["errors"]) == (22, 22, 0)
    assert 0 < report["warned"] <= 7  # those on the picture that it did not learn from
    assert "unknown word 'purple', read as any" in report["warning_examples"]
    assert f"{report['warned']} questions have unknown words, such as:" in run(*command).out


def test_questions_of_a_file_without_words_are_counted(
    run: Run, lstm: Path, tmp_path: Path
) -> None:
    records = json.loads(FILE.read_text())
    records["questions"][3]["question"] = "?"
    (tmp_path / "asked.json").write_text(json.dumps(records))
    asked = ("parse", "--questions", tmp_path / "asked.json", "--parser", lstm, "--json")
    report = json.loads(run(*asked).out)
    assert (report["total"], report["parsed"], report["errors"]) == (22, 21, 1)
    assert "question 3" in report["error_examples"][0]


def asked_of_shapes(path: Path) -> Path:
    """A question file of SHAPES, whose first question could be one of CLEVR."""

    def question(function: str, value: str) -> dict[str, object]:
        nodes = [("scene", []), (function, [value]), ("exist", [])]
        program = [
            {"function": name, "inputs": [place - 1] if place else [], "value_inputs": values}
            for place, (name, values) in enumerate(nodes)
        ]
        asked = f"is there a {value} thing?"
        return {"question": asked, "image_index": 0, "program": program, "answer": "yes"}

    questions = [question("filter_color", "red"), question("filter_shape", "triangle")]
    path.write_text(json.dumps({"info": {}, "questions": questions}))
    return path


def test_a_file_of_another_domain_than_the_parser_is_one_line(
    run: Run, lstm: Path, tmp_path: Path
) -> None:
    command = ("parse", "--questions", asked_of_shapes(tmp_path / "shapes.json"), "--parser", lstm)
    wanted = "wanted a program of domain clevr, got one of 'shapes'"
    where = f"{tmp_path / 'shapes.json'}, question 1: "
    nearest = "; nearest: a --parser of that domain, or --domain shapes without --parser\n"
    for options in ((), ("--out", "out.json")):
        result = run(*command, *options)
        refused(result, where + wanted)
        assert result.err.endswith(nearest)
    assert not (tmp_path / "out.json").exists()
    skipped = json.loads(run(*command, "--skip-bad", "--json").out)
    assert (skipped["total"], skipped["skipped"]) == (1, 1)
    assert wanted in skipped["skipped_examples"][0]
    assert run(*command[:3], "--domain", "shapes").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((QUESTION, "--domain", "shapes"), ("--domain", "shapes", "the parser is of clevr")),
        (("--questions", FILE, "--domain", "shapes"), ("--domain", "the parser is of clevr")),
        ((), ("wanted a question or --questions FILE, got neither",)),
        ((QUESTION, "--questions", FILE), ("got both",)),
        (("--questions", "nowhere.json"), ("nowhere.json: no such file",)),
        (("--questions", FILE, "--all"), ("--all goes with a single question",)),
        ((QUESTION, "--out", "x.json"), ("--out and --skip-bad go with --questions",)),
    ],
)
def test_what_does_not_go_together_is_one_line(
    run: Run, lstm: Path, arguments: tuple[str | Path, ...], said: tuple[str, ...]
) -> None:
    refused(run("parse", *arguments, "--parser", lstm), *said)


def test_the_domain_of_the_parser_may_be_named(run: Run, parser: Path) -> None:
    named = run("parse", QUESTION, "--parser", parser, "--domain", "clevr")
    assert named == run("parse", QUESTION, "--parser", parser)


def test_a_model_is_no_parser(run: Run) -> None:
    refused(run("parse", QUESTION, "--parser", "shapes"), "not a learned parser", "grammar")
    refused(run("parse", QUESTION, "--parser", "nobody"), "unknown learned parser 'nobody'")
    refused(run("parse", QUESTION, "--parser", MINI), "not a checkpoint")


def test_a_parser_is_no_model(run: Run, lstm: Path) -> None:
    asked = ("ask", QUESTION, "--image", MINI / "picture.png", "--checkpoint", lstm)
    refused(run(*asked), "the checkpoint of a parser", "nearest: --parser")


def test_a_damaged_parser_is_one_line(run: Run, lstm: Path, tmp_path: Path) -> None:
    shutil.copytree(lstm, tmp_path / "damaged")
    (tmp_path / "damaged" / "model.safetensors").write_bytes(b"0" * 40)
    for command in (("parse", QUESTION, "--parser"), ("show",)):
        refused(run(*command, "damaged"), "model.safetensors: damaged")


def test_a_parser_is_evaluated(run: Run, parser: Path) -> None:
    command = ("evaluate", parser, "--data", MINI, "--split", "mini")
    report = json.loads(run(*command, "--json").out)
    named = {"checkpoint": str(parser), "data": str(MINI), "split": "mini", "images": ":"}
    assert {name: report[name] for name in named} == named
    assert report["questions"] == 22
    assert (report["accuracy"], report["correct"], report["total"]) == (1.0, 22, 22)
    assert 0 < report["interval"][0] < report["interval"][1] == 1
    for measure in ("exact_match", "well_typed"):
        assert report[measure].keys() == RATES
        assert (report[measure]["successes"], report[measure]["total"]) == (22, 22)
    for kind in ("by_words", "by_type"):
        assert sum(group["total"] for group in report[kind].values()) == 22
    some = json.loads(run(*command, "--images", "2:", "--limit", "5", "--json").out)
    assert (some["questions"], some["images"], some["limit"]) == (5, "2:", 5)
    table = run(*command).out.splitlines()
    rates = ["100.0%", "100.0%", "100.0%"]
    assert ["all", "22", *rates] in [line.split()[:5] for line in table]
    assert "equal to the stored: 22 programs, 22 of them right" in table


def test_what_a_parser_says_is_written(run: Run, parser: Path, tmp_path: Path) -> None:
    said = tmp_path / "said.jsonl"
    command = ("evaluate", parser, "--data", MINI, "--split", "mini", "--predictions", said)
    assert run(*command).code == 0
    records = [json.loads(line) for line in said.read_text(encoding="utf-8").splitlines()]
    assert len(records) == 22
    asked = {q["question_index"]: q for q in json.loads(FILE.read_text())["questions"]}
    for record in records:
        stored = asked[record["question_index"]]
        program = json.loads(run("parse", stored["question"], "--parser", parser, "--json").out)
        assert record["program"] == program["text"]
        assert record["answer"] == stored["answer"]
        assert record["exact_match"] is True


def test_questions_without_scenes_are_one_line(run: Run, lstm: Path, tmp_path: Path) -> None:
    (tmp_path / "val.input.npy").write_bytes(b"")
    data = ("--data", tmp_path, "--split", "val")
    refused(run("evaluate", lstm, *data), "SHAPES' layout has no scenes", "wanted CLEVR's layout")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "nowhere", "--split", "mini"), ("nowhere",)),
        (("--data", MINI, "--split", "tset"), ("tset",)),
        (("--data", MINI, "--split", "mini", "--images", "9:"), ("--images", "no questions")),
        (("--data", MINI, "--split", "mini", "--images", "9"), ("--images", "wanted FROM:TO")),
    ],
)
def test_data_that_are_not_there_are_one_line(
    run: Run, lstm: Path, arguments: tuple[str | Path, ...], said: tuple[str, ...]
) -> None:
    refused(run("evaluate", lstm, *arguments), *said)


@pytest.mark.parametrize(
    "option",
    [
        ("--faithfulness",),
        ("--parser", "parser-english"),
        ("--programs", "stored"),
    ],
    ids=lambda option: str(option[0]),
)
def test_options_of_models_are_refused_for_a_parser(
    run: Run, lstm: Path, option: tuple[str, ...]
) -> None:
    command = ("evaluate", lstm, "--data", MINI, "--split", "mini", *option)
    refused(run(*command), option[0])


def test_operations_of_a_parser_are_tokens(run: Run, lstm: Path) -> None:
    tokens = json.loads(run("show", lstm, "--json").out)["program_tokens"]
    assert {token.split("[")[0] for token in tokens if "<" not in token} == set(OPERATIONS)
