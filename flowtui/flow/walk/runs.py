"""Which run and process made an output, and the folders that it goes to by that.

Lists of a sample's files name the pipeline and the process of an output but not the run, so that
files of one name from different runs look alike there. The run's own record tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from flowtui.flow.errors import FAILING, SKIPPABLE
from flowtui.flow.models import Data
from flowtui.flow.remote_file import Origin
from flowtui.flow.walk.rows import Row

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.models import Execution


def is_output(data: Data) -> bool:
    """Whether a run made it; else it was uploaded."""
    return bool(data.pipeline_name or data.process_name or data.execution_id)


def origin_of(data: Data, execution: Execution | None = None, project: str | None = None) -> Origin:
    """Where a file comes from, as far as its own record and that of its run tell."""
    project = project or data.project_name or ""
    if execution is None:
        return Origin(
            project=project,
            execution=data.execution_id or "",
            pipeline=data.pipeline_name or "",
            process=data.process_label or data.process_name or "",
        )
    return Origin(
        project=project or execution.project_name or "",
        execution=execution.id,
        run=execution.label if execution.label != execution.id else "",
        pipeline=execution.pipeline_name or data.pipeline_name or "",
        pipeline_version=execution.pipeline_version or "",
        process=data.process_label or data.process_name or "",
    )


def run_folder(origin: Origin) -> str:
    """What the folder of a run is called: pipeline, the run's name and its id, which is its own.

    Names of runs (`mad_curie`) come again: Nextflow has some 20,000 of them.
    """
    return "_".join(part for part in (origin.pipeline, origin.run, origin.execution) if part)


def inside(data: Data, origin: Origin, *, of_run: bool = False) -> tuple[str, ...]:
    """The folders of an output below its sample's, project's or (`of_run`) execution's.

    A name is unique only within a process with its tag. Where the service gives a path below the
    execution, that is the place of the file there.
    """
    run = run_folder(origin)
    if "/" in data.filename or not origin.process:
        return () if of_run or not run else (run,)
    return (run, origin.process) if run else (origin.process,)


class Runs:
    """The runs that a walk has met, each asked for once, whoever needs it. For many threads."""

    def __init__(self, client: FlowClient) -> None:
        self._client = client
        self._lock = Lock()
        self._asked: dict[str, Future[dict[str, Origin]]] = {}

    def made_by(self, execution: Execution) -> dict[str, Origin]:
        """Data id → where it comes from, of one run's outputs; nothing where it cannot be read.

        Then the files come all the same, only not by the run's name. Raises NotSignedIn and the
        like.
        """
        try:
            return self._asked_once(execution)
        except (*SKIPPABLE, *FAILING):
            return {}

    def _asked_once(self, execution: Execution) -> dict[str, Origin]:
        with self._lock:
            future = self._asked.get(execution.id)
            is_mine = future is None
            if future is None:
                future = self._asked[execution.id] = Future()
        if is_mine:
            try:
                found = named_by(execution, self._client.execution(execution.id))
                future.set_result(_made_by(found))
            except BaseException as error:  # noqa: BLE001
                # Whoever waits meets the same; whoever comes later asks again.
                with self._lock:
                    del self._asked[execution.id]
                future.set_exception(error)
        return future.result()


def named_by(listed: Execution | None, detail: Execution) -> Execution:
    """A run's record, with the names that the list which it was found in has for it.

    So its folder is called alike whichever way it was found; not every detail repeats them.
    """
    if listed is None:
        return detail
    return replace(
        detail,
        identifier=listed.identifier or detail.identifier,
        name=listed.name or detail.name,
        pipeline_name=listed.pipeline_name or detail.pipeline_name,
        pipeline_version=listed.pipeline_version or detail.pipeline_version,
        sample_name=listed.sample_name or detail.sample_name,
    )


def _made_by(execution: Execution) -> dict[str, Origin]:
    return {
        data.id: origin_of(data, execution)
        for data in execution.outputs or ()
        if data.id is not None
    }


class _Listed(NamedTuple):
    """What is kept of an output that a sample's list names: little, there may be very many."""

    filename: str
    size: int | None
    md5: str | None
    unreadable_md5: str
    pipeline: str | None
    process: str | None
    sample: str | None
    belongs_to: str
    folder: tuple[str, ...]
    project: str


class ListedOutputs:
    """The outputs that the lists of a project's samples name, until their runs place them."""

    def __init__(self) -> None:
        self._listed: dict[str, _Listed] = {}

    def __bool__(self) -> bool:
        return bool(self._listed)

    def add(self, row: Row) -> bool:
        """Keep one for later, and whether that can be; the first sample that has it keeps it."""
        data = row.data
        if not row.listed or data.id is None:
            return False
        listed = _Listed(data.filename, data.size, data.md5, data.unreadable_md5,
                         data.pipeline_name, data.process_name, row.sample, row.belongs_to,
                         row.folder, row.origin.project)  # fmt: skip
        self._listed.setdefault(data.id, listed)
        return True

    def placed(self, row: Row) -> Row | None:
        """A run's row, with its sample and that one's folder; None where no sample has it."""
        listed = self._listed.pop(row.data.id, None) if row.data.id is not None else None
        if listed is None:
            return None
        data = row.data
        return row._replace(
            data=replace(
                data,
                size=listed.size if data.size is None else data.size,
                md5=listed.md5 if data.md5 is None else data.md5,
            ),
            folder=listed.folder,
            sample=listed.sample,
            belongs_to=listed.belongs_to,
        )

    def drop(self, id_: str | None) -> None:
        """One of them is not wanted."""
        if id_ is not None:
            self._listed.pop(id_, None)

    def rest(self) -> Iterator[Row]:
        """Those that no run was found for, each taken as it is given."""
        while self._listed:
            id_ = next(iter(self._listed))
            listed = self._listed.pop(id_)
            data = Data(
                id=id_,
                filename=listed.filename,
                size=listed.size,
                md5=listed.md5,
                unreadable_md5=listed.unreadable_md5,
                pipeline_name=listed.pipeline,
                process_name=listed.process,
            )
            origin = origin_of(data, project=listed.project)
            yield Row(data, listed.folder, listed.sample, listed.belongs_to,
                      within=inside(data, origin), origin=origin)  # fmt: skip


def placed_by(made: Iterable[dict[str, Origin]], rows: Sequence[Row]) -> Iterator[Row]:
    """The rows of one sample's list, its outputs placed by the runs that made them.

    Asks for no more of `made` than it needs. What no run claims goes by pipeline and process.
    """
    left = {row.data.id for row in rows if row.listed and row.data.id is not None}
    found: dict[str, Origin] = {}
    if left:
        for by_id in made:
            mine = left & by_id.keys()
            found.update((id_, by_id[id_]) for id_ in mine if id_ is not None)
            left -= mine
            if not left:
                break
    for row in rows:
        if not row.listed:
            yield row
            continue
        known = found.get(row.data.id or "")
        project = row.origin.project
        origin = origin_of(row.data, project=project) if known is None else known
        if project and not origin.project:
            origin = replace(origin, project=project)
        yield row._replace(within=inside(row.data, origin), origin=origin)
