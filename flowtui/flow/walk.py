"""From a reference to all the files it stands for, with the guide's layout of folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from flowtui.flow.errors import (
    AmbiguousReference,
    FlowError,
    Gone,
    NotFound,
    NotOffered,
    Refused,
)
from flowtui.flow.lookahead import Lookahead
from flowtui.flow.models import Data
from flowtui.flow.outputs import ambiguity, is_pattern, outputs_named
from flowtui.flow.parts import FAILING, Answer, Part, Row, in_order
from flowtui.flow.refs import Ref, RefKind
from flowtui.flow.remote_file import RemoteFile
from flowtui.text.printable import printable

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.models import Execution, Sample
    from flowtui.flow.pages import Pages
    from flowtui.flow.patient import Told


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


_SKIPPABLE = (NotFound, Refused, NotOffered, Gone, AmbiguousReference)
"""What may be so of one part of something larger, which then goes on without it."""

Skip = Callable[[str], bool]
"""Whether the thing of this key (`sample/34`, `data/789`, …) and all below it is not wanted."""


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
    ) -> None:
        """`left_out` is told of what is passed over; see `Skip` for `skip`.

        `failed` is told of references that lead nowhere, or not now; without it that is raised.
        `warned` is told of what comes, but not as it should; `told` why it is waited, and how long.
        """
        self._lists = Lookahead()
        self._parts = Lookahead()
        self._client, self._reader = client.walking(told, self._lists.map)
        self._left_out = left_out
        self._skip = skip
        self._failed = failed
        self._warned = warned
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
        return self._take(self._parts_of(ref))

    def files_of(self, refs: Iterable[Ref]) -> Iterator[tuple[Ref, RemoteFile | None]]:
        """The files of all of `refs`, each with the first that has it; None after a ref's last.

        Raises FlowError.
        """
        for part, answer in self._answers(part for ref in refs for part in self._parts_of(ref)):
            for file in self._taken(part, answer):
                yield part.ref, file
            if part.is_last:
                yield part.ref, None

    def samples(self, project_id: str) -> Iterator[RemoteFile]:
        """The files of a project's samples."""
        ref, name = Ref(RefKind.PROJECT, project_id), self._project_name(project_id)
        return self._take(self._samples(ref, name))

    def executions(self, project_id: str) -> Iterator[RemoteFile]:
        """The outputs of a project's executions."""
        ref, name = Ref(RefKind.PROJECT, project_id), self._project_name(project_id)
        return self._take(self._executions(ref, name))

    def sample_executions(self, sample_id: str, folder: tuple[str, ...]) -> Iterator[RemoteFile]:
        """The outputs of a sample's executions, below `folder`."""
        rows = self._client.sample_executions(sample_id)
        parts = self._executions_of(Ref(RefKind.SAMPLE, sample_id), rows, folder)
        return self._take(parts)

    def _project_name(self, project_id: str) -> str:
        project = self._client.project(project_id)
        return project.name or project.id

    # From references to parts

    def _parts_of(self, ref: Ref) -> Iterator[Part]:
        if ref.kind is RefKind.PROJECT:
            yield from self._project(ref)
            yield Part(ref, "", Answer, is_last=True)
        elif ref.kind is RefKind.SAMPLE:
            yield Part(ref, str(ref), lambda: self._ask_sample(ref.id), is_ref=True, is_last=True)
        elif ref.kind is RefKind.DATA:
            yield Part(ref, str(ref), lambda: self._ask_data(ref.id), is_ref=True, is_last=True)
        elif ref.path is not None:
            yield Part(
                ref, str(ref), lambda: self._ask_output(ref), "output", is_ref=True, is_last=True
            )
        else:
            folder = ("executions", ref.id)
            ask = partial(self._ask_execution, ref.id, folder)
            yield Part(ref, str(ref), ask, "output", is_ref=True, is_last=True)

    def _project(self, ref: Ref) -> Iterator[Part]:
        try:
            name = self._project_name(ref.id)
            yield from self._samples(ref, name)
        except (*_SKIPPABLE, *FAILING) as error:
            yield Part(ref, str(ref), partial(_raise, error), is_ref=True)
            return
        yield from self._executions(ref, name)

    def _samples(self, ref: Ref, name: str) -> Iterator[Part]:
        samples = self._client.project_samples(ref.id)
        for sample in samples:
            if not self._skip(f"sample/{sample.id}"):
                called = sample.name or sample.id
                ask = partial(self._ask_sample_files, sample, (name, called))
                yield Part(ref, called, ask)
        yield Part(ref, name, lambda: Answer([], samples.unreadable), "sample")

    def _executions(self, ref: Ref, name: str) -> Iterator[Part]:
        yield from self._executions_of(ref, self._client.project_executions(ref.id), (name,))

    def _executions_of(
        self, ref: Ref, rows: Pages[Execution], folder: tuple[str, ...]
    ) -> Iterator[Part]:
        try:
            for row in rows:
                if not self._skip(f"execution/{row.id}"):
                    ask = partial(self._ask_execution, row.id, (*folder, "executions", row.id))
                    yield Part(ref, row.label, ask, "output")
        except (*_SKIPPABLE, *FAILING) as error:
            # Not the documented dialect's lack of such a list, which is an empty one here.
            yield Part(ref, f"executions of {folder[-1]}", partial(_raise, error))
            return
        yield Part(ref, folder[-1], lambda: Answer([], rows.unreadable), "execution")

    # Questions, asked in threads

    def _ask_sample(self, id_: str) -> Answer:
        sample = self._client.sample(id_)
        return self._ask_sample_files(sample, ("samples", sample.name or sample.id))

    def _ask_sample_files(self, sample: Sample, folder: tuple[str, ...]) -> Answer:
        if sample.data is not None and _has_sizes(sample.data):
            found, unreadable = list(sample.data), sample.unreadable
        else:
            listed = self._client.sample_data(sample.id)
            found, unreadable = list(listed), listed.unreadable
        whose = f"sample/{sample.id}"
        rows = [
            Row(data, folder, sample.name, whose, fileset)
            for data, fileset in zip(found, self._filesets(sample, found), strict=True)
        ]
        return Answer(rows, unreadable, sample.name)

    def _filesets(self, sample: Sample, found: list[Data]) -> list[str]:
        """The set that each file of a sample is of where names come twice, else "".

        Lists do not tell the sets, the sample's own record does. Where that does not either, what
        was uploaded at the same second is one set.
        """
        names = Counter(data.filename.casefold() for data in found if not data.pipeline_name)
        twice = {name for name, times in names.items() if times > 1}
        if not twice:
            return [""] * len(found)
        detail = sample
        if not any(data.fileset_id for data in (*found, *(sample.data or ()))):
            detail = self._client.sample(sample.id)
        known = {data.id: data.fileset_id for data in (*(detail.data or ()), *found)
                 if data.id is not None and data.fileset_id}  # fmt: skip
        sets = [known.get(data.id or "") or _upload_of(data) for data in found]
        # Only sets that share a name with another one need to be told apart.
        shared = {set_ for data, set_ in zip(found, sets, strict=True)
                  if data.filename.casefold() in twice}  # fmt: skip
        return [set_ if set_ in shared else "" for set_ in sets]

    def _ask_data(self, id_: str) -> Answer:
        data = self._client.data(id_)
        return Answer([Row(data, ("data",), fileset=data.fileset_id or "")])

    def _ask_execution(self, id_: str, folder: tuple[str, ...]) -> Answer:
        execution = self._client.execution(id_)
        rows = [
            Row(data, _inside(folder, data), execution.sample_name)
            for data in execution.outputs or ()
        ]
        return Answer(rows, execution.unreadable, execution.label)

    def _ask_output(self, ref: Ref) -> Answer:
        """Outputs by a path or a pattern; one also where the server cannot list the others."""
        folder, path = ("executions", ref.id), ref.path or ""
        try:
            outputs = self._client.execution(ref.id).outputs or ()
        except (NotFound, NotOffered):
            outputs = ()
        chosen = outputs_named(outputs, path)
        if len(chosen) > 1 and not is_pattern(path):
            raise AmbiguousReference(ambiguity(ref, chosen))
        if chosen:
            return Answer([Row(data, _inside(folder, data)) for data in chosen])
        if outputs:
            raise NotFound(f"{printable(str(ref))} is not an output of that execution", status=404)
        return Answer([Row(Data(filename=path, execution_id=ref.id), folder)])

    # Answers, taken in order

    def _answers(self, parts: Iterable[Part]) -> Iterator[tuple[Part, Answer | FlowError]]:
        return in_order(parts, self._parts, self._reader.wait)

    def _take(self, parts: Iterable[Part]) -> Iterator[RemoteFile]:
        for part, answer in self._answers(parts):
            yield from self._taken(part, answer)

    def _taken(self, part: Part, answer: Answer | FlowError) -> Iterator[RemoteFile]:
        if isinstance(answer, Answer):
            for row in answer.rows:
                yield from self._file(part.ref, row)
            self._unreadable(part, answer)
        elif not isinstance(answer, (*_SKIPPABLE, *FAILING)) or (
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
            file = remote_file(*row)
        except ValueError as error:
            self._left_out(LeftOut(data.filename, str(error), ref))
            return
        if file.key in self._seen:
            return
        self._seen.add(file.key)
        if data.unreadable_md5 and not data.is_removed:
            why = f"cannot read its md5 ({printable(data.unreadable_md5)}); it is not compared"
            self._warned(LeftOut(data.filename, why, ref))
        if data.is_removed:
            self._left_out(LeftOut(data.filename, "it was removed from Flow", ref, removed=True))
        elif not self._skip(file.key):
            yield file


def _raise(error: FlowError) -> Answer:
    raise error


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


def _upload_of(data: Data) -> str:
    """What an input was uploaded with, as far as the moment tells it."""
    if data.pipeline_name or data.created is None:
        return ""
    return f"uploaded {int(data.created.timestamp())}"


def remote_file(
    data: Data,
    folder: tuple[str, ...],
    sample: str | None = None,
    belongs_to: str = "",
    fileset: str = "",
) -> RemoteFile:
    """A record as a file that can be downloaded; see `RemoteFile` for the rest.

    Raises ValueError, with a message for people, for a record that does not say where the file is.
    """
    if not data.filename:
        raise ValueError("it has no name on Flow")
    if data.id is not None:
        key = f"data/{data.id}"
        url = f"/downloads/{quote(data.id, safe='')}/{quote(data.filename, safe='')}"
    elif data.execution_id is not None:
        if any(part in ("", ".", "..") for part in data.filename.split("/")):
            raise ValueError("its path leads outside the execution")
        key = f"execution/{data.execution_id}/{data.filename}"
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
    )


def _inside(folder: tuple[str, ...], data: Data) -> tuple[str, ...]:
    """The folder of an output: several processes may each have one of the same name."""
    if data.process_name and "/" not in data.filename:
        return (*folder, data.process_name)
    return folder


def _has_sizes(rows: tuple[Data, ...]) -> bool:
    """Whether inlined rows are whole records; the live service inlines the inputs only."""
    return bool(rows) and all(row.size is not None and row.download_url for row in rows)
