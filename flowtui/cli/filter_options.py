"""The options that choose among files, alike in every command that has them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from flowtui.cli.filters import Filters, Rule, plain_name, type_of
from flowtui.cli.patterns import BadPattern, compile_pattern
from flowtui.config import ConfigError, parse_rate

_F = TypeVar("_F", bound=Callable[..., Any])

MOST_RULES = 1000
"""Patterns of one command; each is compared with each file."""

LONGEST_LIST = 1 << 20
"""Bytes of a list of patterns."""


_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def since(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """A date, or a time ago. Raises BadParameter."""
    if value is None:
        return None
    if match := re.fullmatch(r"(\d{1,4})([dwmy])", value.strip().lower()):
        return datetime.now(UTC) - timedelta(days=int(match[1]) * _DAYS[match[2]])
    try:
        day = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("use a date such as 2026-01-31, or 30d, 4w, 6m, 1y") from None
    return day if day.tzinfo else day.replace(tzinfo=UTC)


def size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Bytes. Raises BadParameter."""
    if value is None:
        return None
    try:
        return parse_rate(value)
    except ConfigError:
        raise click.BadParameter("use a size such as 500M or 1.5G") from None


_OPTIONS = (
    click.option(
        "--include",
        metavar="GLOB",
        multiple=True,
        help="Only files that match, such as '*.bam' or 'results/'; repeatable.",
    ),
    click.option(
        "--exclude", metavar="GLOB", multiple=True, help="Skip files that match; repeatable."
    ),
    click.option(
        "--exclude-from",
        metavar="FILE",
        multiple=True,
        help="Skip files that match a line of FILE; # is a comment, !GLOB an exception.",
    ),
    click.option(
        "--filter",
        "rules",
        metavar="RULE",
        multiple=True,
        help="'+ GLOB' takes, '- GLOB' skips; the first that matches decides; repeatable.",
    ),
    click.option("--ignore-case", is_flag=True, help="Capitals do not matter in patterns."),
    click.option("--type", "types", metavar="TYPES", help="Only these types: fastq,bam."),
    click.option(
        "--newer-than",
        callback=since,
        metavar="DATE",
        help="Only files that came to Flow since a date, or 30d, 4w, 6m, 1y.",
    ),
    click.option("--larger", callback=size, metavar="SIZE", help="Only files larger than 500M, …"),
    click.option("--smaller", callback=size, metavar="SIZE", help="Only files smaller than that."),
    click.option("--inputs", "results", flag_value="inputs", help="Only uploads, such as reads."),
    click.option("--results", "results", flag_value="results", help="Only outputs of runs."),
    click.option(
        "--latest-execution",
        is_flag=True,
        help="Of the runs of one pipeline on a sample only the latest.",
    ),
    click.option(
        "--pipeline", "pipelines", metavar="NAME", multiple=True, help="Only outputs of that one."
    ),
)

_NAMES = ("include", "exclude", "exclude_from", "rules", "ignore_case", "types", "newer_than",
          "larger", "smaller", "results", "latest_execution", "pipelines")  # fmt: skip


def filter_options(command: _F) -> Callable[..., Any]:
    """All options that choose among files, as one `filters`."""

    @functools.wraps(command)
    def with_filters(*args: Any, **given: Any) -> Any:
        chosen = {name: given.pop(name) for name in _NAMES}
        return command(*args, filters=read_filters(**chosen), **given)

    result: Callable[..., Any] = with_filters
    for option in reversed(_OPTIONS):
        result = option(result)
    return result


def read_filters(
    *,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    exclude_from: tuple[str, ...] = (),
    rules: tuple[str, ...] = (),
    ignore_case: bool = False,
    types: str | None = None,
    newer_than: datetime | None = None,
    larger: int | None = None,
    smaller: int | None = None,
    results: str | None = None,
    latest_execution: bool = False,
    pipelines: tuple[str, ...] = (),
) -> Filters:
    """The filters of these options. Raises UsageError for what cannot be used."""

    def rule(option: str, text: str, takes: bool) -> Rule:
        try:
            return Rule(option, compile_pattern(text, ignore_case=ignore_case), takes)
        except BadPattern as error:
            raise click.UsageError(f"{option}: {error}") from None

    lines = [(name, line) for name in exclude_from for line in _lines(name)]
    filters = Filters(
        include=tuple(rule("--include", text, True) for text in include),
        exclude=tuple(rule("--exclude", text, False) for text in exclude),
        rules=tuple(rule("--filter", *_sign(text)) for text in rules),
        ignored=tuple(
            rule(f"--exclude-from {name}", line.removeprefix("!"), line.startswith("!"))
            for name, line in lines
        ),
        types=frozenset(type_of(word) for word in (types or "").split(",") if word.strip()),
        newer_than=newer_than,
        larger=larger,
        smaller=smaller,
        results=None if results is None else results == "results",
        latest_execution=latest_execution,
        pipelines=tuple(filter(None, map(plain_name, pipelines))),
    )
    if len(filters.include + filters.exclude + filters.rules + filters.ignored) > MOST_RULES:
        raise click.UsageError(f"more than {MOST_RULES:,} patterns; join some with {{a,b}}")
    return filters


def _sign(rule: str) -> tuple[str, bool]:
    """The pattern of `+ GLOB` or `- GLOB`, and whether it takes what fits."""
    if rule[:2] not in ("+ ", "- ") or not rule[2:].strip():
        raise click.UsageError(f"--filter {rule!r}: write '+ GLOB' or '- GLOB'")
    return rule[2:].strip(), rule[0] == "+"


def _lines(name: str) -> list[str]:
    """The patterns of a file. Raises UsageError."""
    try:
        with open(name, "rb") as file:
            body = file.read(LONGEST_LIST + 1)
    except OSError as error:
        raise click.UsageError(f"--exclude-from: cannot read {name}: {error.strerror}") from None
    if len(body) > LONGEST_LIST:
        raise click.UsageError(f"--exclude-from: {name} is longer than 1 MiB; is it a list?")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError(f"--exclude-from: {name} is not text in UTF-8") from None
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]
