"""The parts that references are made of, in the order in which a walk takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from flowtui.flow.errors import (
    FAILING,
    SKIPPABLE,
    FlowError,
)
from flowtui.flow.models import Execution
from flowtui.flow.refs import Ref, RefKind
from flowtui.flow.walk.parts import Answer, Part
from flowtui.flow.walk.queries import Queries
from flowtui.flow.walk.rows import Row
from flowtui.flow.walk.runs import (
    ListedOutputs,
)

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.pages import Pages


Skip = Callable[[str], bool]
"""Whether the thing of this key (`sample/34`, `data/789`, …) and all below it is not wanted."""


class Questions:
    """The parts that references are made of, in the order in which they are to come.

    The parts are read by one thread and asked in others.
    """

    def __init__(
        self, client: FlowClient, queries: Queries, skip: Skip, *, records: bool = False
    ) -> None:
        """`records`: with those of each run."""
        self._client = client
        self._skip = skip
        self._records = records
        self._queries = queries

    def of(self, ref: Ref) -> Iterator[Part]:
        """What a reference stands for; the last is marked so."""
        if ref.kind is RefKind.PROJECT:
            yield from self._project(ref)
            yield Part(ref, "", Answer, is_last=True)
        elif ref.kind is RefKind.SAMPLE:
            last = not self._records
            ask = partial(self._queries.sample, ref.id)
            yield Part(ref, str(ref), ask, is_ref=True, is_last=last)
            if self._records:
                ask = partial(self._queries.records_of_sample, ref.id)
                yield Part(ref, f"the records of {ref}", ask, "record", is_last=True)
        elif ref.kind is RefKind.DATA:
            ask = partial(self._queries.data, ref.id)
            yield Part(ref, str(ref), ask, is_ref=True, is_last=True)
        elif ref.path is not None:
            ask = partial(self._queries.output, ref)
            yield Part(ref, str(ref), ask, "output", is_ref=True, is_last=True)
        else:
            ask = partial(self._queries.execution, ref.id, ("executions", ref.id))
            last = not self._records
            yield Part(ref, str(ref), ask, "output", is_ref=True, is_last=last)
            if self._records:
                ask = partial(self._queries.records, Execution(id=ref.id), ("executions", ref.id))
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

    def sample_executions(self, sample_id: str) -> Iterator[Part]:
        """The outputs of a sample's executions, each where the execution by itself has them.

        They are of all of its samples: no sample's folder is theirs.
        """
        ref = Ref(RefKind.SAMPLE, sample_id)
        return self._executions_of(ref, self._client.sample_executions(sample_id), None)

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
                ask = partial(self._queries.sample_files, sample, (name, called), name)
                yield Part(ref, called, ask, outputs=outputs)
        yield Part(ref, name, lambda: Answer([], samples.unreadable), "sample")

    def _executions_of(
        self,
        ref: Ref,
        rows: Pages[Execution],
        folder: tuple[str, ...] | None,
        *,
        project: str = "",
        outputs: ListedOutputs | None = None,
        only_listed: bool = False,
    ) -> Iterator[Part]:
        """The executions of a list; in folders of their own where there is no `folder` for all."""
        whose = folder[-1] if folder else str(ref)
        try:
            for row in rows:
                if not self._skip(f"execution/{row.id}"):
                    place = folder or ("executions", row.id)
                    ask = partial(self._queries.execution, row.id, place, "", project, row)
                    yield Part(
                        ref, row.label, ask, "output", outputs=outputs, only_listed=only_listed
                    )
                    if self._records:
                        ask = partial(self._queries.records, row, place, "", project)
                        yield Part(ref, f"the records of {row.label}", ask, "record")
                elif outputs is not None:
                    unwanted = partial(self._queries.without, row.id, outputs)
                    yield Part(ref, row.label, partial(_answer, unwanted))
        except (*SKIPPABLE, *FAILING) as error:
            # Not the documented dialect's lack of such a list, which is an empty one here.
            yield Part(ref, f"executions of {whose}", partial(_raise, error))
            return
        yield Part(ref, whose, lambda: Answer([], rows.unreadable), "execution")


def _raise(error: FlowError) -> Answer:
    raise error


def _answer(rows: Callable[[], Iterator[Row]]) -> Answer:
    """An answer whose rows are asked for when its turn has come."""
    return Answer(rows())
