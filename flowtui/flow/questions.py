"""What a walk asks of Flow, as parts: references become questions, and their answers rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from flowtui.flow.errors import (
    FAILING,
    SKIPPABLE,
    AmbiguousReference,
    FlowError,
    NotFound,
    NotOffered,
)
from flowtui.flow.models import Data, Execution
from flowtui.flow.outputs import ambiguity, is_pattern, outputs_below, outputs_named
from flowtui.flow.parts import Answer, Part
from flowtui.flow.refs import Ref, RefKind
from flowtui.flow.remote_file import Origin
from flowtui.flow.rows import Row
from flowtui.flow.run_records import FOLDER as RECORDS
from flowtui.flow.runs import (
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
    from flowtui.flow.lookahead import Lookahead
    from flowtui.flow.models import Sample
    from flowtui.flow.pages import Pages


Skip = Callable[[str], bool]
"""Whether the thing of this key (`sample/34`, `data/789`, …) and all below it is not wanted."""


class Questions:
    """The parts that references are made of, in the order in which they are to come.

    The parts are read by one thread and asked in others.
    """

    def __init__(
        self, client: FlowClient, skip: Skip, lists: Lookahead, *, records: bool = False
    ) -> None:
        """`records`: with those of each run.

        `lists` asks for what one part needs several questions for, side by side.
        """
        self._client = client
        self._skip = skip
        self._lists = lists
        self._records = records
        self._runs = Runs(client)

    def of(self, ref: Ref) -> Iterator[Part]:
        """What a reference stands for; the last is marked so."""
        if ref.kind is RefKind.PROJECT:
            yield from self._project(ref)
            yield Part(ref, "", Answer, is_last=True)
        elif ref.kind is RefKind.SAMPLE:
            last = not self._records
            yield Part(ref, str(ref), lambda: self._ask_sample(ref.id), is_ref=True, is_last=last)
            if self._records:
                ask = partial(self._ask_records_of_sample, ref.id)
                yield Part(ref, f"the records of {ref}", ask, "record", is_last=True)
        elif ref.kind is RefKind.DATA:
            yield Part(ref, str(ref), lambda: self._ask_data(ref.id), is_ref=True, is_last=True)
        elif ref.path is not None:
            yield Part(
                ref, str(ref), lambda: self._ask_output(ref), "output", is_ref=True, is_last=True
            )
        else:
            ask = partial(self._ask_execution, ref.id, ("executions", ref.id))
            last = not self._records
            yield Part(ref, str(ref), ask, "output", is_ref=True, is_last=last)
            if self._records:
                ask = partial(self._ask_records, Execution(id=ref.id), ("executions", ref.id))
                yield Part(ref, f"the records of {ref}", ask, "record", is_last=True)

    def samples(self, project_id: str) -> Iterator[Part]:
        """The files of a project's samples, also those that their runs place. Raises FlowError."""
        ref, name = Ref(RefKind.PROJECT, project_id), self._project_name(project_id)
        return self._samples_and_runs(ref, name, only_listed=True)

    def executions(self, project_id: str) -> Iterator[Part]:
        """The outputs of a project's executions. Raises FlowError."""
        ref, name = Ref(RefKind.PROJECT, project_id), self._project_name(project_id)
        runs = self._client.project_executions(ref.id)
        return self._executions_of(ref, runs, (name,), project=name)

    def sample_executions(self, sample_id: str, name: str) -> Iterator[Part]:
        """The outputs of a sample's executions, below the folder of the sample of that name."""
        ref = Ref(RefKind.SAMPLE, sample_id)
        runs = self._client.sample_executions(sample_id)
        return self._executions_of(ref, runs, ("samples", name), belongs_to=str(ref))

    def placed(self, sample_id: str, rows: list[Row]) -> Iterator[Row]:
        """A sample's files, its outputs placed by its runs, which are asked for side by side."""

        def made() -> Iterator[dict[str, Origin]]:
            try:
                runs = self._client.sample_executions(sample_id)
                yield from self._lists.map(self._runs.made_by, runs)
            except (*SKIPPABLE, *FAILING):
                return  # the files come all the same, only not by the runs' names

        return placed_by(made(), rows)

    def _project_name(self, project_id: str) -> str:
        project = self._client.project(project_id)
        return project.name or project.id

    def _project(self, ref: Ref) -> Iterator[Part]:
        try:
            name = self._project_name(ref.id)
        except (*SKIPPABLE, *FAILING) as error:
            yield Part(ref, str(ref), partial(_raise, error), is_ref=True)
            return
        yield from self._samples_and_runs(ref, name)

    def _samples_and_runs(
        self, ref: Ref, name: str, *, only_listed: bool = False
    ) -> Iterator[Part]:
        """What was uploaded at once, and outputs as their runs are known, which place them.

        `only_listed`: without those outputs that no sample has.
        """
        outputs = ListedOutputs()
        try:
            yield from self._samples(ref, name, outputs)
        except (*SKIPPABLE, *FAILING) as error:
            yield Part(ref, str(ref), partial(_raise, error), is_ref=True)
        else:
            runs = self._client.project_executions(ref.id)
            yield from self._executions_of(
                ref, runs, (name,), project=name, outputs=outputs, only_listed=only_listed
            )
        yield Part(ref, name, lambda: Answer(outputs.rest()))

    def _samples(self, ref: Ref, name: str, outputs: ListedOutputs) -> Iterator[Part]:
        samples = self._client.project_samples(ref.id)
        for sample in samples:
            if not self._skip(f"sample/{sample.id}"):
                called = sample.name or sample.id
                ask = partial(self._ask_sample_files, sample, (name, called), name)
                yield Part(ref, called, ask, outputs=outputs)
        yield Part(ref, name, lambda: Answer([], samples.unreadable), "sample")

    def _executions_of(
        self,
        ref: Ref,
        rows: Pages[Execution],
        folder: tuple[str, ...],
        *,
        project: str = "",
        belongs_to: str = "",
        outputs: ListedOutputs | None = None,
        only_listed: bool = False,
    ) -> Iterator[Part]:
        try:
            for row in rows:
                if not self._skip(f"execution/{row.id}"):
                    ask = partial(self._ask_execution, row.id, folder, belongs_to, project, row)
                    yield Part(
                        ref, row.label, ask, "output", outputs=outputs, only_listed=only_listed
                    )
                    if self._records:
                        ask = partial(self._ask_records, row, folder, belongs_to, project)
                        yield Part(ref, f"the records of {row.label}", ask, "record")
                elif outputs is not None:
                    unwanted = partial(self._without, row.id, outputs)
                    yield Part(ref, row.label, partial(_answer, unwanted))
        except (*SKIPPABLE, *FAILING) as error:
            # Not the documented dialect's lack of such a list, which is an empty one here.
            yield Part(ref, f"executions of {folder[-1]}", partial(_raise, error))
            return
        yield Part(ref, folder[-1], lambda: Answer([], rows.unreadable), "execution")

    # Questions, asked in threads

    def _ask_sample(self, id_: str) -> Answer:
        sample = self._client.sample(id_)
        folder = ("samples", sample.name or sample.id)
        answer = self._ask_sample_files(sample, folder, sample.project_name or "")
        return replace(answer, rows=list(self.placed(id_, list(answer.rows))))

    def _ask_sample_files(self, sample: Sample, folder: tuple[str, ...], project: str) -> Answer:
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

    def _ask_data(self, id_: str) -> Answer:
        data = self._client.data(id_)
        return Answer([Row(data, ("data",), fileset=data.fileset_id or "", origin=origin_of(data))])

    def _ask_execution(
        self,
        id_: str,
        folder: tuple[str, ...],
        belongs_to: str = "",
        project: str = "",
        listed: Execution | None = None,
    ) -> Answer:
        execution = named_by(listed, self._client.execution(id_))
        rows = [
            output_row(data, execution, folder, belongs_to, project)
            for data in execution.outputs or ()
        ]
        return Answer(rows, execution.unreadable, execution.label)

    def _ask_records(
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

    def _ask_records_of_sample(self, id_: str) -> Answer:
        sample = self._client.sample(id_)
        folder = ("samples", sample.name or sample.id)
        rows: list[Row] = []
        for run in self._client.sample_executions(id_):
            rows += self._ask_records(run, folder, f"sample/{id_}", sample.project_name or "").rows
        return Answer(rows)

    def _without(self, execution_id: str, outputs: ListedOutputs) -> Iterator[Row]:
        """Nothing; what samples list of a run that is not wanted is not wanted either."""
        if outputs:
            try:
                execution = self._client.execution(execution_id)
            except (*SKIPPABLE, *FAILING):
                return  # nobody knows which those are
            for data in execution.outputs or ():
                outputs.drop(data.id)
        yield from ()

    def _ask_output(self, ref: Ref) -> Answer:
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


def _raise(error: FlowError) -> Answer:
    raise error


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


def _answer(rows: Callable[[], Iterator[Row]]) -> Answer:
    """An answer whose rows are asked for when its turn has come."""
    return Answer(rows())


def _upload_of(data: Data) -> str:
    """What an input was uploaded with, as far as the moment tells it."""
    if data.pipeline_name or data.created is None:
        return ""
    return f"uploaded {int(data.created.timestamp())}"
