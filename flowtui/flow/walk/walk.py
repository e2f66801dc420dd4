"""From a reference to all the files it stands for, with the guide's layout of folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from flowtui.flow.errors import FAILING, SKIPPABLE, FlowError, NotFound, Refused
from flowtui.flow.fields import is_writable
from flowtui.flow.refs import Ref, RefKind
from flowtui.flow.remote_file import NOWHERE, RECORD, Origin, RemoteFile
from flowtui.flow.walk.lookahead import Lookahead
from flowtui.flow.walk.parts import Answer, Part, in_order
from flowtui.flow.walk.queries import Queries, output_row
from flowtui.flow.walk.questions import Questions, Skip
from flowtui.flow.walk.rows import Row
from flowtui.flow.walk.runs import origin_of
from flowtui.text.printable import printable

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.models import Data, Execution
    from flowtui.flow.walk.patient import Told


@dataclass(frozen=True)
class LeftOut:
    """Something that will not be downloaded, and why.

    Attributes:
        ref: what was asked for that it belongs to.
        denied: whether this account may not see it (403, 404), so that access is what is missing.
        removed: whether Flow says that it is no more, so that nothing is missing.
    """

    name: str
    why: str
    ref: Ref | None = None
    denied: bool = False
    removed: bool = False


class Walk:
    """One walk over what references stand for; each file comes once.

    What is below a project is asked for side by side, ahead of what is taken, and comes in order.
    A part that cannot be had is left out, and the rest comes. Where several in a row fail it is
    the server that does: then it is waited for. Close it when no more is wanted.
    """

    def __init__(
        self,
        client: FlowClient,
        left_out: Callable[[LeftOut], None] = lambda what: None,
        skip: Skip = lambda key: False,
        *,
        failed: Callable[[Ref, FlowError], None] | None = None,
        warned: Callable[[LeftOut], None] = lambda what: None,
        told: Told = lambda why, seconds: None,
        records: bool = False,
        unwanted: Callable[[Data], bool] = lambda data: False,
    ) -> None:
        """`left_out` is told of what is passed over; see `Skip` for `skip`.

        `failed` is told of references that lead nowhere, or not now; without it that is raised.
        `warned` is told of what comes, but not as it should; `told` why it is waited, and how long.
        `records`: with the records of runs, see `run_records`. `unwanted`: see `Data`; passed over.
        """
        self._lists = Lookahead()
        self._parts = Lookahead()
        walking, self._reader = client.walking(told, self._lists.map)
        self._queries = Queries(walking, self._lists)
        self._questions = Questions(walking, self._queries, skip, records=records)
        self._left_out = left_out
        self._skip = skip
        self._failed = failed
        self._warned = warned
        self._unwanted = unwanted
        self._seen: set[str] = set()

    def close(self) -> None:
        """Ask for nothing more."""
        self._parts.close()
        self._lists.close()

    def __enter__(self) -> Walk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def files(self, ref: Ref) -> Iterator[RemoteFile]:
        """The files of `ref`. Raises FlowError."""
        return self._take(self._questions.of(ref))

    def files_of(self, refs: Iterable[Ref]) -> Iterator[tuple[Ref, RemoteFile | None]]:
        """The files of all of `refs`, each with the first that has it; None after a ref's last.

        Raises FlowError.
        """
        for part, answer in self._answers(part for ref in refs for part in self._questions.of(ref)):
            for file in self._taken(part, answer):
                yield part.ref, file
            if part.is_last:
                yield part.ref, None

    def samples(self, project_id: str) -> Iterator[RemoteFile]:
        """The files of a project's samples."""
        return self._take(self._questions.samples(project_id))

    def executions(self, project_id: str) -> Iterator[RemoteFile]:
        """The outputs of a project's executions."""
        return self._take(self._questions.executions(project_id))

    def sample_executions(self, sample_id: str) -> Iterator[RemoteFile]:
        """The outputs of a sample's executions, each where the execution by itself has them."""
        return self._take(self._questions.sample_executions(sample_id))

    def sample_files(self, sample_id: str, wanted: Iterable[str]) -> Iterator[RemoteFile]:
        """Those of a sample's files that have these keys, where the whole sample has them.

        What the sample does not have any more is left out. Raises FlowError.
        """
        ref = Ref(RefKind.SAMPLE, sample_id)
        missing = dict.fromkeys(wanted)
        if not missing:
            return
        answer = self._queries.sample(sample_id)
        for row in answer.rows:
            if (key := key_of(row.data)) in missing:
                del missing[key]
                yield from self._file(ref, row)
        for key in missing:
            self._left_out(LeftOut(key, f"{ref} does not have it any more", ref))

    def data_file(self, data: Data, folder: tuple[str, ...] = ("data",)) -> Iterator[RemoteFile]:
        """A file by itself, as `data/ID` names it; none where it is left out."""
        row = Row(data, folder, fileset=data.fileset_id or "", origin=origin_of(data))
        yield from self._file(Ref(RefKind.DATA, data.id or ""), row)

    def run_file(self, execution: Execution, data: Data) -> Iterator[RemoteFile]:
        """One output of an execution; none where it is left out."""
        row = output_row(data, execution, ("executions", execution.id))
        yield from self._file(Ref(RefKind.EXECUTION, execution.id), row)

    # Answers, taken in order

    def _answers(self, parts: Iterable[Part]) -> Iterator[tuple[Part, Answer | FlowError]]:
        return in_order(parts, self._parts, self._reader.wait)

    def _take(self, parts: Iterable[Part]) -> Iterator[RemoteFile]:
        for part, answer in self._answers(parts):
            yield from self._taken(part, answer)

    def _taken(self, part: Part, answer: Answer | FlowError) -> Iterator[RemoteFile]:
        if isinstance(answer, Answer):
            for row in _to_come(part, answer.rows):
                yield from self._file(part.ref, row)
            self._unreadable(part, answer)
        elif not isinstance(answer, (*SKIPPABLE, *FAILING)) or (
            part.is_ref and self._failed is None
        ):
            raise answer
        elif part.is_ref and self._failed is not None:
            self._failed(part.ref, answer)
        else:
            denied = isinstance(answer, NotFound | Refused)
            self._left_out(LeftOut(part.name, answer.message, part.ref, denied=denied))

    def _unreadable(self, part: Part, answer: Answer) -> None:
        """Say that something will be missing: a download that looks whole must be whole."""
        if count := answer.unreadable:
            records = f"{count} {part.kind} record{'s' if count > 1 else ''}"
            self._left_out(LeftOut(answer.name or part.name, f"cannot read {records}", part.ref))

    def _file(self, ref: Ref, row: Row) -> Iterator[RemoteFile]:
        data = row.data
        try:
            file = record_file(row) if row.is_record else remote_file(*row[:-2])
        except ValueError as error:
            self._left_out(LeftOut(_shown(data.filename), str(error), ref))
            return
        if file.key in self._seen:
            return
        self._seen.add(file.key)
        if data.unreadable_md5 and not data.is_removed:
            why = f"cannot read its md5 ({printable(data.unreadable_md5)}); it is not compared"
            self._warned(LeftOut(data.filename, why, ref))
        if data.is_removed:
            self._left_out(LeftOut(data.filename, "it was removed from Flow", ref, removed=True))
        elif not self._skip(file.key) and not (self._unwanted(data) and not row.is_record):
            yield file


def _to_come(part: Part, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows of a part that come now; a sample's outputs come with their runs."""
    if part.outputs is None:
        yield from rows
        return
    for row in rows:
        if part.outputs.add(row):
            continue
        placed = part.outputs.placed(row)
        if placed is not None or not part.only_listed:
            yield placed or row


def walk(
    client: FlowClient,
    ref: Ref,
    *,
    left_out: Callable[[LeftOut], None] = lambda what: None,
    skip: Skip = lambda key: False,
    told: Told = lambda why, seconds: None,
) -> Iterator[RemoteFile]:
    """All files that `ref` stands for, each once, asked for ahead of what is taken.

    A project is the files of all its samples, then the outputs of its executions that are not
    among them. Raises FlowError.
    """
    with Walk(client, left_out, skip, told=told) as steps:
        yield from steps.files(ref)


def key_of(data: Data) -> str:
    """What names a file on the server, `data/789`; empty where its record does not say that."""
    if data.id is not None:
        return f"data/{data.id}"
    return "" if data.execution_id is None else f"execution/{data.execution_id}/{data.filename}"


MOST_FOLDERS = 64
"""Folders that the path of an output may have; systems take some thousands of characters."""


def _shown(name: str) -> str:
    """A name as it stands in a sentence."""
    return name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}…"


LONGEST_SHOWN = 200


def record_file(row: Row) -> RemoteFile:
    """A record of a run as a file, which is made of Flow's answer where it is downloaded."""
    name, run = row.data.filename, row.origin.execution
    return RemoteFile(
        key=f"record/{run}/{name}",
        filename=name,
        url=f"{RECORD}{run}/{name}",
        folder=row.folder,
        sample=row.sample,
        belongs_to=row.belongs_to,
        within=row.within,
        origin=row.origin,
    )


def remote_file(
    data: Data,
    folder: tuple[str, ...],
    sample: str | None = None,
    belongs_to: str = "",
    fileset: str = "",
    within: tuple[str, ...] = (),
    origin: Origin = NOWHERE,
) -> RemoteFile:
    """A record as a file that can be downloaded; see `RemoteFile` for the rest.

    Raises ValueError, with a message for people, for a record that does not say where the file is.
    """
    if not data.filename:
        raise ValueError("it has no name on Flow")
    if not is_writable(data.filename):
        raise ValueError("its name on Flow is damaged: it has halves of characters")
    if data.filename.count("/") > MOST_FOLDERS:
        raise ValueError(f"its path on Flow has more than {MOST_FOLDERS} folders")
    key = key_of(data)
    if data.id is not None:
        url = f"/downloads/{quote(data.id, safe='')}/{quote(data.filename, safe='')}"
    elif data.execution_id is not None:
        if any(part in ("", ".", "..") for part in data.filename.split("/")):
            raise ValueError("its path leads outside the execution")
        url = f"/executions/{quote(data.execution_id, safe='')}/{quote(data.filename, safe='/')}"
    else:
        raise ValueError("it has no id on Flow")
    # A folder comes as a ZIP, from its own name or from that of the ZIP.
    ending = ".zip" if data.is_directory and not data.filename.lower().endswith(".zip") else ""
    return RemoteFile(
        key=key,
        filename=data.filename + ending,
        url=data.download_url or url,
        folder=folder,
        size=data.size,
        md5=data.md5,
        data_id=data.id,
        sample=sample or data.sample_name,
        belongs_to=belongs_to,
        fileset=fileset,
        within=within,
        origin=origin,
    )
