"""`flowtui peek`: what is inside a file on Flow, without downloading it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.options import complete_refs, json_option, server_option
from flowtui.cli.output import Output

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.models import Data
    from flowtui.flow.refs import Ref
    from flowtui.peek.view import Section, View


@click.command(short_help="Look into a file without downloading it.")
@click.argument("ref", metavar="REF", shell_complete=complete_refs)
@server_option
@json_option
def peek(ref: str, server: str | None, as_json: bool) -> int:
    """Show what is inside REF, a file: data/789, or execution/456/path/of/output.

    A table's first rows, the first reads of a FASTQ with their lengths and qualities, the header of
    a BAM or VCF, the list of a ZIP, a report's text and tables. At most 256 KiB are fetched.

    \b
    Examples:
      flowtui peek data/789
      flowtui peek execution/456/MULTIQC/multiqc_report.html
    """
    import threading

    from flowtui.cli.session import reading
    from flowtui.flow.refs import parse_ref
    from flowtui.flow.walk.walk import remote_file
    from flowtui.peek.look import NotTheFile, look
    from flowtui.peek.ranges import FileRanges

    out = Output(as_json=as_json, is_listing=True)
    with reading(server, out) as client:
        data = _the_file(client, parse_ref(ref, client.server))
        try:
            file = remote_file(data, ())
            ranges = FileRanges(client, file.url, threading.Event())
            view = look(file.filename, ranges.read)
        except (NotTheFile, ValueError) as error:
            raise CommandError(f"{ref}: {error}", exit=Exit.NOTHING_FOUND, code="NO_FILE") from None
    if as_json:
        out.record({"key": file.key, "filename": file.filename, "size": file.size,
                    "fetched": ranges.fetched, **_fields(view)})  # fmt: skip
    else:
        _print(view, out)
    return Exit.OK


def _the_file(client: FlowClient, ref: Ref) -> Data:
    """The one file that a reference names. Raises CommandError, FlowError."""
    from flowtui.flow.refs import RefKind
    from flowtui.flow.walk.outputs import ambiguity, outputs_named

    if ref.kind is RefKind.DATA:
        return client.data(ref.id)
    if ref.kind is not RefKind.EXECUTION or ref.path is None:
        raise CommandError(
            f"{ref} is not a file; `flowtui ls {ref}` lists its files",
            exit=Exit.USAGE,
            code="USAGE",
        )
    named = outputs_named(client.execution(ref.id).outputs or (), ref.path)
    if not named:
        raise CommandError(
            f"{ref}: there is no such output; `flowtui ls execution/{ref.id}` lists them",
            exit=Exit.NOTHING_FOUND,
            code="NOT_FOUND",
        )
    if len(named) > 1:
        raise CommandError(ambiguity(ref, named), exit=Exit.USAGE, code="AMBIGUOUS_REFERENCE")
    return named[0]


def _fields(view: View) -> dict[str, object]:
    """A view for programs."""
    return {
        "kind": str(view.kind),
        "facts": dict(view.facts),
        "notes": list(view.notes),
        "sections": [_section(section) for section in view.sections],
    }


def _section(section: Section) -> dict[str, object]:
    from flowtui.peek.view import Table

    if isinstance(section, Table):
        return {"title": section.title, "heads": section.heads, "rows": section.rows}
    return {"title": section.title, "lines": section.lines}


def _print(view: View, out: Output) -> None:
    from flowtui.peek.drawing import drawn

    out.line(view.kind)
    for text, _ in drawn(view):
        out.line(text)
