"""One question of a walk to Flow: what a sample, a file, a run or an output is made of, as rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from flowtui.flow.errors import (
    FAILING,
    SKIPPABLE,
    AmbiguousReference,
    NotFound,
    NotOffered,
)
from flowtui.flow.models import Data, Execution
from flowtui.flow.refs import Ref
from flowtui.flow.remote_file import Origin
from flowtui.flow.walk.outputs import ambiguity, is_pattern, outputs_below, outputs_named
from flowtui.flow.walk.parts import Answer
from flowtui.flow.walk.rows import Row
from flowtui.flow.walk.run_records import FOLDER as RECORDS
from flowtui.flow.walk.runs import (
    ListedOutputs,
    Runs,
    inside,
    is_output,
    named_by,
    origin_of,
    placed_by,
    run_folder,
)
from flowtui.text.printable import printable

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.models import Sample
    from flowtui.flow.walk.lookahead import Lookahead


class Queries:
    """Asks Flow for one thing; all methods raise FlowError, and may be called in many threads."""

    def __init__(self, client: FlowClient, lists: Lookahead) -> None:
        """`lists` asks for what needs several questions, side by side."""
        self._client = client
        self._lists = lists
        self._runs = Runs(client)

    def placed(self, sample_id: str, rows: list[Row]) -> Iterator[Row]:
        """A sample's files, its outputs placed by its runs, which are asked for side by side."""

        def made() -> Iterator[dict[str, Origin]]:
            try:
                runs = self._client.sample_executions(sample_id)
                yield from self._lists.map(self._runs.made_by, runs)
            except (*SKIPPABLE, *FAILING):
                return  # the files come all the same, only not by the runs' names

        return placed_by(made(), rows)

    def sample(self, id_: str) -> Answer:
        """A sample's files, its outputs placed by its runs."""
        sample = self._client.sample(id_)
        folder = ("samples", sample.name or sample.id)
        answer = self.sample_files(sample, folder, sample.project_name or "")
        return replace(answer, rows=list(self.placed(id_, list(answer.rows))))

    def sample_files(self, sample: Sample, folder: tuple[str, ...], project: str) -> Answer:
        """A sample's files as lists tell them, below `folder`."""
        if sample.data is not None and sample.has_whole_files:
            found, unreadable = list(sample.data), sample.unreadable
        else:
            listed = self._client.sample_data(sample.id)
            found, unreadable = list(listed), listed.unreadable
        whose, origin = f"sample/{sample.id}", Origin(project=project)
        rows = [
            Row(data, folder, sample.name, whose, fileset, origin=origin,
                listed=is_output(data) and not data.is_removed)
            for data, fileset in zip(found, self._filesets(sample, found), strict=True)
        ]  # fmt: skip
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

    def data(self, id_: str) -> Answer:
        """One file."""
        data = self._client.data(id_)
        return Answer([Row(data, ("data",), fileset=data.fileset_id or "", origin=origin_of(data))])

    def execution(
        self,
        id_: str,
        folder: tuple[str, ...],
        belongs_to: str = "",
        project: str = "",
        listed: Execution | None = None,
    ) -> Answer:
        """The outputs of a run; `listed` is its row in a list, which may tell its name."""
        execution = named_by(listed, self._client.execution(id_))
        rows = [
            output_row(data, execution, folder, belongs_to, project)
            for data in execution.outputs or ()
        ]
        return Answer(rows, execution.unreadable, execution.label)

    def records(
        self,
        listed: Execution,
        folder: tuple[str, ...],
        belongs_to: str = "",
        project: str = "",
    ) -> Answer:
        """The records of a run that has any, each as a file beside its outputs."""
        execution = named_by(listed, self._client.execution(listed.id))
        origin = origin_of(Data(filename="", execution_id=listed.id), execution, project)
        within = (run_folder(origin), RECORDS)
        rows = [
            Row(Data(filename=name, execution_id=listed.id), folder, execution.sample_name,
                belongs_to, within=within, origin=origin, is_record=True)
            for name in self._client.run_records(listed.id)
        ]  # fmt: skip
        return Answer(rows)

    def records_of_sample(self, id_: str) -> Answer:
        """The records of all runs of a sample."""
        sample = self._client.sample(id_)
        folder = ("samples", sample.name or sample.id)
        rows: list[Row] = []
        for run in self._client.sample_executions(id_):
            rows += self.records(run, folder, f"sample/{id_}", sample.project_name or "").rows
        return Answer(rows)

    def without(self, execution_id: str, outputs: ListedOutputs) -> Iterator[Row]:
        """Nothing; what samples list of a run that is not wanted is not wanted either."""
        if outputs:
            try:
                execution = self._client.execution(execution_id)
            except (*SKIPPABLE, *FAILING):
                return  # nobody knows which those are
            for data in execution.outputs or ():
                outputs.drop(data.id)
        yield from ()

    def output(self, ref: Ref) -> Answer:
        """Outputs by a path or a pattern; one also where the server cannot list the others."""
        folder, path = ("executions", ref.id), ref.path or ""
        try:
            execution = self._client.execution(ref.id)
        except (NotFound, NotOffered):
            execution = Execution(id=ref.id)
        outputs = execution.outputs or ()
        chosen = outputs_named(outputs, path)
        if len(chosen) > 1 and not is_pattern(path):
            raise AmbiguousReference(ambiguity(ref, chosen))
        chosen = chosen or outputs_below(outputs, path.rstrip("/"))
        if chosen:
            return Answer([output_row(data, execution, folder) for data in chosen])
        if outputs:
            raise NotFound(f"{printable(str(ref))} is not an output of that execution", status=404)
        return Answer([output_row(Data(filename=path, execution_id=ref.id), execution, folder)])


def output_row(
    data: Data,
    execution: Execution,
    folder: tuple[str, ...],
    belongs_to: str = "",
    project: str = "",
) -> Row:
    """An output of an execution, below `folder`."""
    origin = origin_of(data, execution, project)
    of_run = folder[:1] == ("executions",) and folder[1:] == (execution.id,)
    return Row(data, folder, execution.sample_name, belongs_to,
               within=inside(data, origin, of_run=of_run), origin=origin)  # fmt: skip


def _upload_of(data: Data) -> str:
    """What an input was uploaded with, as far as the moment tells it."""
    if data.pipeline_name or data.created is None:
        return ""
    return f"uploaded {int(data.created.timestamp())}"
