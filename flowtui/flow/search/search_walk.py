"""The walk in place of a search that the server lacks: all that can be reached, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from flowtui.flow.errors import FAILING, SKIPPABLE, FlowError, NotFound, NotOffered, Refused
from flowtui.flow.models import Data, Execution, Project, Sample
from flowtui.flow.pages import Pages
from flowtui.flow.search.criteria import MODELS, FoundRecord, Kind
from flowtui.flow.search.search_notices import LeftOut, NotCovered, Notify, Unreadable
from flowtui.flow.walk.lookahead import Lookahead
from flowtui.flow.walk.parts import in_order

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient


@dataclass(frozen=True)
class Found:
    """Records of one place, and how many more there could not be read."""

    records: list[Any]
    unreadable: int = 0


@dataclass(frozen=True)
class Place:
    """Where to look. `name`: what a person calls it."""

    name: str
    ask: Callable[[], Found]

    def answer(self) -> Found | FlowError:
        """What is there, or why it cannot be had."""
        try:
            return self.ask()
        except FlowError as error:
            return error


class SearchWalk:
    """Looks through the user's own lists, then through projects: all that may be seen, or theirs.

    A place that is refused, or fails, is left out and told, and the others are looked at; where
    several in a row fail it is the server that does, and it is waited for.
    """

    def __init__(self, client: FlowClient, kind: Kind, notify: Notify, *, mine: bool) -> None:
        self._client = client
        self._kind = kind
        self._notify = notify
        self._mine = mine
        self._samples: set[str] = set()
        self._runs: set[str] = set()

    def records(
        self, lookahead: Lookahead, wait: Callable[[str, float], None]
    ) -> Iterator[FoundRecord]:
        """Everything of the kind. Raises FlowError where projects cannot be listed at all.

        `lookahead` asks ahead of what is taken; it is not the one by which lists are read.
        """
        if self._kind is Kind.PROJECTS:
            yield from self._projects()
            return
        seen: set[str] = set()
        for place, answer in in_order(self._places(), lookahead, wait):
            if isinstance(answer, Found):
                for record in answer.records:
                    key = record.id or f"{record.execution_id}/{record.filename}"
                    if key not in seen:
                        seen.add(key)
                        yield record
                if answer.unreadable:
                    self._notify(Unreadable(self._kind, place.name, answer.unreadable))
            elif isinstance(answer, (*SKIPPABLE, *FAILING)):
                self._notify(LeftOut(place.name, answer))
            else:
                raise answer
        if self._kind is not Kind.SAMPLES and self._client.lists_no_executions():
            of = "outputs of executions" if self._kind is Kind.DATA else "executions"
            self._notify(NotCovered(f"{of} of projects"))

    # Where to look

    def _places(self) -> Iterator[Place]:
        """All places; read by one thread, and asked in others."""
        own = self._own_list(self._kind)
        if own is not None:
            yield Place(f"your {self._kind}", own)
            if self._mine:
                return  # that is all of them
        elif self._kind is Kind.DATA:
            yield from self._files_of_own()
        else:
            self._notify(NotCovered(f"{self._kind} that are in no project"))
        for project in self._projects():
            yield from self._places_in(project)

    def _places_in(self, project: Project) -> Iterator[Place]:
        name = project.name or f"project/{project.id}"
        whole = self._kind is Kind.SAMPLES  # files are not looked for by metadata
        samples = self._client.project_samples(project.id, full_metadata=whole)
        runs = self._client.project_executions(project.id)
        if self._kind is Kind.SAMPLES:
            yield Place(name, partial(_listed, samples))
        elif self._kind is Kind.EXECUTIONS:
            yield Place(name, partial(_listed, runs))
        else:
            yield from self._each(f"samples of {name}", samples, self._files_of_sample)
            yield from self._each(f"executions of {name}", runs, self._files_of_run)

    def _files_of_own(self) -> Iterator[Place]:
        """The files of samples and runs that are owned, in projects or not."""
        lacking = []
        for kind, of in (
            (Kind.SAMPLES, self._files_of_sample),
            (Kind.EXECUTIONS, self._files_of_run),
        ):
            if self._own_list(kind) is None:
                lacking.append(NotCovered(f"files of {kind} that are in no project"))
            else:
                pages = self._client.listed_as_own(str(kind), MODELS[kind])
                yield from self._each(f"your {kind}", pages, of)
        if len(lacking) == 2:
            self._notify(NotCovered("files that are in no project"))
            return
        for notice in (*lacking, NotCovered("files that belong to no sample and no execution")):
            self._notify(notice)

    def _each(
        self, name: str, rows: Pages[Any], place: Callable[[Any], Place | None]
    ) -> Iterator[Place]:
        """A place for each row of a list, and one that says what the list itself lacks."""
        try:
            for row in rows:
                if (found := place(row)) is not None:
                    yield found
        except (*SKIPPABLE, *FAILING) as error:
            yield Place(name, partial(_raise, error))
        else:
            yield Place(name, partial(Found, [], rows.unreadable))

    def _files_of_sample(self, sample: Sample) -> Place | None:
        if sample.id in self._samples:
            return None
        self._samples.add(sample.id)
        name = sample.name or f"sample/{sample.id}"
        if sample.has_whole_files:
            return Place(name, lambda: Found(list(sample.data or ()), sample.unreadable))
        return Place(name, lambda: _listed(self._client.sample_data(sample.id)))

    def _files_of_run(self, run: Execution) -> Place | None:
        if run.id in self._runs:
            return None
        self._runs.add(run.id)
        return Place(run.label, partial(self._outputs, run))

    # Questions, asked in threads

    def _outputs(self, run: Execution) -> Found:
        execution = self._client.execution(run.id)
        pipeline = execution.pipeline_name or run.pipeline_name
        owner = execution.owner_name or run.owner_name
        return Found([_made_by(data, pipeline, owner) for data in execution.outputs or ()],
                     execution.unreadable)  # fmt: skip

    def _own_list(self, kind: Kind) -> Callable[[], Found] | None:
        """How to ask for the list of what is owned, in projects or not; None where there is none.

        Only third parties tell of such lists (docs/flow-api.md, Search).
        """
        pages = self._client.listed_as_own(str(kind), MODELS[kind])
        try:
            pages.page(1)
        except FAILING as error:
            return None if error.status == 400 else partial(_raise, error)
        except (NotFound, NotOffered, Refused):
            return None
        return partial(_listed, pages)

    def _projects(self) -> Iterator[Project]:
        from flowtui.flow.client import Scope

        if not self._mine:
            everything = self._client.projects(Scope.ALL)
            try:
                everything.page(1)
            except (NotFound, NotOffered, Refused):
                self._notify(NotCovered("projects of others"))
            else:
                yield from everything
                self._tell_unreadable(everything)
                return
        # Where the server has no list of one's own, its list of all is looked through.
        own = self._client.projects()
        for project in own:
            if not self._mine or not project.owner_name or self._client.is_mine(project):
                yield project
        self._tell_unreadable(own)

    def _tell_unreadable(self, projects: Pages[Project]) -> None:
        if projects.unreadable:
            self._notify(Unreadable(Kind.PROJECTS, "projects", projects.unreadable))


def _listed(pages: Pages[Any]) -> Found:
    return Found(list(pages), pages.unreadable)


def _raise(error: FlowError) -> Found:
    raise error


def _made_by(data: Data, pipeline: str | None, owner: str | None) -> Data:
    """An output with what its run tells of it."""
    return replace(
        data,
        pipeline_name=data.pipeline_name or pipeline,
        owner_name=data.owner_name or owner,
    )
