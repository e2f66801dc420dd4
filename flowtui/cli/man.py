"""`flowtui man`: the manual page, made of the same text as every help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from flowtui.cli.exit_codes import Exit
from flowtui.cli.output import Output

STATUSES = {
    Exit.OK: "All is done; all files are complete and verified.",
    Exit.SOME_FAILED: "Some files failed or were left out, or there are several causes at once.",
    Exit.USAGE: "Wrong usage, or settings that cannot be read.",
    Exit.NOT_ALLOWED: "Not signed in, or not allowed.",
    Exit.NOTHING_FOUND: "Nothing found.",
    Exit.NO_ROOM: "Not enough disk space, for the files or for settings and queue.",
    Exit.TRY_LATER: "Trouble that passes, and nothing else: the same command may work later.",
    Exit.TIMED_OUT: "The time given to flowtui wait is over.",
    Exit.INTERRUPTED: "Interrupted; the same command resumes.",
}

ENVIRONMENT = {
    "FLOW_API_URL": "The server, instead of that in the settings.",
    "FLOW_ACCESS_TOKEN, FLOW_API_TOKEN": "A token, where none is stored for the server.",
    "FLOW_TOKEN_FILE": "A file with a token.",
    "FLOWTUI_HOME": "A folder for settings, tokens and state.",
    "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY": "Proxies.",
    "SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE": "Certificate authorities.",
    "NO_COLOR": "No colours in the app.",
}

FILES = {
    "~/.config/flowtui/settings.toml": "Settings.",
    "~/.config/flowtui/credentials.json": "Tokens, where no keyring keeps them.",
    "~/.local/state/flowtui/HOST/": "The queue, the engine's log, crash reports.",
    "DIR/downloads.log, DIR/MD5SUMS": "What was downloaded to DIR, and its checksums.",
}


@click.command(short_help="Print the manual page.")
def man() -> int:
    """Print the manual page (roff), made of the help of all commands.

    \b
    Examples:
      flowtui man | man -l -
      flowtui man > ~/.local/share/man/man1/flowtui.1
    """
    root = click.get_current_context().find_root()
    out = Output(is_listing=True)
    for line in page(root.command, root):
        out.line(line)
    return Exit.OK


def page(command: click.Command, context: click.Context) -> Iterator[str]:
    """The lines of the page of a program and all its commands."""
    from flowtui import __version__

    assert isinstance(command, click.Group)
    yield f'.TH FLOWTUI 1 "" "flowtui {__version__}" "User Commands"'
    yield from (".SH NAME", r"flowtui \- browse and download what is on Flow (flow.bio)")
    yield ".SH SYNOPSIS"
    yield r".B flowtui\fR [\fIOPTION\fR]... [\fICOMMAND\fR [\fIARG\fR]...]"
    yield ".SH DESCRIPTION"
    yield from _help(command)
    yield ".SH OPTIONS"
    yield from _options(command, context)
    yield ".SH COMMANDS"
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        if below is not None:
            yield from _command(below, name, context)
    for title, entries in (
        ("EXIT STATUS", {str(int(status)): words for status, words in STATUSES.items()}),
        ("ENVIRONMENT", ENVIRONMENT),
        ("FILES", FILES),
    ):
        yield f".SH {title}"
        for term, words in entries.items():
            yield from (".TP", f".B {_escaped(term)}", _escaped(words))


def _command(command: click.Command, name: str, above: click.Context) -> Iterator[str]:
    if command.hidden:
        return
    context = click.Context(command, info_name=name, parent=above)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f'.SS "{_escaped(name)}"'
    yield f".B {_escaped(context.command_path)}\\fR {_escaped(usage)}"
    yield ".PP"
    yield from _help(command)
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            inner = command.get_command(context, below)
            if inner is not None:
                yield from _command(inner, f"{name} {below}", above)


def _help(command: click.Command) -> Iterator[str]:
    """The paragraphs of a help; those that click is told not to fill are lines here, too."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(command.help or "").strip())
    for number, paragraph in enumerate(paragraphs):
        lines = paragraph.split("\n")
        is_kept = lines[0].strip() == "\b"
        if number:
            yield ".PP"
        if is_kept:
            yield ".nf"
        yield from (_escaped(line) for line in (lines[1:] if is_kept else lines))
        if is_kept:
            yield ".fi"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield from (".TP", f".B {_escaped(record[0])}", _escaped(record[1]))


def _escaped(text: str) -> str:
    """Text that roff takes as it is. Source: groff(7), escape sequences."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text
