"""`flowtui manifest`: the files of REFs and their places as a table that `get --from` takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowtui.cli.filter_options import filter_options
from flowtui.cli.options import (
    json_option,
    md5_option,
    records_option,
    refs_argument,
    server_option,
    to_option,
)
from flowtui.cli.output import Output, counted, size_text

if TYPE_CHECKING:
    from flowtui.cli.filters import Filters
    from flowtui.cli.manifest_table import ManifestRow
    from flowtui.cli.selection import RequestedFiles
    from flowtui.flow.client import FlowClient
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.transfer.disk.paths import TargetPaths


@click.command(short_help="List files and their places, for get --from elsewhere.")
@refs_argument
@to_option
@server_option
@filter_options
@records_option
@md5_option
@click.option(
    "--format",
    "kind",
    type=click.Choice(["tsv", "aria2c", "curl"]),
    default="tsv",
    show_default=True,
    help="A table, or a list for `aria2c -i` or `curl -K`.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the list to FILE, not to stdout.")
@click.option(
    "--token-file",
    metavar="FILE",
    help="With aria2c and curl: write the token to FILE, which only you can read; default:"
    " OUTPUT.token.",
)
@json_option
def manifest(
    refs: tuple[str, ...],
    lists: tuple[str, ...],
    to: str | None,
    server: str | None,
    filters: Filters,
    records: bool,
    asks_md5: bool,
    kind: str,
    output: str | None,
    token_file: str | None,
    as_json: bool,
) -> int:
    """Print the files of each REF as a table: ref, path, size, md5, project, sample, run, pair.

    Paths are those that `flowtui get` would give below DIR. `flowtui get --from FILE` fetches
    exactly these files to the same paths below another folder. Nothing is downloaded.

    \b
    Examples:
      flowtui manifest project/12 > files.tsv
      flowtui get --from files.tsv --to /data/elsewhere
      flowtui manifest project/12 --format curl -o files.curl
      curl -K files.curl.token -K files.curl

    \b
    Exit status: 0 all files are listed, 1 some are not, 2 usage, 3 not signed in or not allowed,
    4 nothing found.
    """
    from flowtui.cli.md5_lookup import with_md5
    from flowtui.cli.selection import RequestedFiles as Requested
    from flowtui.cli.selection import find, parse_refs, require_files
    from flowtui.cli.session import open_session
    from flowtui.transfer.disk.paths import TargetPaths

    is_table = kind == "tsv"
    if as_json and (output or not is_table):
        raise click.UsageError("--json does not go with --format or --output")
    if token_file and is_table:
        raise click.UsageError("--token-file goes with --format aria2c or curl; a table has none")
    out = Output(as_json=as_json, is_listing=output is None)
    found = Requested()
    session = open_session(server, out)
    try:
        client = session.client
        is_signed_in = client.account.credential is not None
        if not is_signed_in:
            out.say("flowtui: not signed in; only public files are available")
        token_file = token_file or (f"{output}.token" if output else None)
        if is_signed_in and not is_table and token_file is None:
            raise click.UsageError("name a file for the token: --token-file FILE, or --output FILE")
        wanted = parse_refs(client, refs, lists, found)
        for _ in find(client, wanted, filters, out, found, records=records):
            pass
        require_files(found)
        if asks_md5:
            found.files = with_md5(client, found.files, out)
        places = TargetPaths(Path(session.settings.target(to)))
        sets = filesets(client, found.files, out) if is_table else {}
        rows = manifest_rows(found.files, places, sets)
        if not is_table:
            return _export(client, kind, rows, found, output, token_file, out)
    finally:
        session.close()
    _print(rows, found, output, out)
    return found.exit_status


def _write_list(lines: list[str], output: str | None, out: Output) -> None:
    """To stdout, or to a file. Raises OSError."""
    from flowtui.text.redaction import without_known

    if output is None:
        for line in lines:
            out.line(line, exact=True)
    else:
        text = "".join(f"{without_known(line)}\n" for line in lines)
        with open(output, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)


def _export(
    client: FlowClient,
    kind: str,
    rows: list[tuple[RemoteFile, ManifestRow]],
    found: RequestedFiles,
    output: str | None,
    token_file: str | None,
    out: Output,
) -> int:
    """Write the list for another program, and the token beside. Raises FlowError, OSError."""
    from flowtui.cli.manifest_export import ARIA2C, file_url, how_to, list_lines, token_line
    from flowtui.cli.output import one_line
    from flowtui.system.files import write_private

    session = client.session
    files = []
    for file, row in rows:
        url = file_url(file, session.absolute, session.is_own)
        if url is None:
            found.missing.append(one_line(row.path))
            out.say(f"flowtui: left out {one_line(row.path)}: only `flowtui get` can fetch it")
        else:
            files.append((url, row))
    headers = session.headers_for(session.absolute("/"))
    if headers and token_file is not None:
        write_private(Path(token_file), token_line(kind, headers["Authorization"]) + "\n")
    else:
        token_file = None
    _write_list(list_lines(kind, files), output, out)
    out.say(f"{counted(len(files), 'file')}, {size_text(found.known_bytes)}")
    if token_file is not None:
        out.say(
            f"the token is in {one_line(token_file)}, for you alone; remove it afterwards. Unless"
            " it is an API key it ends within minutes"
        )
        if kind == ARIA2C:
            out.say("aria2c hands the token on wherever Flow's answer leads; curl does not")
    out.say(f"use it by: {one_line(how_to(kind, output or 'FILE', token_file))}")
    return found.exit_status


def _print(
    rows: list[tuple[RemoteFile, ManifestRow]],
    found: RequestedFiles,
    output: str | None,
    out: Output,
) -> None:
    """The table, or the same as JSON lines. Raises OSError."""
    from flowtui.cli.json_fields import origin_fields
    from flowtui.cli.manifest_table import header, row_line

    if not out.as_json:
        _write_list([header(), *(row_line(row) for _, row in rows)], output, out)
    for file, row in rows:
        out.event(
            "file",
            ref=row.ref,
            filename=file.filename,
            path=row.path,
            size=row.size,
            md5=row.md5,
            pair=row.pair or None,
            **origin_fields(file.sample, file.belongs_to, file.origin),
        )
    out.say(f"{counted(len(rows), 'file')}, {size_text(found.known_bytes)}")


def manifest_rows(
    files: Iterable[RemoteFile], places: TargetPaths, sets: dict[str, str]
) -> list[tuple[RemoteFile, ManifestRow]]:
    """The files as rows; `sets`: key → what each was uploaded with, where that is known.

    Where Flow gives no md5, that of the file that was downloaded to its place counts.
    """
    from flowtui.cli.manifest_table import ManifestRow
    from flowtui.text.redaction import without_known

    files = list(files)
    paths = places.assign_all(files)
    members = Counter(sets[file.key] for file in files if file.key in sets)
    rows = []
    for file in files:
        path = paths[file.key]
        here = places.recorded.get(path)
        is_here = here is not None and here.key == file.key and file.size in (None, here.size)
        set_ = sets.get(file.key, "")
        run = file.origin.run
        if not run and file.origin.execution:
            run = f"execution/{file.origin.execution}"
        row = ManifestRow(
            ref=file.key,
            path=path,
            size=file.size,
            md5=file.md5 or (here.md5 if here is not None and is_here else None),
            project=without_known(file.origin.project),
            sample=without_known(file.sample or ""),
            run=without_known(run),
            pair=set_ if members[set_] > 1 else "",
        )
        rows.append((file, row))
    return rows


def filesets(client: FlowClient, files: Iterable[RemoteFile], out: Output) -> dict[str, str]:
    """Key → the id of the set that a file was uploaded in (R1 and R2 of one are a pair).

    Lists do not tell it: each sample's own record is asked for. Of one that cannot be had it is
    told. Raises FlowError where the session or the service as a whole ends.
    """
    from flowtui.cli.output import one_line
    from flowtui.flow.errors import FAILING, SKIPPABLE, FlowError
    from flowtui.flow.models import Sample
    from flowtui.flow.walk.lookahead import Lookahead

    files = list(files)
    # Of a sample's files it may be guessed from when they were uploaded, to tell names apart.
    sets = {file.key: file.fileset for file in files if file.fileset and not file.belongs_to}
    inputs = Counter(
        file.belongs_to
        for file in files
        if file.belongs_to.startswith("sample/") and not file.origin.execution
    )
    samples = [ref.partition("/")[2] for ref, count in inputs.items() if count > 1]

    def ask(id_: str) -> Sample | FlowError:
        try:
            return client.sample(id_)
        except (*SKIPPABLE, *FAILING) as error:
            return error

    lookahead = Lookahead()
    try:
        for id_, answer in zip(samples, lookahead.map(ask, samples), strict=True):
            if not isinstance(answer, Sample):
                why = one_line(answer.message)
                out.say(f"flowtui: the pairs of sample/{id_} are not known: {why}")
                continue
            for data in answer.data or ():
                if data.id is not None and data.fileset_id:
                    sets[f"data/{data.id}"] = data.fileset_id
    finally:
        lookahead.close()
    return sets
