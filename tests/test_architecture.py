"""The direction of imports, and that what needs no torch does without."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nmn

PACKAGE = Path(nmn.__file__).parent

LEVELS = {
    **dict.fromkeys(("errors", "resources", "seeding", "config", "memory", "progress"), 0),
    **dict.fromkeys(("domain", "program", "scene"), 1),
    **dict.fromkeys(("parsing", "data"), 2),
    **dict.fromkeys(("nn", "render"), 3),
    **dict.fromkeys(("modules", "policies", "generate"), 4),
    **dict.fromkeys(("execution", "perception", "baselines"), 5),
    "training": 6,
    "inspector": 7,
    **dict.fromkeys(("cli", "engine"), 8),
}
TENSOR_FILES = {"data.batch": 4, "data.loader": 4, "data.mirror": 4, "data.vocabulary": 4}
"""Files of a level above that of their package, as they need torch."""

SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "_data" not in path.parts)


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def level(name: str) -> int:
    return next(
        (value for prefix, value in TENSOR_FILES.items() if name.startswith(prefix)),
        LEVELS[name.split(".", maxsplit=1)[0]],
    )


def imports_of(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nmn."):
            names.append((node.module or "").removeprefix("nmn."))
        elif isinstance(node, ast.Import):
            names.extend(a.name.removeprefix("nmn.") for a in node.names if "nmn." in a.name)
    return names


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.parent != PACKAGE or p.stem != "__init__"]
)
def test_no_file_imports_upwards(path: Path) -> None:
    name = module_name(path)
    upward = [other for other in imports_of(path) if level(other) > level(name)]
    assert upward == []


def test_the_inspector_knows_nothing_of_models() -> None:
    known = ("errors", "resources", "program", "inspector")
    for path in (PACKAGE / "inspector").glob("*.py"):
        assert [n for n in imports_of(path) if not n.startswith(known)] == []


def test_levels_0_to_2_import_without_torch() -> None:
    names = [
        f"nmn.{module_name(path)}"
        for path in SOURCES
        if module_name(path) and level(module_name(path)) <= 2
    ]
    assert len(names) > 20
    code = f"import sys, {', '.join(['nmn', *names])}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_file_has_one_job() -> None:
    assert [p.name for p in SOURCES if len(p.read_text().splitlines()) > 400] == []
