"""`nmn parse`."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from nmn.cli.output import (
    Json,
    SkipBad,
    SkippedRecords,
    console,
    counted,
    exhaust,
    print_examples,
    print_families,
    print_json,
    progress_bar,
)
from nmn.domain import Domain, load_domain
from nmn.errors import ConfigError, DataError, OtherDomainError, QuestionError
from nmn.parsing import GrammarParser
from nmn.parsing.base import Parser
from nmn.parsing.grammar_parser import MAX_AMBIGUOUS_WORDS, shared_parser
from nmn.parsing.lexicon import parsed_domains
from nmn.program.clevr import to_clevr

_SURE = 0.5
"""A learned parser's reading of a lower score, e.g. probability, is said to be unsure."""

Learned = tuple[Parser, Domain]
"""A parser that was learned, and of what."""


def parse(
    question: Annotated[
        str | None, typer.Argument(help="A question in English.", show_default=False)
    ] = None,
    questions: Annotated[
        Path | None, typer.Option(help="Parse all questions of this CLEVR question file.")
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(
            help="What is asked about: shapes, clevr.",
            show_default="shapes; with --questions clevr",
        ),
    ] = None,
    parser: Annotated[
        str | None,
        typer.Option(
            help="A learned parser: a checkpoint folder or its name.", show_default="the grammar"
        ),
    ] = None,
    all_readings: Annotated[
        bool, typer.Option("--all", help="Every reading, the preferred one first.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the question file with its programs to this file.")
    ] = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Turn questions into programs, without a picture: one question, or all of a file.

    Of a file it reports how many questions are understood, and where programs are stored, how
    many are exactly matched, by question family.
    """
    learned = None if parser is None else _learned(parser)
    known = _domain(domain, learned, of_file=questions is not None)
    if (question is None) == (questions is None):
        got = "neither" if question is None else "both"
        raise typer.BadParameter(f"wanted a question or --questions FILE, got {got}")
    if question is not None:
        if out is not None or skip_bad:
            raise typer.BadParameter("--out and --skip-bad go with --questions FILE")
        _parse_one(question, known, learned, all_readings, as_json)
    elif questions is not None:
        if all_readings:
            raise typer.BadParameter("--all goes with a single question")
        try:
            _parse_file(questions, known, learned, out, skip_bad, as_json)
        except OtherDomainError as error:
            raise _with_way_out(error, learned) from error


def _learned(name: str) -> Learned:
    from nmn.training.parser_checkpoint import find_parser, parser_at

    return parser_at(find_parser(name))


def _domain(name: str | None, learned: Learned | None, *, of_file: bool) -> Domain:
    """That which was named, that of the learned parser, or the usual one."""
    if learned is None:
        usual = "clevr" if of_file else "shapes"
        return load_domain(usual if name is None else name)
    _, domain = learned
    if name is not None and name != domain.name:
        raise ConfigError("--domain", f"{name}, and the parser is of {domain.name}")
    return domain


def _parse_one(
    question: str,
    domain: Domain,
    learned: Learned | None,
    all_readings: bool,
    as_json: bool,
) -> None:
    if learned is not None:
        parses = learned[0].parse(question)[: None if all_readings else 1]
    else:
        try:
            parses = GrammarParser(domain, all_readings=all_readings).parse(question)
        except QuestionError as error:
            raise _with_other_domain(error, domain) from error
    if as_json:
        readings = [
            {
                "program": to_clevr(parse.program, domain),
                "text": str(parse.program),
                "score": parse.score,
                "warnings": list(parse.warnings),
            }
            for parse in parses
        ]
        print_json({**readings[0], "readings": readings} if all_readings else readings[0])
        return
    if learned is None and all_readings and len(question.split()) > MAX_AMBIGUOUS_WORDS:
        console.print(f"more than {MAX_AMBIGUOUS_WORDS} words: the preferred reading only")
    told: set[str] = set()
    for parse in parses:
        score = math.exp(parse.score)
        ranked = f"{score:<8.2g} " if learned is not None and all_readings else ""
        console.print(f"{ranked}{parse.program}", markup=False)
        sure = learned is None or ranked or score >= _SURE
        unsure = () if sure else (f"unsure: a score of {score:.2g} of 1",)
        for warning in (*parse.warnings, *unsure):
            if warning not in told:
                console.print(f"note: {warning}", markup=False)
            told.add(warning)


def _with_other_domain(error: QuestionError, domain: Domain) -> QuestionError:
    """The error, with the domains in which the question would be understood."""
    others = []
    for name in parsed_domains():
        try:
            if name != domain.name:
                shared_parser(load_domain(name)).parse(error.question)
                others.append(f"--domain {name}")
        except QuestionError:
            continue
    if not others:
        return error
    advice = f"{error.advice}; " if error.advice else ""
    return replace(error, advice=f"{advice}it is understood with {' and '.join(others)}")


def _with_way_out(error: OtherDomainError, learned: Learned | None) -> OtherDomainError:
    """The error, with the parsers that the file is for."""
    grammars = [f"--domain {name}" for name in error.domains if name in parsed_domains()]
    ways = [] if learned is None and grammars else ["a --parser of that domain"]
    if grammars:
        ways.append(" or ".join(grammars) + ("" if learned is None else " without --parser"))
    return replace(error, advice=f"nearest: {', or '.join(ways)}")


def _parse_file(
    path: Path,
    domain: Domain,
    learned: Learned | None,
    out: Path | None,
    skip_bad: bool,
    as_json: bool,
) -> None:
    from nmn.data.clevr import read_info, read_questions, with_program, write_questions
    from nmn.execution.question_files import parse_all
    from nmn.execution.reports import ParseReport

    info = None
    if out is not None:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise DataError(str(path), "wanted a regular file: with --out it is read twice")
        try:
            info = read_info(path)
        except DataError:
            if not skip_bad:  # else the questions before the fault are still worth having
                raise
    skipped, report = SkippedRecords(), ParseReport()
    with progress_bar(hidden=as_json) as stage:
        questions = read_questions(path, domain, skipped if skip_bad else None)
        parser = shared_parser(domain) if learned is None else learned[0]
        parses = parse_all(counted(questions, stage, "parsing"), parser)
        counting = report.through(parses)
        if out is None:
            exhaust(counting)
        else:
            records = (with_program(item.question, item.program, domain) for item in counting)
            write_questions(out, info, records)
    counts = {**report.to_json(), **skipped.to_json()}
    if as_json:
        print_json(counts)
        return
    columns = {"parsed": "parsed", "compared": "with program", "exact_match": "exact match"}
    print_families(counts, columns)
    print_examples("questions could not be parsed", counts["errors"], counts["error_examples"])
    if "warned" in counts:
        print_examples("questions have unknown words", counts["warned"], counts["warning_examples"])
    print_examples("records were skipped", skipped.count, skipped.examples)
    if out is not None:
        console.print(f"written: {out}", markup=False)
