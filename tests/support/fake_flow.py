"""A Flow without a network: what the app's browser asks of a `FlowClient`, and a record of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from copy import copy
from types import SimpleNamespace
from typing import Any

from flowtui.flow.client import Scope
from flowtui.flow.errors import NotFound, NotSignedIn, WrongPassword
from flowtui.flow.genomes import Organism
from flowtui.flow.models import Data, Execution, Project, Sample, User
from flowtui.flow.pages import PAGE_SIZE, Page, Pages, single_page
from flowtui.flow.session.credentials import Credential
from support.waiting import GUARD

SERVER = "https://flow.test/api"


def data(id_: str, filename: str | None = None, **more: Any) -> Data:
    fields = {"id": id_, "filename": filename or f"file_{id_}.fastq.gz", "size": 1000, **more}
    return Data.read(fields)


def sample(id_: str, name: str | None = None, **more: Any) -> Sample:
    fields = {"id": id_, "name": name or f"sample_{id_}", "metadata": {"cell": "K562"}, **more}
    return Sample.read(fields)


class FakeFlow:
    """The client, and what it answers from.

    Attributes:
        asked: what was asked for, in order, as `samples 1 page 2`.
        errors: asked-for thing → exceptions to raise, one each time.
        holds: the same as `hold` for one thing. `arrived`: set when it is asked for.
        hold: set it to let waiting answers go; None for no waiting.
    """

    server = SERVER

    def __init__(self, credential: Credential | None = None) -> None:
        self.credential = credential
        self.mine: list[Project] = []
        self.public: list[Project] = []
        self.samples: dict[str, list[Sample]] = {}
        self.files: dict[str, list[Data]] = {}
        self.project_runs: dict[str, list[Execution]] = {}
        self.sample_runs: dict[str, list[Execution]] = {}
        self.filters = True  # whether a list can be asked for what is like something
        self.search: dict[str, list[Any]] = {}  # of each kind; else 404
        self.queries: list[tuple[str, dict[str, str]]] = []
        self.own: dict[str, list[Any]] = {}  # of `samples`, `executions`, `uploads`; else 404
        self.genomes: list[Organism] | None = None
        self.details: dict[str, Any] = {}
        self.asked: list[str] = []
        self.errors: dict[str, list[Exception]] = {}
        self.hold: threading.Event | None = None
        self.holds: dict[str, threading.Event] = {}
        self.arrived: dict[str, threading.Event] = {}
        self.stop: threading.Event | None = None  # of the walk that this is for
        self.passwords = {"demo": "right"}

    def walking(self, told: Any, map_pages: Any) -> tuple[FakeFlow, Any]:
        """See `FlowClient.walking`; nothing here has to be waited for."""
        return self, SimpleNamespace(wait=told)

    def project_of(self, id_: str, name: str, samples: list[Sample], **more: Any) -> Project:
        """Add a project of mine with these samples."""
        made = Project.read({"id": id_, "name": name, "sample_count": len(samples), **more})
        self.mine.append(made)
        self.samples[id_] = samples
        return made

    def _ask(self, what: str) -> None:
        if self.stop is not None and self.stop.is_set():
            raise CancelledError("no more is wanted")
        self.asked.append(what)
        if what in self.arrived:
            self.arrived[what].set()
        if what in self.holds:
            assert self.holds[what].wait(GUARD), f"{what} was held for too long"
        if self.hold is not None:
            assert self.hold.wait(GUARD), "an answer was held for too long"
        if self.errors.get(what):
            raise self.errors[what].pop(0)

    def _pages(self, what: str, items: list[Any]) -> Pages[Any]:
        def fetch(number: int) -> Page[Any]:
            self._ask(f"{what} page {number}")
            part = tuple(items[(number - 1) * PAGE_SIZE : number * PAGE_SIZE])
            return Page(part, number, len(items), PAGE_SIZE, len(part))

        return Pages(fetch)

    # What the app calls

    @property
    def account(self) -> FakeFlow:
        return self

    def use(self, credential: Credential | None) -> None:
        self.credential = credential

    def me(self) -> User:
        self._ask("me")
        if self.credential is None or self.credential.token == "ended":
            raise NotSignedIn("not signed in, or the session has ended")
        return User(id="1", username=self.credential.username or "demo")

    def sign_in(self, username: str, password: str) -> User:
        self._ask("sign in")
        if self.passwords.get(username) != password:
            raise WrongPassword("wrong user name or password; try again")
        self.credential = Credential("good", "again", username)
        return self.me()

    def sign_in_with_token(self, token: str) -> User:
        self._ask("sign in with token")
        self.credential = Credential(token, username="demo")
        return self.me()

    def until(self, stop: threading.Event) -> FakeFlow:
        """See `FlowClient.until`: it raises once that is set."""
        other = copy(self)
        other.stop = stop
        return other

    def projects(self, scope: Any = Scope.MINE, *, like: str = "") -> Pages[Project]:
        every = {"mine": self.mine, "public": self.public, "all": [*self.mine, *self.public]}
        return self._liked(f"projects {scope.value}", every.get(scope.value, []), like)

    def _liked(self, what: str, items: list[Any], like: str) -> Pages[Any]:
        """A list, of what has `like` in its name where that can be asked for."""
        if not like:
            return self._pages(what, items)
        found = [one for one in items if like in _name_of(one) or not self.filters]
        return self._pages(f"{what} like {like}", found)

    def _own(self, what: str, like: str) -> Pages[Any]:
        if what in self.own:
            return self._liked(f"own {what}", self.own[what], like)

        def missing(number: int) -> Page[Any]:
            self._ask(f"own {what} page {number}")
            raise NotFound("not found", status=404)

        return Pages(missing)

    def searched(self, path: str, key: str, model: Any, query: Any) -> Pages[Any]:
        self.queries.append((path, dict(query)))
        if key in self.search:
            return self._pages(f"search {key}", self.search[key])

        def missing(number: int) -> Page[Any]:
            raise NotFound("not found", status=404)

        return Pages(missing)

    def listed_as_own(self, key: str, model: Any) -> Pages[Any]:
        def missing(number: int) -> Page[Any]:
            raise NotFound("not found", status=404)

        return Pages(missing)

    def own_samples(self, *, like: str = "") -> Pages[Sample]:
        return self._own("samples", like)

    def own_executions(self, *, like: str = "") -> Pages[Execution]:
        return self._own("executions", like)

    def own_uploads(self, *, like: str = "") -> Pages[Data]:
        return self._own("uploads", like)

    def organisms(self) -> Pages[Organism]:
        self._ask("organisms")
        if self.genomes is None:
            raise NotFound("not found", status=404)
        return single_page(tuple(self.genomes))

    def organism(self, id_: str) -> Organism:
        self._ask(f"organism {id_}")
        return next(one for one in self.genomes or [] if one.id == id_)

    def project(self, id_: str) -> Project:
        self._ask(f"project {id_}")
        return next(one for one in [*self.mine, *self.public] if one.id == id_)

    def project_samples(
        self, id_: str, *, like: str = "", full_metadata: bool = False
    ) -> Pages[Sample]:
        return self._liked(f"samples {id_}", self.samples.get(id_, []), like)

    def project_executions(self, id_: str, *, like: str = "") -> Pages[Execution]:
        return self._liked(f"executions {id_}", self.project_runs.get(id_, []), like)

    def lists_no_executions(self) -> bool:
        return False

    def sample(self, id_: str) -> Sample:
        self._ask(f"sample {id_}")
        if f"sample/{id_}" in self.details:
            return self.details[f"sample/{id_}"]
        for samples in self.samples.values():
            for one in samples:
                if one.id == id_:
                    return one
        raise NotFound("not found", status=404)

    def sample_data(self, id_: str, *, like: str = "") -> Pages[Data]:
        return self._liked(f"data of {id_}", self.files.get(id_, []), like)

    def sample_executions(self, id_: str, *, like: str = "") -> Pages[Execution]:
        return self._liked(f"executions of sample {id_}", self.sample_runs.get(id_, []), like)

    def execution(self, id_: str) -> Execution:
        self._ask(f"execution {id_}")
        found: Execution = self.details[f"execution/{id_}"]
        return found

    def run_records(self, id_: str) -> dict[str, str]:
        self._ask(f"records of {id_}")
        return {"params.json": "{}\n", "command.txt": "nextflow run\n"}

    def data(self, id_: str) -> Data:
        self._ask(f"data {id_}")
        if f"data/{id_}" not in self.details:
            raise NotFound("not found", status=404)
        found: Data = self.details[f"data/{id_}"]
        return found

    def close(self) -> None:
        return None


def screen(samples: int, files: int = 2) -> FakeFlow:
    """A signed-in Flow with one project of so many samples, each with so many files."""
    flow = FakeFlow(Credential("good", username="demo"))
    flow.project_of("1", "Screen", [sample(f"s{n}", f"guide_{n:04}") for n in range(samples)])
    for n in range(samples):
        flow.files[f"s{n}"] = [data(f"d{n}x{k}", f"guide_{n:04}_R{k}.gz") for k in range(files)]
    return flow


def _name_of(record: Any) -> str:
    return str(getattr(record, "filename", "") or getattr(record, "label", "") or record.name)


Making = Callable[[], FakeFlow]
