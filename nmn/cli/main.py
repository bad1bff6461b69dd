"""The command line: `nmn COMMAND --help`.

Reports go to standard output, progress and errors to standard error. Exit code 0 on success, 2
with one line for bad input, 130 when interrupted; a traceback is always a bug of ours.
"""

import io
import os
import sys

import typer
from typer.exceptions import TyperException

from nmn.cli.ablate import ablate
from nmn.cli.ask import ask
from nmn.cli.check import check
from nmn.cli.compare import compare
from nmn.cli.demo import demo
from nmn.cli.evaluate import evaluate
from nmn.cli.execute import execute
from nmn.cli.generate import generate
from nmn.cli.inspect import inspect
from nmn.cli.parse import parse
from nmn.cli.render import render
from nmn.cli.show import show
from nmn.cli.train import train
from nmn.errors import GrammarError, NMNError, QuestionError
from nmn.memory import keep_freed_memory

app = typer.Typer(
    name="nmn",
    help="Questions about pictures become programs; programs are executed, and seen.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS = (
    demo, ask, parse, execute, generate, check, render, train, evaluate, ablate, compare, inspect,
    show,
)  # fmt: skip
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    keep_freed_memory()
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="nmn", standalone_mode=False)
    except (QuestionError, GrammarError) as error:
        if sys.stderr.isatty():
            sys.stderr.write(f"{error.drawing()}\n")
        fail(str(error))
    except NMNError as error:
        fail(str(error))
    except TyperException as error:
        fail(error.format_message())
    except OSError as error:
        fail(f"{error.filename or 'output'}: {(error.strerror or str(error)).lower()}")
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("interrupted\n")
        raise SystemExit(130) from None
    raise SystemExit(code if isinstance(code, int) else 0)


def fail(problem: str) -> None:
    """One line on standard error, and exit code 2."""
    if sys.exc_info()[0] is BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1)
    line = " ".join(problem.split())
    sys.stderr.write(f"error: {''.join(c if c.isprintable() else '?' for c in line)}\n")
    raise SystemExit(2)


if __name__ == "__main__":
    main()
