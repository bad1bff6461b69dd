"""The table of many answered questions."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from nmn.errors import DataError
from nmn.inspector.index import Entry, write_index
from tests.inspector.test_inspector import NO, PICTURE, YES

WRONG = replace(
    YES,
    steps=(
        YES.steps[0],
        replace(YES.steps[1], truth=(1.0, 0.0, 0.0, 0.0)),
        *YES.steps[2:],
    ),
)
RIGHT = replace(NO, steps=(replace(NO.steps[0], truth=NO.steps[0].mask), *NO.steps[1:]))


def entry(**changes: object) -> Entry:
    plain = Entry("is it red", "family 1", 7, PICTURE, "yes", 0.8, "no", WRONG)
    return replace(plain, **changes)  # type: ignore[arg-type]


ENTRIES = (
    entry(),
    entry(answer="no", probability=0.9, trace=RIGHT, image=8),
    entry(family="family 10", answer=None, probability=None, trace=None, problem="no 'pink'"),
    entry(truth=None, trace=YES, family="family 9"),
)


class Table(HTMLParser):
    """The rows of the body: attributes, and the text of each cell; and all addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[dict[str, str | None]] = []
        self.cells: list[list[str]] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.links += [values[name] or "" for name in ("src", "href") if values.get(name)]
        if tag == "tr":
            self.rows.append(values)
            self.cells.append([])
        elif tag == "td":
            self.cells[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.cells and self.cells[-1]:
            self.cells[-1][-1] += data.strip()


def test_each_question_is_a_row_with_its_page(tmp_path: Path) -> None:
    index = write_index(tmp_path / "out", "4 answers", ENTRIES)
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == [
        "0001.html",
        "0002.html",
        "0004.html",
        "index.html",
        "picture-7.png",
        "picture-8.png",
    ]
    text = index.read_text()
    table = Table(text)
    assert [row.get("data-verdict") for row in table.rows[1:]] == [
        "wrong",
        "right",
        "wrong",
        "unknown",
    ]
    number, _, question, answer, probability, truth, step, family = table.cells[1]
    assert (number, question, answer, truth) == ("1", "is it red", "yes", "no")
    assert (probability, step, family) == ("80.0%", "2: find[circle]", "family 1")
    assert [cells[6] for cells in table.cells[2:]] == ["none", "not understood", "not known"]
    assert "no 'pink'" in table.cells[3][2]
    assert set(table.links) <= set(files)
    assert not re.search(r"https?://|@import|url\(", text)
    assert "first wrong step" in (tmp_path / "out" / "0001.html").read_text()


def test_nothing_out_of_the_data_is_markup_or_a_file_name(tmp_path: Path) -> None:
    odd = '"><script>alert(1)</script>../../x\ud800'
    trace = replace(YES, question=odd, steps=tuple(replace(s, spans=()) for s in YES.steps))
    write_index(tmp_path, odd, [entry(question=odd, family=odd, trace=trace, problem=odd)])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0001.html",
        "index.html",
        "picture-7.png",
    ]
    for path in tmp_path.glob("*.html"):
        assert "<script>alert" not in path.read_text()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError):
        write_index(tmp_path / "file", "x", ENTRIES)


def test_large_pictures_have_small_files(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (320, 480, 3), dtype=np.uint8)
    write_index(tmp_path, "x", [entry(picture=noise)])
    assert (tmp_path / "picture-7.png").stat().st_size < 60_000


_PAGE = """
const [file, questions] = process.argv.slice(1);
const page = require("fs").readFileSync(file, "utf8");
const rows = JSON.parse(questions).map(dataset => (
  { hidden: false, dataset, cells: Array(8).fill({ textContent: dataset.question }) }));
const made = {};
const element = id => made[id] ??= {
  value: "", checked: false, options: [{ text: "all" }], append() {}, on: {},
  addEventListener(name, call) { this.on[name] = call; },
};
globalThis.document = {
  getElementById: element,
  querySelectorAll: () => [],
  querySelector: name => name === "tbody" ? { rows, append() {} } : element(name),
};
new Function(page.split("<script>")[1].split("</script>")[0])();
const said = [];
function set(id, key, value) {
  made[id][key] = value;
  made.form.on.input();
  said.push(made.count.textContent);
}
set("wrong", "checked", true);
set("wrong", "checked", false);
set("lucky", "checked", true);
set("lucky", "checked", false);
set("family", "value", "b");
set("words", "value", "CUBE");
console.log(JSON.stringify(said));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to run the page's script")
def test_the_script_of_the_table_filters(tmp_path: Path) -> None:
    index = write_index(tmp_path, "x", ENTRIES)
    rows = [
        {"verdict": "wrong", "step": "1: find[red]", "family": "a", "question": "a cube"},
        {"verdict": "right", "step": "2: relate[left]", "family": "b", "question": "a Cube"},
        {"verdict": "right", "step": "none", "family": "b", "question": "a ball"},
    ]
    command = ["node", "-e", _PAGE, str(index), json.dumps(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [f"{count} of 3 questions" for count in (1, 3, 1, 3, 2, 1)]


def test_pages_of_an_earlier_table_are_removed_and_nothing_else(tmp_path: Path) -> None:
    write_index(tmp_path, "4 answers", ENTRIES)
    (tmp_path / "mine.html").write_text("mine")
    write_index(tmp_path, "1 answer", ENTRIES[:1])
    pages = {path.name for path in tmp_path.glob("*.html")}
    assert pages == {"index.html", "0001.html", "mine.html"}
    assert len(list(tmp_path.glob("picture-*.png"))) == 1
