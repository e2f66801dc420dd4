"""From a reference to all the files it stands for, with the guide's layout of folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from flowtui.flow.errors import Gone, NotFound, NotOffered, Refused
from flowtui.flow.refs import Ref, RefKind
from flowtui.flow.remote_file import RemoteFile
from flowtui.text.printable import printable

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.models import Data, Execution, Sample
    from flowtui.flow.pages import Pages


@dataclass(frozen=True)
class LeftOut:
    """Something that will not be downloaded, and why.

    Attributes:
        denied: whether this account may not see it (403, 404), so that access is what is missing.
    """

    name: str
    why: str
    denied: bool = False


_SKIPPABLE = (NotFound, Refused, NotOffered, Gone)
"""What may be so of one part of something larger, which then goes on without it."""

Skip = Callable[[str], bool]
"""Whether the thing of this key (`sample/34`, `data/789`, …) and all below it is not wanted."""


class Walk:
    """One walk over what a reference stands for; each file comes once.

    Attributes:
        left_out: told of what is passed over.
        skip: see `Skip`.
    """

    def __init__(
        self,
        client: FlowClient,
        left_out: Callable[[LeftOut], None] = lambda what: None,
        skip: Skip = lambda key: False,
    ) -> None:
        self._client = client
        self._left_out = left_out
        self._skip = skip
        self._seen: set[str] = set()

    def files(self, ref: Ref) -> Iterator[RemoteFile]:
        """The files of `ref`. Raises FlowError."""
        if ref.kind is RefKind.PROJECT:
            yield from self._project(ref)
        elif ref.kind is RefKind.SAMPLE:
            sample = self._client.sample(ref.id)
            yield from self._sample(sample, ("samples", sample.name or sample.id))
        elif ref.kind is RefKind.DATA:
            yield from self._file(self._client.data(ref.id), ("data",))
        elif ref.path is not None:
            yield from self._output(ref)
        else:
            yield from self._execution(self._client.execution(ref.id), ("executions", ref.id))

    def samples(self, project_id: str) -> Iterator[RemoteFile]:
        """The files of a project's samples."""
        project = self._client.project(project_id)
        yield from self._samples(project_id, project.name or project.id)

    def executions(self, project_id: str) -> Iterator[RemoteFile]:
        """The outputs of a project's executions."""
        project = self._client.project(project_id)
        yield from self._executions(project_id, project.name or project.id)

    def _project(self, ref: Ref) -> Iterator[RemoteFile]:
        project = self._client.project(ref.id)
        name = project.name or project.id
        yield from self._samples(ref.id, name)
        yield from self._executions(ref.id, name)

    def _samples(self, project_id: str, name: str) -> Iterator[RemoteFile]:
        samples = self._client.project_samples(project_id)
        for sample in samples:
            if not self._skip(f"sample/{sample.id}"):
                yield from self._guarded(
                    sample.name or sample.id, self._sample(sample, (name, sample.name or sample.id))
                )
        self._unreadable(name, samples.unreadable, "sample")

    def _executions(self, project_id: str, name: str) -> Iterator[RemoteFile]:
        yield from self.executions_of(self._client.project_executions(project_id), (name,))

    def executions_of(
        self, rows: Pages[Execution], folder: tuple[str, ...]
    ) -> Iterator[RemoteFile]:
        """The outputs of listed executions, below `folder`."""
        try:
            listed = list(rows)
        except _SKIPPABLE as error:
            # Not the documented dialect's lack of such a list, which is an empty one here.
            denied = isinstance(error, NotFound | Refused)
            self._left_out(LeftOut(f"executions of {folder[-1]}", error.message, denied=denied))
            return
        for row in listed:
            if self._skip(f"execution/{row.id}"):
                continue
            inside = (*folder, "executions", row.id)
            yield from self._guarded(row.label, self._execution_of(row.id, inside))
        self._unreadable(folder[-1], rows.unreadable, "execution")

    def _execution_of(self, id_: str, folder: tuple[str, ...]) -> Iterator[RemoteFile]:
        yield from self._execution(self._client.execution(id_), folder)

    def _guarded(self, name: str, files: Iterator[RemoteFile]) -> Iterator[RemoteFile]:
        """One part of something larger: that it may not be seen is told, and the rest goes on."""
        try:
            yield from files
        except _SKIPPABLE as error:
            denied = isinstance(error, NotFound | Refused)
            self._left_out(LeftOut(name, error.message, denied=denied))

    def _unreadable(self, name: str, count: int, what: str) -> None:
        """Say that something will be missing: a download that looks whole must be whole."""
        if count:
            records = f"{count} {what} record{'s' if count > 1 else ''}"
            self._left_out(LeftOut(name, f"cannot read {records}"))

    def _sample(self, sample: Sample, folder: tuple[str, ...]) -> Iterator[RemoteFile]:
        name = sample.name or sample.id
        if sample.data is not None and _has_sizes(sample.data):
            for data in sample.data:
                yield from self._file(data, folder, sample.name)
            self._unreadable(name, sample.unreadable, "file")
            return
        listed = self._client.sample_data(sample.id)
        for data in listed:
            yield from self._file(data, folder, sample.name)
        self._unreadable(name, listed.unreadable, "file")

    def _execution(self, execution: Execution, folder: tuple[str, ...]) -> Iterator[RemoteFile]:
        for data in execution.outputs or ():
            yield from self._file(data, _inside(folder, data), execution.sample_name)
        self._unreadable(execution.label, execution.unreadable, "output")

    def _output(self, ref: Ref) -> Iterator[RemoteFile]:
        """One output by its path, also where the server cannot list the others."""
        folder, path = ("executions", ref.id), ref.path or ""
        try:
            outputs = self._client.execution(ref.id).outputs or ()
        except (NotFound, NotOffered):
            outputs = ()
        for data in outputs:
            if path in (data.filename, f"{data.process_name}/{data.filename}"):
                yield from self._file(data, _inside(folder, data))
                return
        # The live service has no paths: there the name has to do, if only one output has it.
        name = path.rpartition("/")[2]
        named = [data for data in outputs if data.filename == name]
        if len(named) == 1:
            yield from self._file(named[0], _inside(folder, named[0]))
            return
        if outputs:
            raise NotFound(f"{printable(str(ref))} is not an output of that execution", status=404)
        yield RemoteFile(
            key=str(ref),
            filename=path,
            url=f"/executions/{quote(ref.id, safe='')}/{quote(path, safe='/')}",
            folder=folder,
        )

    def _file(
        self, data: Data, folder: tuple[str, ...], sample: str | None = None
    ) -> Iterator[RemoteFile]:
        try:
            file = remote_file(data, folder, sample)
        except ValueError as error:
            self._left_out(LeftOut(data.filename, str(error)))
            return
        if file.key in self._seen:
            return
        self._seen.add(file.key)
        if data.is_removed:
            self._left_out(LeftOut(data.filename, "it was removed from Flow"))
        elif data.is_directory:
            self._left_out(
                LeftOut(data.filename, "it is a folder, which Flow offers only in archives")
            )
        elif not self._skip(file.key):
            yield file


def walk(
    client: FlowClient,
    ref: Ref,
    *,
    left_out: Callable[[LeftOut], None] | None = None,
    skip: Skip | None = None,
) -> Iterator[RemoteFile]:
    """All files that `ref` stands for, each once, fetched as they are asked for.

    A project is the files of all its samples, then the outputs of its executions that are not
    among them. Raises FlowError.
    """
    steps = Walk(client, left_out or (lambda what: None), skip or (lambda key: False))
    return steps.files(ref)


def remote_file(data: Data, folder: tuple[str, ...], sample: str | None = None) -> RemoteFile:
    """A record as a file that can be downloaded.

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
    return RemoteFile(
        key=key,
        filename=data.filename,
        url=data.download_url or url,
        folder=folder,
        size=data.size,
        md5=data.md5,
        data_id=data.id,
        sample=sample or data.sample_name,
    )


def _inside(folder: tuple[str, ...], data: Data) -> tuple[str, ...]:
    """The folder of an output: several processes may each have one of the same name."""
    if data.process_name and "/" not in data.filename:
        return (*folder, data.process_name)
    return folder


def _has_sizes(rows: tuple[Data, ...]) -> bool:
    """Whether inlined rows are whole records; the live service inlines the inputs only."""
    return bool(rows) and all(row.size is not None and row.download_url for row in rows)
