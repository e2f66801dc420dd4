"""`flowtui diff`: what Flow has now, compared with what a folder's downloads.log records."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowtui.cli.exit_codes import CommandError, Exit, as_command_error
from flowtui.cli.filter_options import filter_options
from flowtui.cli.options import complete_refs, json_option, md5_option, server_option
from flowtui.cli.output import Output, counted, one_line, size_text
from flowtui.text import quantities

if TYPE_CHECKING:
    from flowtui.cli.filters import Filters
    from flowtui.flow.client import FlowClient
    from flowtui.flow.errors import FlowError
    from flowtui.flow.refs import Ref
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.flow.walk.walk import LeftOut
    from flowtui.transfer.task import Recorded

NEW, CHANGED, GONE = "new", "changed", "gone"


@dataclass(frozen=True)
class Difference:
    """A file that is not the same in the folder and on Flow.

    Attributes:
        state: `new`, `changed` or `gone`.
        path: below the folder; of a new one, where it would go.
        file: as Flow has it. `recorded`: as the log has it.
    """

    state: str
    key: str
    path: str
    file: RemoteFile | None = None
    recorded: Recorded | None = None


@click.command(short_help="Compare what was downloaded with what Flow has now.")
@click.argument("folder", metavar="DIR")
@click.argument("refs", metavar="[REF]...", nargs=-1, shell_complete=complete_refs)
@server_option
@filter_options
@md5_option
@json_option
def diff(
    folder: str,
    refs: tuple[str, ...],
    server: str | None,
    filters: Filters,
    asks_md5: bool,
    as_json: bool,
) -> int:
    """Say what Flow has new, changed or no longer, compared with downloads.log of DIR.

    Looked at are the projects, samples and executions that DIR was downloaded from, or each REF,
    and every file that is recorded. The filters choose among new files. No file is
    read or downloaded; `flowtui verify DIR` reads what is here.

    \b
    Examples:
      flowtui diff /data/flow
      flowtui diff /data/flow project/12 --type bam

    \b
    Exit status: 0 nothing differs, 1 something does or could not be looked at, 2 usage, 3 not
    signed in or not allowed, 4 nothing was downloaded there.
    """
    from flowtui.cli.filters import Filtering
    from flowtui.cli.md5_lookup import with_md5
    from flowtui.cli.session import open_session
    from flowtui.config import absolute
    from flowtui.flow.refs import parse_refs
    from flowtui.transfer.disk.paths import TargetPaths
    from flowtui.transfer.verify.recheck import RecordedFolder

    if filters.newer_than is not None or filters.latest_execution:
        raise click.UsageError("diff takes neither --newer-than nor --latest-execution")
    out = Output(as_json=as_json, is_listing=True)
    recorded = RecordedFolder(absolute(folder))
    recorded.read()
    here = {
        path: record
        for path, record in recorded.files.items()
        if not record.key.startswith("record/")  # made here of Flow's answers
    }
    if not here:
        raise CommandError(
            f"no downloads.log with files in {one_line(str(recorded.root))}",
            exit=Exit.NOTHING_FOUND,
            code="NOTHING_FOUND",
        )
    with closing(open_session(server, out)) as session:
        client = session.client
        if client.account.credential is None:
            out.say("flowtui: not signed in; only public files are seen")
        look = _Look(client, {record.key for record in here.values()}, out)
        given = [ref for word in refs for ref in parse_refs(word, client.server)]
        look.at(given or _origins(client, here, out))
        look.at_the_rest()
        if asks_md5:
            found = with_md5(client, list(look.found.values()), out)
            look.found = {file.key: file for file in found}
    filtering = Filtering(filters)
    new = [file for file in look.new if filtering.wants(file)]
    paths = TargetPaths(recorded.root).assign_all(new)
    differences = compare(here, look.found, look.unknown)
    differences += [Difference(NEW, file.key, paths[file.key], file) for file in new]
    return _report(recorded.root, here, differences, look, out)


def compare(
    here: Mapping[str, Recorded], found: Mapping[str, RemoteFile], unknown: Iterable[str] = ()
) -> list[Difference]:
    """What is changed or gone of the files that are recorded, in their order.

    `here`: path → what is recorded. `found`: key → the file on Flow. `unknown`: keys of which
    nobody knows whether Flow has them.
    """
    passed = set(unknown)
    differences = []
    for path, recorded in here.items():
        file = found.get(recorded.key)
        if file is not None and is_changed(path, recorded, file):
            differences.append(Difference(CHANGED, recorded.key, path, file, recorded))
        elif file is None and recorded.key not in passed:
            differences.append(Difference(GONE, recorded.key, path, None, recorded))
    return differences


def is_changed(path: str, recorded: Recorded, file: RemoteFile) -> bool:
    """Whether a file is another one on Flow now: by its md5 where both are known, else its size.

    Of a folder, which came as a ZIP, neither says anything.
    """
    link = file.url.partition("?")[0].lower()
    if path.lower().endswith(".zip") and not link.endswith(".zip"):
        return False
    if file.md5 is not None and recorded.md5 is not None:
        return file.md5 != recorded.md5
    return None not in (file.size, recorded.size) and file.size != recorded.size


def _origins(client: FlowClient, here: Mapping[str, Recorded], out: Output) -> list[Ref]:
    """The refs that the folder was downloaded from. Raises FlowError where the session ends."""
    from flowtui.cli.folder_refs import folder_refs
    from flowtui.flow.refs import Ref, RefKind

    origins = folder_refs(here)
    refs = []
    for top, witnesses in origins.projects.items():
        project = next(_projects_of(client, witnesses), None)
        if project is not None:
            refs.append(Ref(RefKind.PROJECT, project))
        else:
            name = one_line(top)
            out.say(f"flowtui: cannot tell which project {name} is; name it to see what it has new")
            refs += origins.samples[top]
    return list(dict.fromkeys([*refs, *origins.refs]))


def _projects_of(client: FlowClient, witnesses: Iterable[Ref]) -> Iterator[str]:
    """The ids of the projects that these say they are in, as far as they say."""
    from flowtui.flow.errors import FAILING, SKIPPABLE
    from flowtui.flow.refs import RefKind

    asked = {
        RefKind.SAMPLE: lambda id_: client.sample(id_).project_id,
        RefKind.EXECUTION: lambda id_: client.execution(id_).project_id,
        RefKind.DATA: lambda id_: client.data(id_).project_id,
    }
    for ref in witnesses:
        try:
            project = asked[ref.kind](ref.id)
        except (*SKIPPABLE, *FAILING):
            continue  # another may tell; where none does, that is said
        if project:
            yield project


@dataclass
class _Look:
    """A look at what Flow has now.

    Attributes:
        recorded: the keys that the folder has. `found`: what Flow has of these, by key.
        new: what it has beside them. `unknown`: keys that could not be looked at.
        errors: what could not be looked at; it has been told.
    """

    client: FlowClient
    recorded: set[str]
    out: Output
    found: dict[str, RemoteFile] = field(default_factory=dict)
    new: list[RemoteFile] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    errors: list[CommandError] = field(default_factory=list)

    def at(self, refs: Iterable[Ref]) -> None:
        """Look at all that refs have. Raises FlowError where the session or the service ends."""
        for file in self._walk(refs, {}):
            if file.key in self.recorded:
                self.found[file.key] = file
            else:
                self.new.append(file)

    def at_the_rest(self) -> None:
        """Look for each recorded file that has not been found. Raises FlowError, see `at`."""
        from flowtui.cli.folder_refs import parsed_key

        left: defaultdict[Ref, list[str]] = defaultdict(list)
        for key in sorted(self.recorded - set(self.found)):
            ref = parsed_key(key)
            if ref is not None:
                left[ref].append(key)
        for file in self._walk(list(left), left):
            if file.key in self.recorded:
                self.found[file.key] = file
        self.unknown -= set(self.found)

    def _walk(self, refs: Iterable[Ref], keys: Mapping[Ref, list[str]]) -> Iterator[RemoteFile]:
        """The files of refs; `keys` that a ref is asked for are unknown where that fails."""
        from flowtui.flow.errors import Gone, NotFound
        from flowtui.flow.walk.walk import Walk

        def failed(ref: Ref, error: FlowError) -> None:
            if isinstance(error, NotFound | Gone):
                return  # what is recorded of it is looked for file by file
            known = as_command_error(error)
            assert known is not None
            message = f"{ref}: {known.message}"
            self._tell(CommandError(message, exit=known.exit, code=known.code))
            self.unknown.update(keys.get(ref, ()))

        def left_out(what: LeftOut) -> None:
            if not what.removed:
                message = f"not looked at: {what.name}: {what.why}"
                self._tell(CommandError(message, code="LEFT_OUT"))
                self.unknown.update(keys.get(what.ref, ()) if what.ref is not None else ())

        def told(why: str, seconds: float) -> None:
            self.out.event("waiting", reason=why, seconds=round(seconds, 1))
            self.out.say(f"flowtui: {quantities.waiting(one_line(why), seconds)}")

        with Walk(self.client, left_out, failed=failed, told=told) as walk:
            for _, file in walk.files_of(refs):
                if file is not None:
                    yield file

    def _tell(self, error: CommandError) -> None:
        self.errors.append(error)
        self.out.error(error)


def _report(
    root: Path,
    here: Mapping[str, Recorded],
    differences: list[Difference],
    look: _Look,
    out: Output,
) -> int:
    from flowtui.text.columns import table

    rows = []
    for difference in differences:
        file, recorded = difference.file, difference.recorded
        size = file.size if file is not None else recorded.size if recorded is not None else None
        out.event(
            "difference",
            state=difference.state,
            ref=difference.key,
            path=str(root / difference.path),
            size=None if file is None else file.size,
            md5=None if file is None else file.md5,
            recorded_size=None if recorded is None else recorded.size,
            recorded_md5=None if recorded is None else recorded.md5,
        )
        rows.append(
            (difference.state, one_line(difference.key), size_text(size), one_line(difference.path))
        )
    if rows and not out.as_json:
        for line in table(("STATE", "REF", "SIZE", "PATH"), rows, right=(2,)):
            out.line(line)
    counts = Counter(difference.state for difference in differences)
    unknown = sum(1 for recorded in here.values() if recorded.key in look.unknown)
    same = len(here) - counts[CHANGED] - counts[GONE] - unknown
    words = [f"{counts[state]:,} {state}" for state in (NEW, CHANGED, GONE)]
    words += [f"{unknown:,} not looked at"] if unknown else []
    out.say(f"{counted(len(here), 'file')} recorded: {', '.join(words)}, {same:,} the same")
    if counts[GONE]:
        out.say("gone: removed from Flow, or not visible to you any more")
    status = Exit.SOME_FAILED if differences or look.errors else Exit.OK
    out.event(
        "summary",
        status=int(status),
        files=len(here),
        same=same,
        new=counts[NEW],
        changed=counts[CHANGED],
        gone=counts[GONE],
        unknown=unknown,
        errors=len(look.errors),
    )
    return status
