"""From REFs on the command line to the list of files: what is wanted, found, left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowtui.cli.exit_codes import CommandError, Exit, as_command_error, exit_of_all
from flowtui.cli.filters import Filtering, Filters, latest_runs, tell_without_effect
from flowtui.cli.output import Output, counted, one_line, size_text
from flowtui.flow.refs import ref_of_key
from flowtui.flow.remote_file import RemoteFile
from flowtui.text import quantities

if TYPE_CHECKING:
    from flowtui.cli.manifest_table import ManifestRow
    from flowtui.cli.ref_lists import RefList
    from flowtui.flow.client import FlowClient
    from flowtui.flow.errors import FlowError
    from flowtui.flow.models import Data
    from flowtui.flow.refs import Ref
    from flowtui.flow.walk.walk import LeftOut


@dataclass
class RequestedFiles:
    """What was found for the REFs.

    Attributes:
        files: each file once, where the first REF that has it puts it, projects before `data/ID`.
        left_out: how many Flow would not give; the reasons have been printed.
        missing: the names of these that are on Flow all the same, so that something is missing.
        excluded: how many the filters left out.
        errors: those of REFs that led nowhere; they have been printed.
        name: what a person calls it all together.
        manifest: the files that are wanted and their places, by their keys; None where REFs say
            what is wanted.
    """

    files: list[RemoteFile] = field(default_factory=list)
    left_out: int = 0
    missing: list[str] = field(default_factory=list)
    excluded: int = 0
    errors: list[CommandError] = field(default_factory=list)
    name: str = ""
    manifest: dict[str, ManifestRow] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing of what was asked for, as far as it was found."""
        return not (self.errors or self.missing)

    @property
    def exit_status(self) -> Exit:
        """How a command ends that did all with what was found."""
        if self.is_whole:
            return Exit.OK
        return (
            Exit.SOME_FAILED if self.missing else exit_of_all(error.exit for error in self.errors)
        )

    @property
    def known_bytes(self) -> int:
        """Bytes of the files whose size is known."""
        return sum(file.size or 0 for file in self.files)

    @property
    def unknown_sizes(self) -> int:
        """How many files have no known size."""
        return sum(1 for file in self.files if file.size is None)


TOLD_APART = 25
"""REFs of which each has a line of its own on what was found."""


def parse_refs(
    client: FlowClient, words: Sequence[str], lists: Sequence[str], found: RequestedFiles
) -> list[Ref]:
    """The REFs of a command line, and of the files in `lists`; `-` is standard input in both.

    Raises BadReference for what is none, CommandError for a list that cannot be read or where there
    are no REFs at all.
    """
    from flowtui.cli.ref_lists import STANDARD_INPUT, RefList, read_list
    from flowtui.flow.refs import RefKind
    from flowtui.flow.refs import parse_refs as parse

    server = client.server
    read = [
        read_list(word, server) if word == STANDARD_INPUT else RefList(parse(word, server))
        for word in words
    ]
    read += [read_list(name, server) for name in lists]
    if any(part.rows is not None for part in read):
        return _refs_of_manifest(read, found)
    refs = list(dict.fromkeys(ref for part in read for ref in part.refs))
    if any(ref.kind is RefKind.PROJECT for ref in refs):
        # A project is to be whole: a file of it that is named by itself, too, goes there.
        refs.sort(key=lambda ref: ref.kind is RefKind.DATA)
    if not refs:
        raise CommandError(
            "no REFs given; name some, such as project/12, or use --from FILE",
            exit=Exit.USAGE,
            code="USAGE",
        )
    found.name = quantities.named([str(ref) for ref in refs], 3)
    return refs


def _refs_of_manifest(read: Sequence[RefList], found: RequestedFiles) -> list[Ref]:
    """What to ask Flow for, to get the files of a manifest, of which `found` takes note."""
    if len(read) > 1:
        message = "a manifest says which files it wants; give it alone, without REFs or lists"
        raise CommandError(message, exit=Exit.USAGE, code="USAGE")
    rows = read[0].rows or []
    if not rows:
        message = "the manifest names no files"
        raise CommandError(message, exit=Exit.NOTHING_FOUND, code="NOTHING_FOUND")
    found.manifest = {row.ref: row for row in rows}
    found.name = f"manifest of {counted(len(rows), 'file')}"
    return list(dict.fromkeys(ref for row in rows if (ref := ref_of_key(row.ref)) is not None))


def find(
    client: FlowClient,
    refs: Sequence[Ref],
    filters: Filters,
    out: Output,
    found: RequestedFiles,
    *,
    records: bool = False,
) -> Generator[RemoteFile, None, None]:
    """The wanted files of `refs`, as they are found; `found` takes note of all.

    `records`: with the records of runs, which no filter leaves out: they were asked for by name.

    A REF that is missing, refused or cannot be listed is reported, and the others go on. Raises
    FlowError where the session or the service as a whole ends.
    """
    from flowtui.flow.walk.walk import Walk

    report = _Report(out, found, brief=len(refs) > TOLD_APART)
    filtering = Filtering(filters)

    def passes_over(data: Data) -> bool:
        if not filtering.passes_over(data):
            return False
        report.leave_out(1)
        return True

    with Walk(
        client,
        report.left_out,
        failed=report.failed,
        warned=report.warning,
        told=report.waiting,
        records=records or _has_records(found.manifest),
        unwanted=passes_over,
    ) as walk:
        for ref, file in _latest(_wanted(walk.files_of(refs), report, found), client, filters):
            if file is None:
                report.ended(ref)
            elif isinstance(file, int):
                report.leave_out(file)
            elif filtering.wants(file):
                found.files.append(file)
                report.count(file)
                yield file
            else:
                report.leave_out(1)
    report.all_ended(len(refs))
    tell_without_effect(filtering, out)


Walked = Iterator[tuple["Ref", RemoteFile | None]]


def _wanted(walked: Walked, report: _Report, found: RequestedFiles) -> Walked:
    """The files that a walk finds; with a manifest those of it alone, at their places there."""
    if found.manifest is None:
        yield from walked
        return
    from flowtui.cli.manifest_table import BadManifest, placed

    left: defaultdict[str, list[str]] = defaultdict(list)
    for key in found.manifest:
        left[str(ref_of_key(key))].append(key)
    seen: set[str] = set()
    for ref, file in walked:
        if file is None:
            absent = [key for key in left[str(ref)] if key not in seen]
            report.absent(ref, absent)
            yield ref, None
        elif (row := found.manifest.get(file.key)) is not None:
            seen.add(file.key)
            try:
                yield ref, placed(file, row)
            except BadManifest as error:
                report.changed(file.key, str(error))


def _latest(
    walked: Walked, client: FlowClient, filters: Filters
) -> Iterator[tuple[Ref, RemoteFile | int | None]]:
    """With `--latest-execution` of each pipeline's runs the latest alone, else all of `walked`.

    Which that is is known at the end of a REF; files of others are a number.
    """
    if not filters.latest_execution:
        yield from walked
        return
    files: list[RemoteFile] = []
    for ref, file in walked:
        if file is not None:
            files.append(file)
            continue
        kept = latest_runs(files, lambda id_: client.execution(id_).created)
        for item in kept:
            yield ref, item
        yield ref, len(files) - len(kept)
        files = []
        yield ref, None


def _has_records(manifest: dict[str, ManifestRow] | None) -> bool:
    return any(key.startswith("record/") for key in manifest or ())


class _Report:
    """Says what is found for each REF, what is left out and what is waited for."""

    def __init__(self, out: Output, found: RequestedFiles, *, brief: bool) -> None:
        """`brief` says a few words of all REFs together; programs are told of each."""
        self._out = out
        self._found = found
        self._brief = brief
        self._failed: Ref | None = None
        self._begin()

    def _begin(self) -> None:
        self.excluded = self._files = self._bytes = self._unknown = self._left_out = 0

    def count(self, file: RemoteFile) -> None:
        """Take note of a file."""
        self._files += 1
        self._bytes += file.size or 0
        self._unknown += file.size is None

    def left_out(self, what: LeftOut) -> None:
        """Tell of something that will not be downloaded."""
        self._left_out += 1
        self._found.left_out += 1
        if not what.removed and self._found.manifest is None:  # there each file is told of
            self._found.missing.append(one_line(what.name))
        self._out.event("left_out", ref=str(what.ref), name=what.name, reason=what.why)
        self._out.say(f"flowtui: left out {one_line(what.name)}: {one_line(what.why)}")

    def warning(self, what: LeftOut) -> None:
        """Tell of something that comes, but not as it should."""
        self._out.event("warning", ref=str(what.ref), name=what.name, reason=what.why)
        self._out.say(f"flowtui: {one_line(what.name)}: {one_line(what.why)}")

    def leave_out(self, files: int) -> None:
        """Take note of files that the filters exclude."""
        self.excluded += files
        self._found.excluded += files

    def failed(self, ref: Ref, error: FlowError) -> None:
        """Tell of a REF that leads nowhere."""
        known = as_command_error(error)
        assert known is not None
        named = CommandError(f"{ref}: {known.message}", exit=known.exit, code=known.code)
        self._found.errors.append(named)
        self._out.error(named)
        self._failed = ref

    def absent(self, ref: Ref, keys: Sequence[str]) -> None:
        """Tell of files of a manifest that Flow does not have any more, unless all of `ref` fails.

        Where that was left out, the reason has been told.
        """
        if self._failed == ref:
            return
        for key in keys:
            self._not_as_listed(key, "not found on Flow", Exit.NOTHING_FOUND, "NOT_FOUND")

    def changed(self, key: str, why: str) -> None:
        """Tell of a file of a manifest that is another one on Flow by now."""
        self._not_as_listed(key, why, Exit.SOME_FAILED, "CHANGED")

    def _not_as_listed(self, key: str, why: str, exit: Exit, code: str) -> None:
        error = CommandError(f"{key}: {why}", exit=exit, code=code)
        self._found.errors.append(error)
        self._out.error(error)

    def waiting(self, why: str, seconds: float) -> None:
        """Tell that nothing is asked for so many seconds."""
        self._out.event("waiting", reason=why, seconds=round(seconds, 1))
        self._out.say(f"flowtui: {quantities.waiting(one_line(why), seconds)}")

    def ended(self, ref: Ref) -> None:
        """Tell what was found for a REF."""
        if self._failed != ref:
            self._tell(ref)
        self._failed = None
        self._begin()

    def all_ended(self, refs: int) -> None:
        """Tell what was found in all, where that is not told for each."""
        if self._brief:
            files, size = len(self._found.files), self._found.known_bytes
            self._out.say(f"{counted(refs, 'REF')}: {counted(files, 'file')}, {size_text(size)}")

    def _tell(self, ref: Ref) -> None:
        self._out.event(
            "found",
            ref=str(ref),
            files=self._files,
            bytes=self._bytes,
            unknown_sizes=self._unknown,
            excluded=self.excluded,
            left_out=self._left_out,
        )
        if self._brief:
            return
        text = f"{one_line(str(ref))}: {counted(self._files, 'file')}, {size_text(self._bytes)}"
        if self._unknown:
            text += f" and {counted(self._unknown, 'file')} of unknown size"
        if self.excluded:
            text += f" ({counted(self.excluded, 'file')} excluded by the filters)"
        self._out.say(text)


def require_files(found: RequestedFiles) -> None:
    """Raise CommandError where there is nothing to get, with the exit status that fits."""
    if found.files:
        return
    if found.errors:
        worst = max((error.exit for error in found.errors), key=_weight)
        raise CommandError("nothing to download", exit=worst, code="NOTHING_FOUND")
    if found.excluded:
        message = f"the filters exclude all files ({found.excluded:,})"
        raise CommandError(message, exit=Exit.NOTHING_FOUND, code="NOTHING_FOUND")
    raise CommandError("no files to download", exit=Exit.NOTHING_FOUND, code="NOTHING_FOUND")


def _weight(status: Exit) -> int:
    """Refused says more than absent, and what is to be tried later anew the least."""
    return {Exit.NOT_ALLOWED: 1, Exit.TRY_LATER: -1}.get(status, 0)
