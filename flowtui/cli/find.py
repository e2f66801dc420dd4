"""`flowtui find`: search on the server."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from flowtui.cli.exit_codes import CommandError
from flowtui.cli.filter_options import since as since_option
from flowtui.cli.filter_options import size as size_option
from flowtui.cli.options import json_option, server_option
from flowtui.cli.output import Output
from flowtui.cli.search_notices import SearchNotices, noun_of
from flowtui.cli.tables import TableWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowtui.flow.client import FlowClient
    from flowtui.flow.errors import FlowError
    from flowtui.flow.search.criteria import Criteria, FoundRecord, Kind

KINDS = ("samples", "data", "executions", "projects")


def _meta(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    pairs = [value.partition("=") for value in values]
    if not all(key and value for key, _, value in pairs):
        raise click.BadParameter("use KEY=VALUE, such as cell_type=K562")
    return tuple((key, value) for key, _, value in pairs)


@click.command(short_help="Search for samples, files, executions and projects.")
@click.argument("words", metavar="[samples|data|executions|projects] [WORD]...", nargs=-1)
@click.option("--name", default="", metavar="TEXT", help="Text in the name, blanks included.")
@click.option("--type", "type_", default="", metavar="TYPE", help="Sample type or file type.")
@click.option("--organism", default="", metavar="NAME", help="Organism of samples or executions.")
@click.option("--pipeline", default="", metavar="NAME", help="Pipeline of files or executions.")
@click.option("--owner", default="", metavar="NAME", help="Owner.")
@click.option(
    "--since",
    callback=since_option,
    metavar="DATE",
    help="Created since a date, or 30d, 4w, 6m, 1y.",
)
@click.option(
    "--larger", callback=size_option, metavar="SIZE", help="Files larger than 500M, 1.5G, …"
)
@click.option(
    "--meta",
    callback=_meta,
    multiple=True,
    metavar="KEY=VALUE",
    help="Metadata of samples; repeatable.",
)
@click.option("--mine", is_flag=True, help="Only what you own.")
@server_option
@json_option
def find(
    words: tuple[str, ...],
    name: str,
    type_: str,
    organism: str,
    pipeline: str,
    owner: str,
    since: datetime | None,
    larger: int | None,
    meta: tuple[tuple[str, str], ...],
    mine: bool,
    server: str | None,
    as_json: bool,
) -> int:
    """Search on the server, in all that you may see. `flowtui get` takes the first column.

    \b
    Examples:
      flowtui find samples liver --type RNA-Seq --meta cell_type=K562
      flowtui find data --type bam --larger 1G --since 30d
      flowtui find executions --pipeline rnaseq --mine

    Without samples, data, executions or projects all of them are searched. What could not be looked
    at is named. Exit status: 0 found, 1 something was left out, 4 nothing found.
    """
    from flowtui.cli.session import reading
    from flowtui.flow.search.criteria import Criteria, Kind

    out = Output(as_json=as_json, is_listing=True)
    named = bool(words) and words[0] in KINDS
    wanted = Criteria(
        words[1:] if named else words, name, type_, organism, pipeline, owner, since, larger, meta,
        mine,
    )  # fmt: skip
    kinds = _kinds(words[0] if named else None, wanted, list(Kind))
    if wanted == Criteria():
        raise click.UsageError("say what to look for, such as a name or --mine")

    tables, said = TableWriter(out), SearchNotices(out)
    found, owners = 0, set[str]()
    lacking: list[FlowError] = []
    with reading(server, out) as client, tables.writing():
        if client.account.credential is None:
            out.say("flowtui: not signed in; searching only what is public")
        for kind in kinds:
            found += _search(client, kind, wanted, tables, said, lacking, owners)
    said.end()
    if not found:
        raise _nothing_found(said, lacking if len(lacking) == len(kinds) else [], owners)
    return said.exit_beside


def _search(
    client: FlowClient,
    kind: Kind,
    wanted: Criteria,
    tables: TableWriter,
    said: SearchNotices,
    lacking: list[FlowError],
    owners: set[str],
) -> int:
    """Search for one kind, and list what is found; how much that is.

    `lacking` takes what says that this kind has no such type, organism or attribute; `owners` whose
    things were passed over since their owners are called otherwise.
    """
    from flowtui.flow.errors import FAILING, SKIPPABLE, BadReference
    from flowtui.flow.search.search import Search

    search = Search(client, kind, wanted, said)
    count = 0

    def rows() -> Iterator[FoundRecord]:
        nonlocal count
        for record in search:
            count += 1
            yield record

    try:
        tables.add_found(rows(), noun_of(kind))
    except BadReference as error:
        lacking.append(error)
    except (*FAILING, *SKIPPABLE) as error:
        said.failed(kind, error)
    owners |= search.owners
    return count


def _nothing_found(
    said: SearchNotices, lacking: list[FlowError], owners: set[str]
) -> CommandError | FlowError:
    if lacking:
        return lacking[0]
    text = "nothing found"
    if owners:
        others = ", ".join(sorted(owners)[:3]) + (", …" if len(owners) > 3 else "")
        text += f"; --owner and --mine compare with the owner's name on Flow ({others} here)"
    return CommandError(text, exit=said.exit, code="NOTHING_FOUND")


def _kinds(named: str | None, wanted: Criteria, every: list[Kind]) -> list[Kind]:
    """What to search. Raises UsageError for what such things do not have."""
    if named is None:
        kinds = [kind for kind in every if wanted.fits_kind(kind)]
        if not kinds:
            raise click.UsageError("nothing has all of these; leave out some of the options")
        return kinds
    (kind,) = (kind for kind in every if kind == named)
    if not wanted.fits_kind(kind):
        raise click.UsageError(f"{named} do not have all of these; see `flowtui find --help`")
    return [kind]
