"""The client of a Flow server: who is signed in, what is there, and bulk jobs.

One client speaks both dialects of the service: sub-resources with pages (live) are asked first,
and where a server has none, what its details have inlined (documented) is used.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from flowtui.flow import bulk_jobs
from flowtui.flow.credential_store import CredentialStore
from flowtui.flow.credentials import Credential, plain_token
from flowtui.flow.errors import (
    NotFound,
    NotOffered,
    NotSignedIn,
    Refused,
    SingleSignOnOnly,
    WrongPassword,
)
from flowtui.flow.genomes import Organism, read_organisms
from flowtui.flow.http_client import make_client
from flowtui.flow.listing import Inlined, Listing, Reader, filtered_where_missing, read_record
from flowtui.flow.models import BulkJob, Data, Execution, Project, R, Sample, User
from flowtui.flow.pages import MapPages, Pages
from flowtui.flow.patient import PatientReader, Told
from flowtui.flow.run_records import RunRecords
from flowtui.flow.session import ApiSession, is_nobody, is_usable
from flowtui.flow.vocabulary import Term, terms

if TYPE_CHECKING:
    from flowtui.flow.device_flow import DeviceCode


class Scope(StrEnum):
    """Whose projects."""

    MINE = "mine"
    SHARED = "shared"
    PUBLIC = "public"
    ALL = "all"


class FlowClient:
    """What is on one Flow server. Safe to use from many threads; all methods raise FlowError."""

    def __init__(
        self,
        server: str,
        credential: Credential | None = None,
        *,
        store: CredentialStore | None = None,
        http: httpx.Client | None = None,
        ca_file: str | None = None,
        connect_timeout: float = 10.0,
        read_timeout: float = 30.0,
        allow_http: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`sleep` waits between two tries of a request; the rest is as in `make_client`.

        `allow_http`: see `ApiSession`.
        """
        self._http = http or make_client(
            ca_file=ca_file, connect_timeout=connect_timeout, read_timeout=read_timeout
        )
        self._session = ApiSession(
            server, credential, store, self._http, sleep, allow_http=allow_http
        )
        self.server = self._session.server
        self._sleep = sleep
        self._stop: threading.Event | None = None
        self._reader: Reader = self._session
        self._listing = Listing(self._session)
        self._records = RunRecords(self._run)
        self._me: User | None = None

    def walking(self, told: Told, map_pages: MapPages) -> tuple[FlowClient, PatientReader]:
        """This client for a walk: it waits as long as the server asks, and tells so.

        `map_pages` is how its lists fetch their pages; see `Pages`. With how it asks.
        """
        reader = PatientReader(self._session, told, self._sleep, stop=self._stop)
        other = copy(self)
        other._reader, other._listing = reader, self._listing.by(reader, map_pages)
        other._records = RunRecords(other._run)
        return other, reader

    def until(self, stop: threading.Event) -> FlowClient:
        """This client, whose walks ask and wait for nothing more once `stop` is set.

        They raise CancelledError then.
        """
        other = copy(self)
        other._stop = stop
        return other

    @property
    def http(self) -> httpx.Client:
        """The pool of connections, good for the files too: a new one costs round trips."""
        return self._http

    # Signing in

    @property
    def credential(self) -> Credential | None:
        """What is in force, or None."""
        return self._session.credential

    def use(self, credential: Credential | None) -> None:
        """Use another credential from now on."""
        self._me = None
        self._session.use(credential)

    def sign_in(self, username: str, password: str) -> User:
        """Sign in (`POST /login`); the credential is in `credential` then, kept nowhere yet.

        Raises WrongPassword, SingleSignOnOnly.
        """
        token, refresh, user = self._session.log_in(username, password)
        try:
            return self._use_if_valid(Credential(token, refresh, username))
        except NotFound:
            # A server without /me; it has just said itself that this is a good token.
            self.use(Credential(token, refresh, username))
            return user or User(id=username, username=username)

    def sign_in_by_device(self, show: Callable[[DeviceCode], None]) -> User:
        """Sign in at the service that the instance leaves that to, in a browser anywhere.

        `show` is called with the address and the code; then it is waited until that is entered.
        Raises SingleSignOnOnly where the instance does not offer it, NotSignedIn where it has no
        single sign-on, or nobody enters the code.
        """
        from flowtui.flow import device_flow

        try:
            self._session.log_in("", "")
        except SingleSignOnOnly as sso:
            code = device_flow.begin(self._http, sso)
            show(code)
            id_token = device_flow.await_token(self._http, sso, code, self._sleep)
        except WrongPassword as error:
            raise NotSignedIn(
                "this server has no single sign-on; run `flowtui login` without --sso"
            ) from error
        else:
            raise NotSignedIn("this server has no single sign-on")
        token, refresh, user = self._session.log_in_by_id_token(id_token)
        name = user.username if user is not None else None
        found = self._use_if_valid(Credential(token, refresh, name or None))
        used = self.credential
        if used is not None and not used.username and found.username:
            self.use(replace(used, username=found.username))
        return found

    def sign_in_with_token(self, token: str) -> User:
        """Sign in with a token or API key, checked by `GET /me`. Raises NotSignedIn."""
        token = plain_token(token)
        if not is_usable(token):
            raise NotSignedIn(
                "not a valid token: a token has no spaces, quotes, commas or semicolons"
            )
        user = self._use_if_valid(Credential(token))
        found = self.credential
        if found is not None and user.username:
            self.use(replace(found, username=user.username))
        return user

    def me(self) -> User:
        """Who is signed in (`GET /me`): the one honest check of a token. Raises NotSignedIn."""
        used = self.credential
        body = self._session.get("/me")
        if is_nobody(body) and used is not None and self.refresh(used.token):
            body = self._session.get("/me")
        if is_nobody(body):
            raise NotSignedIn(
                "not signed in, or the session has expired; sign in again", status=200
            )
        if (good := self.credential) is not None:
            self._session.note_good(good.token)
        self._me = read_record(User, body)
        return self._me

    def _use_if_valid(self, credential: Credential) -> User:
        """Use a credential if `GET /me` takes it; else the one before stays in force."""
        before = self.credential
        self.use(credential)
        try:
            return self.me()
        except BaseException:
            self.use(before)
            raise

    def refresh(self, used_token: str | None) -> bool:
        """See `ApiSession.refresh`."""
        return self._session.refresh(used_token)

    def confirm(self, used_token: str | None) -> bool:
        """See `ApiSession.confirm`."""
        return self._session.confirm(used_token)

    # URLs

    def absolute(self, url: str) -> str:
        """See `ApiSession.absolute`."""
        return self._session.absolute(url)

    def is_own(self, url: str) -> bool:
        """See `ApiSession.is_own`."""
        return self._session.is_own(url)

    def headers_for(self, url: str) -> dict[str, str]:
        """See `ApiSession.headers_for`."""
        return self._session.headers_for(url)

    # What is there

    def projects(self, scope: Scope = Scope.MINE, *, like: str = "") -> Pages[Project]:
        """Projects, newest first, those of `like` in their names where the server can tell.

        Where the server has no list of the shared or public ones, they are picked from
        `/projects/search`: mine by owner's name, the rest by `private`.
        """

        def first_of(*paths: str) -> Pages[Project]:
            return self._listing.first_of(paths, "projects", Project, _given({"name": like}))

        everything = first_of("/projects/search", "/projects")
        if scope is Scope.ALL:
            return everything
        if scope is Scope.MINE:
            return first_of("/projects/owned", "/projects/search", "/projects")
        listed = first_of(f"/projects/{scope.value}")
        wanted = self._is_shared if scope is Scope.SHARED else self._is_public
        return filtered_where_missing(listed, everything, wanted)

    def project(self, id_: str) -> Project:
        """One project; in the documented dialect with its samples."""
        return read_record(Project, self._reader.get(f"/projects/{_quoted(id_)}"))

    def project_samples(
        self, id_: str, *, like: str = "", full_metadata: bool = False
    ) -> Pages[Sample]:
        """The samples of a project, those of `like` in their names where the server can tell.

        `full_metadata`: with their metadata where the server has that in lists.
        """
        query = {"filter": like, "full_metadata": "true" if full_metadata else ""}

        def inlined() -> Inlined[Sample]:
            project = self.project(id_)
            return Inlined(project.samples, unreadable=project.unreadable)

        path = f"/projects/{_quoted(id_)}/samples"
        return self._listing.below(path, "samples", Sample, inlined, _given(query))

    def project_executions(self, id_: str, *, like: str = "") -> Pages[Execution]:
        """The executions of a project; none where the server cannot list them.

        Those of `like` in their names where the server can tell.
        """

        def inlined() -> Inlined[Execution]:
            return Inlined(() if self.project(id_).samples is not None else None)

        path = f"/projects/{_quoted(id_)}/executions"
        return self._listing.below(path, "executions", Execution, inlined, _given({"filter": like}))

    def lists_no_executions(self) -> bool:
        """Whether the server was seen to list no project's executions."""
        return self._listing.is_inlined("projects/executions")

    def sample(self, id_: str) -> Sample:
        """One sample."""
        return self._sample(id_)[0]

    def sample_data(self, id_: str, *, like: str = "") -> Pages[Data]:
        """The files of a sample: inputs and, in the live dialect, what pipelines made of them.

        Those of `like` in their names where the server can tell.
        """

        def inlined() -> Inlined[Data]:
            sample, documented = self._sample(id_)
            return Inlined(sample.data, documented, sample.unreadable)

        path = f"/samples/{_quoted(id_)}/data"
        return self._listing.below(path, "data", Data, inlined, _given({"filter": like}))

    def sample_executions(self, id_: str, *, like: str = "") -> Pages[Execution]:
        """The executions that used a sample; none where the server cannot list them.

        Those of `like` in their names where the server can tell.
        """

        def inlined() -> Inlined[Execution]:
            documented = self._sample(id_)[1]
            return Inlined(() if documented else None)

        path = f"/samples/{_quoted(id_)}/executions"
        return self._listing.below(path, "executions", Execution, inlined, _given({"filter": like}))

    def execution(self, id_: str) -> Execution:
        """One execution with its outputs."""
        leave_out = ["log", "stdout", "stderr"]
        body = self._reader.get(f"/executions/{_quoted(id_)}", {"exclude": leave_out})
        found = read_record(Execution, body)
        return found if found.outputs is not None else found.model_copy(update={"outputs": ()})

    def run_records(self, id_: str) -> dict[str, str]:
        """The records of a run as text files, by name; see `run_records.records_of`."""
        return self._records.of(id_)

    def searched(self, path: str, key: str, model: type[R], query: Mapping[str, str]) -> Pages[R]:
        """What a search of the server finds; see `search`.

        NotFound, NotOffered where it has none.
        """
        return self._listing.first_of((path,), key, model, query)

    def listed_as_own(self, key: str, model: type[R]) -> Pages[R]:
        """What `/samples/owned` and its like list, where there is no search; else NotFound."""
        return self._listing.first_of((f"/{key}/owned",), key, model)

    def own_samples(self, *, like: str = "") -> Pages[Sample]:
        """The samples that are owned, also those in no project. NotFound where there is no list.

        `like`: those with this in their names.
        """
        query = _given({"owned": "true", "full_metadata": "true", "name": like})
        return self._listing.first_of(("/samples/search",), "samples", Sample, query)

    def own_executions(self, *, like: str = "") -> Pages[Execution]:
        """As `own_samples`."""
        query = _given({"owned": "true", "name": like})
        return self._listing.first_of(("/executions/search",), "executions", Execution, query)

    def own_uploads(self, *, like: str = "") -> Pages[Data]:
        """As `own_samples`: what was uploaded, lanes and annotation sheets among it."""
        query = _given({"owned": "true", "uploaded": "true", "filename": like, "name": like})
        return self._listing.first_of(("/data/search",), "data", Data, query)

    def vocabulary(self, path: str) -> tuple[Term, ...]:
        """The server's words of one of its lists, see `vocabulary.terms`."""
        return terms(self._reader.get, path)

    def organisms(self) -> list[Organism]:
        """All organisms, each with its latest genome. NotFound where the server has none."""
        return read_organisms(self._reader.get("/organisms"))

    def organism(self, id_: str) -> Organism:
        """One organism with all its genomes."""
        return read_record(Organism, self._reader.get(f"/organisms/{_quoted(id_)}"))

    def data(self, id_: str) -> Data:
        """One file's record."""
        return read_record(Data, self._reader.get(f"/data/{_quoted(id_)}"))

    def my_names(self) -> frozenset[str]:
        """What lists call an owner who is the user; none where nobody knows.

        A group that the user is in is among them: all its members own what it owns.
        """
        if self._me is None and self.credential is not None:
            try:
                self.me()
            except (NotFound, NotOffered, Refused):
                return frozenset()  # a server without /me, or a key that is not for it
        return self._me.names if self._me is not None else frozenset()

    def is_mine(self, project: Project) -> bool:
        """Whether the user owns a project, as far as its owner's name tells."""
        return project.owner_name in self.my_names()

    # Bulk jobs

    def create_bulk_job(self, data_ids: Sequence[str], name: str) -> BulkJob:
        """See `bulk_jobs.create`. Raises NotOffered."""
        return bulk_jobs.create(self._session, data_ids, name)

    def bulk_job(self, job_id: str) -> BulkJob:
        """See `bulk_jobs.state`. Raises Gone once it has expired."""
        return bulk_jobs.state(self._session, self._http, job_id)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    # Private

    def _run(self, id_: str) -> Any:
        """All that the server says of an execution, logs included."""
        return self._reader.get(f"/executions/{_quoted(id_)}")

    def _sample(self, id_: str) -> tuple[Sample, bool]:
        """A sample, and whether its files were inlined as the documented dialect does.

        The live one has `filesets` instead, of inputs only, beside the list that it offers.
        """
        body = self._reader.get(f"/samples/{_quoted(id_)}")
        documented = isinstance(body, dict) and isinstance(body.get("data"), list)
        return read_record(Sample, body), documented

    def _is_shared(self, project: Project) -> bool:
        return project.private is not False and not self.is_mine(project)

    def _is_public(self, project: Project) -> bool:
        return project.private is False


def _given(query: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if value}


def _quoted(id_: str) -> str:
    return quote(id_, safe="")
