"""`nmn generate`."""

import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nmn.cli.output import Json, Overrides, console, device_of, print_json, progress_bar
from nmn.config import build, with_overrides
from nmn.errors import ConfigError, DataError, UnknownNameError

if TYPE_CHECKING:
    from nmn.generate import ShardedWorld, World

_SHAPES_SPLITS = ("train", "val", "test")
_SPLIT = re.compile(r"[A-Za-z0-9]+")
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")


def generate(
    world: Annotated[
        str,
        typer.Argument(
            metavar="WORLD", help="What to make: shapes, clevr, clevr-states, sort-of-clevr."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    images: Annotated[
        list[int], typer.Option(min=1, help="How many pictures; once for each --split.")
    ],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 0,
    split: Annotated[
        list[str] | None,
        typer.Option(help="May be repeated; splits share no scene.", show_default="train"),
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Of a picture.", show_default="480x320")
    ] = None,
    questions_per_image: Annotated[
        int | None, typer.Option(min=1, help="Questions about each picture.", show_default="10")
    ] = None,
    settings: Annotated[
        str | None,
        typer.Option(
            "--world", metavar="NAME", help="Settings: a shipped world (cogent), or a TOML file."
        ),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes.", show_default="all cores; 1 on a GPU")
    ] = None,
    device: Annotated[
        Literal["cpu", "cuda"] | None,
        typer.Option(help="What draws the pictures.", show_default="cpu"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")
    ] = False,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Make pictures, questions, programs and answers, in the published layout of the world.

    `shapes` writes the layout of SHAPES, the others that of CLEVR, with a data card beside it.
    """
    from joblib import cpu_count

    from nmn.generate import WORLDS, World
    from nmn.generate.generation import Generation, package_version
    from nmn.generate.make import make_folder

    started = time.perf_counter()
    if world not in WORLDS:
        raise UnknownNameError("world", world, tuple(WORLDS))
    splits = _splits(split or ["train"], images)
    known = WORLDS[world]
    if isinstance(known, World):
        given = {
            "--size": size,
            "--questions-per-image": questions_per_image,
            "--world": settings,
            "--jobs": jobs,
            "--device": device,
            "--resume": resume or None,
        }
        report = _at_once(known, world, out, splits, seed, overrides or (), given, as_json)
        made, begun, note = report["images"], True, ""
    else:
        values = _settings(known, world, settings, size, questions_per_image, device)
        config = build(known.config, with_overrides(values, overrides or ()), f"{world} world")
        known.check(config, splits)
        processes = jobs or (1 if device == "cuda" else cpu_count())
        try:
            with progress_bar(hidden=as_json) as stage:
                report = make_folder(
                    out,
                    known,
                    config,
                    Generation(
                        world, package_version(), seed, config.model_dump(mode="json"), splits
                    ),
                    processes=processes,
                    resume=resume,
                    stage=stage,
                )
        except KeyboardInterrupt:
            sys.stderr.write(f"{out}: go on with --resume\n")
            raise
        made, begun = report.pop("made"), report.pop("begun")
        note = "" if made == report["images"] else f", {made} of them in this run"
    seconds = time.perf_counter() - started
    share = made / report["images"]
    report |= {
        "seconds": seconds,
        "images_per_second": made / seconds,
        "questions_per_second": share * report["questions"] / seconds,
    }
    if as_json:
        print_json(report)
    elif not begun:
        console.print(f"{out}: all of it is there already", markup=False)
    else:
        memory = f", {report['peak_mib']:,.0f} MiB" if "peak_mib" in report else ""
        console.print(
            f"{out}: {report['images']:,} pictures with {report['questions']:,} questions{note} "
            f"in {seconds:.1f} s ({report['images_per_second']:.1f} pictures and "
            f"{report['questions_per_second']:.0f} questions a second{memory})",
            markup=False,
        )


def _splits(names: Sequence[str], counts: Sequence[int]) -> dict[str, int]:
    """The number of pictures of each split.

    Raises:
        ConfigError: not as many of one as of the other, or a name that is none or comes twice.
    """
    if len(names) != len(counts):
        got = f"--split {len(names)} times and --images {len(counts)} times"
        raise ConfigError("--split", f"wanted one --images for each --split, got {got}")
    for name in names:
        if not _SPLIT.fullmatch(name):
            raise ConfigError(f"--split {name!r}", "wanted letters and digits, such as 'valA'")
        if names.count(name) > 1:
            raise ConfigError(f"--split {name}", "is given twice")
    return dict(zip(names, counts, strict=True))


def _settings(
    world: "ShardedWorld",
    name: str,
    file: str | None,
    size: str | None,
    questions: int | None,
    device: str | None,
) -> dict[str, Any]:
    """What the options say of the settings, which `--set` may change.

    Raises:
        ConfigError: an option that the world does not have, or that makes no sense.
    """
    values: dict[str, Any] = {}
    if file is not None:
        if world.files is None:
            raise _no_option(name, "--world")
        values = _world_file(file, world.files)
    changes: list[str] = []
    if size is not None:
        if world.size is None:
            raise _no_option(name, "--size")
        changes += [f"{k}={v}" for k, v in zip(world.size, parse_size(size), strict=True)]
    if questions is not None:
        if world.questions_per_image is None:
            raise _no_option(name, "--questions-per-image")
        changes.append(f"{world.questions_per_image}={questions}")
    if device is not None:
        if world.device is None:
            raise _no_option(name, "--device")
        changes.append(f"{world.device}={device_of(device)}")
    return with_overrides(values, changes)


def _world_file(file: str, kind: str) -> dict[str, Any]:
    """The settings of a shipped world by name, or of any by its path."""
    from nmn.config import read_toml
    from nmn.resources import dataset_folder

    if file.endswith(".toml"):
        return read_toml(Path(file))
    shipped = {path.stem: path for path in (dataset_folder(kind) / "worlds").glob("*.toml")}
    if file not in shipped:
        raise UnknownNameError("world file", file, tuple(sorted(shipped)))
    return read_toml(shipped[file])


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of `480x320`.

    Raises:
        ConfigError: it is not of that form, or of a size that cannot be drawn.
    """
    from nmn.render.renderer import RenderConfig

    found = _SIZE.fullmatch(text.strip().lower())
    if not found:
        raise ConfigError(f"--size {text!r}", "wanted width x height in pixels, such as 480x320")
    size = {"width": int(found[1]), "height": int(found[2])}
    checked = build(RenderConfig, size, f"--size {text}")
    return checked.width, checked.height


def _no_option(world: str, option: str) -> ConfigError:
    return ConfigError(option, f"world '{world}' has no such option; its settings go with --set")


def _at_once(
    world: "World",
    name: str,
    out: Path,
    splits: Mapping[str, int],
    seed: int,
    overrides: Sequence[str],
    given: Mapping[str, object],
    as_json: bool,
) -> dict[str, Any]:
    for option, value in given.items():
        if value is not None:
            raise _no_option(name, option)
    if len(splits) > 1:
        raise ConfigError("--split", f"world '{name}' makes one split at a time")
    ((split, images),) = splits.items()
    if split not in _SHAPES_SPLITS:
        raise UnknownNameError("split", split, _SHAPES_SPLITS, f"world {name}")
    if any((out / there).exists() for there in ("card.json", "scenes", "questions")):
        raise DataError(str(out), f"holds data in CLEVR's layout, and world '{name}' has another")
    config = build(world.config, with_overrides({}, overrides), f"{name} world")
    with progress_bar(hidden=as_json) as stage:
        data = world.generate(
            config, seed, split, images, lambda done: stage("generating questions", done, images)
        )
        world.write(out, split, data.examples)
    return {"images": len(data), "questions": len(data)}
