"""From REFs on the command line to the list of files: what is wanted, found, left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from flowtui.cli.exit_codes import CommandError, Exit, as_command_error
from flowtui.cli.output import Output, counted, one_line, size_text
from flowtui.flow.errors import NotFound, Refused
from flowtui.flow.remote_file import RemoteFile

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.refs import Ref
    from flowtui.flow.walk import LeftOut


@dataclass
class RequestedFiles:
    """What was found for the REFs.

    Attributes:
        files: each file once, where the first REF that has it puts it.
        left_out: how many Flow would not give; the reasons have been printed.
        excluded: how many the filters left out.
        errors: those of REFs that led nowhere; they have been printed.
        name: what a person calls it all together.
    """

    files: list[RemoteFile] = field(default_factory=list)
    left_out: int = 0
    excluded: int = 0
    errors: list[CommandError] = field(default_factory=list)
    name: str = ""

    @property
    def known_bytes(self) -> int:
        """Bytes of the files whose size is known."""
        return sum(file.size or 0 for file in self.files)

    @property
    def unknown_sizes(self) -> int:
        """How many files have no known size."""
        return sum(1 for file in self.files if file.size is None)


@dataclass(frozen=True)
class Filters:
    """`--include` and `--exclude`.

    A pattern without a slash is compared with the file's own name, one with a slash with the end
    of its whole path (folders included), so `results/*` fits wherever `results` stands.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def wants(self, file: RemoteFile) -> bool:
        """Whether `file` passes."""
        if self.include and not any(_fits(pattern, file) for pattern in self.include):
            return False
        return not any(_fits(pattern, file) for pattern in self.exclude)


def _fits(pattern: str, file: RemoteFile) -> bool:
    path = "/".join((*file.folder, file.filename))
    if "/" not in pattern:
        return fnmatchcase(path.rsplit("/", 1)[-1], pattern)
    return fnmatchcase(path, pattern) or fnmatchcase(path, "*/" + pattern.lstrip("/"))


def select(
    client: FlowClient, words: Sequence[str], filters: Filters, out: Output, found: RequestedFiles
) -> None:
    """Walk the REFs and gather their files in `found`.

    A REF that is missing or refused is reported, and the others go on. Raises BadReference for what
    is no REF, before anything is asked, and FlowError where the service itself fails.
    """
    from flowtui.flow.refs import parse_ref

    refs = [parse_ref(word, client.server) for word in words]
    found.name = ", ".join(str(ref) for ref in refs[:3])
    if len(refs) > 3:
        found.name += f" and {len(refs) - 3} more"
    seen: set[str] = set()
    for ref in dict.fromkeys(refs):
        _walk_ref(client, ref, filters, found, seen, out)


def _walk_ref(
    client: FlowClient,
    ref: Ref,
    filters: Filters,
    found: RequestedFiles,
    seen: set[str],
    out: Output,
) -> None:
    from flowtui.flow.walk import walk

    def left_out(what: LeftOut) -> None:
        found.left_out += 1
        out.event("left_out", ref=str(ref), name=what.name, reason=what.why)
        out.say(f"flowtui: left out {one_line(what.name)}: {one_line(what.why)}")

    before = len(found.files), found.excluded, found.left_out
    try:
        for file in walk(client, ref, left_out=left_out):
            if file.key in seen:
                continue
            seen.add(file.key)
            if filters.wants(file):
                found.files.append(file)
            else:
                found.excluded += 1
    except (NotFound, Refused) as error:
        known = as_command_error(error)
        assert known is not None
        named = CommandError(f"{ref}: {known.message}", exit=known.exit, code=known.code)
        found.errors.append(named)
        out.error(named)
        return
    files = found.files[before[0] :]
    size = sum(file.size or 0 for file in files)
    unknown = sum(1 for file in files if file.size is None)
    out.event(
        "found",
        ref=str(ref),
        files=len(files),
        bytes=size,
        unknown_sizes=unknown,
        excluded=found.excluded - before[1],
        left_out=found.left_out - before[2],
    )
    text = f"{one_line(str(ref))}: {counted(len(files), 'file')}, {size_text(size)}"
    if unknown:
        text += f" and {counted(unknown, 'file')} of unknown size"
    if found.excluded > before[1]:
        text += f" ({counted(found.excluded - before[1], 'file')} excluded by the filters)"
    out.say(text)


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
    """Refused says more than absent."""
    return 1 if status is Exit.NOT_ALLOWED else 0
