"""Options that several commands share, and what the shell around a command may raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowtui.cli.exit_codes import Interrupted

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SHELL_ERRORS = (
    click.ClickException,
    click.exceptions.Abort,
    KeyboardInterrupt,
    Interrupted,
)
"""Raised by the surroundings of a command: a stop, wrong usage."""

_F = TypeVar("_F", bound=Callable[..., Any])


def _server(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A checked address; what stands before the subcommand counts where it has none itself."""
    if value is None:
        given = ctx.parent.params.get("server") if ctx.parent is not None else None
        return given if isinstance(given, str) else None
    from flowtui.config import ConfigError, check_server

    try:
        return check_server(value)
    except ConfigError as error:
        raise click.BadParameter(str(error)) from error


def _to(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None and ctx.parent is not None:
        given = ctx.parent.params.get("to")
        return given if isinstance(given, str) else None
    return value


def _rate(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    from flowtui.config import ConfigError, parse_rate

    try:
        return parse_rate(value)
    except ConfigError as error:
        raise click.BadParameter(str(error)) from error


def server_option(command: _F) -> _F:
    """`--server URL`."""
    return click.option(
        "--server",
        metavar="URL",
        callback=_server,
        help="URL of the Flow server; default: FLOW_API_URL, the settings, https://api.flow.bio.",
    )(command)


def output_option(command: _F) -> _F:
    """`-o`, `--to DIR`, of commands that write there."""
    return _to_option("-o", "--to")(command)


def to_option(command: _F) -> _F:
    """`--to DIR`."""
    return _to_option("--to")(command)


def quiet_option(command: _F) -> _F:
    """`-q`, `--quiet`."""
    return click.option(
        "-q", "--quiet", is_flag=True, help="Say only what went wrong; no progress, no counts."
    )(command)


def _to_option(*names: str) -> Callable[[_F], _F]:
    return click.option(
        *names,
        metavar="DIR",
        callback=_to,
        help="Target folder; default: download_dir in the settings, else ./downloads.",
    )


def json_option(command: _F) -> _F:
    """`--json`, as `as_json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object per line on stdout."
    )(command)


def _refs(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """REFs, which may be missing where `--from` names some."""
    if not value and not ctx.params.get("lists"):
        raise click.MissingParameter(ctx=ctx, param=param)
    return value


def complete_refs(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """REFs of what is yours, for the shell."""
    from click.shell_completion import CompletionItem

    from flowtui.cli.ref_completion import complete

    return [CompletionItem(ref, help=name) for ref, name in complete(incomplete)]


def refs_argument(command: _F) -> _F:
    """`REF...` and `--from FILE`, as `refs` and `lists`."""
    command = click.option(
        "--from",
        "lists",
        metavar="FILE",
        multiple=True,
        help="Read REFs from a file, one or more per line, # begins a comment; or a manifest of "
        "`flowtui manifest`; - is standard input; repeatable.",
        is_eager=True,
    )(command)
    return click.argument(
        "refs", metavar="[REF]...", nargs=-1, callback=_refs, shell_complete=complete_refs
    )(command)


def rate_option(command: _F) -> _F:
    """`--limit-rate RATE`, in bytes a second."""
    return click.option(
        "--limit-rate",
        metavar="RATE",
        callback=_rate,
        help="Limit the total rate in bytes per second, such as 20M or 500k; 0 for no limit.",
    )(command)


def records_option(command: _F) -> _F:
    """`--records`."""
    return click.option(
        "--records",
        is_flag=True,
        help="With the records of each run: parameters, command, logs, versions, sample sheet.",
    )(command)


def samples_table_option(command: _F) -> _F:
    """`--samples-table`."""
    return click.option(
        "--samples-table",
        is_flag=True,
        help="Also write samples.tsv there: a row per sample with all its metadata. Later runs keep"
        " one that is there up to date without being asked.",
    )(command)


def md5_option(command: _F) -> _F:
    """`--md5`, as `asks_md5`."""
    return click.option(
        "--md5",
        "asks_md5",
        is_flag=True,
        help="Ask Flow for each md5 that its lists lack; a request per file.",
    )(command)


def bulk_option(command: _F) -> _F:
    """`--bulk auto|always|never` and `--unpack/--keep-archive`."""
    command = click.option(
        "--unpack/--keep-archive",
        "unpack",
        default=None,
        help="Unpack the archive and remove it, or keep it; default: unpack_archives in the "
        "settings, else unpack.",
    )(command)
    return click.option(
        "--bulk",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help="Download the files as one archive prepared by Flow; auto does so if more than "
        "bulk_above (100) files are missing.",
    )(command)
