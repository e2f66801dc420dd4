"""The client of a Flow server: who is signed in, what is there, and bulk jobs.

One client speaks both dialects of the service: sub-resources with pages (live) are asked first,
and where a server has none, what its details have inlined (documented) is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from flowtui.flow.answers import error_of, network_error
from flowtui.flow.credentials import Credential, CredentialStore
from flowtui.flow.errors import (
    FlowError,
    Gone,
    NotFound,
    NotOffered,
    NotSignedIn,
    Refused,
    SingleSignOnOnly,
    UnexpectedAnswer,
    WrongPassword,
)
from flowtui.flow.http import make_client
from flowtui.flow.models import BulkJob, Data, Execution, Project, Record, Sample, User
from flowtui.flow.pages import PAGE_SIZE, Page, Pages, read_page, whole
from flowtui.flow.session import Session, tokens_of

R = TypeVar("R", bound=Record)


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
        read_timeout: float = 60.0,
    ) -> None:
        self._http = http or make_client(
            ca_file=ca_file, connect_timeout=connect_timeout, read_timeout=read_timeout
        )
        self._session = Session(server, credential, store, self._http)
        self.server = self._session.server
        self._inlines: set[str] = set()
        self._me: User | None = None

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
        url = self.absolute("/login")
        try:
            response = self._http.post(url, json={"username": username, "password": password})
        except httpx.TransportError as error:
            raise network_error(error, url) from error
        finally:
            self._http.cookies.clear()
        if response.status_code in (400, 401, 403):
            raise WrongPassword(
                "user name and password do not fit; try again", status=response.status_code
            )
        if response.status_code == 501:
            raise SingleSignOnOnly(
                "this server signs in through another service; create an API key in Flow's "
                "settings on the web, and paste it as a token",
                status=501,
            )
        if not response.is_success:
            raise error_of(response)
        token, refresh = tokens_of(response)
        if token is None:
            raise UnexpectedAnswer(
                f"{httpx.URL(url).host} did not answer the sign-in as Flow does; check the "
                "server's address (Flow's own API is https://app.flow.bio/api)"
            )
        self.use(Credential(token, refresh, username))
        return self.me()

    def sign_in_with_token(self, token: str) -> User:
        """Sign in with a token or API key, checked by `GET /me`. Raises NotSignedIn."""
        before = self.credential
        self.use(Credential(token.strip()))
        try:
            user = self.me()
        except FlowError:
            self.use(before)
            raise
        self.use(Credential(token.strip(), username=user.username or None))
        return user

    def me(self) -> User:
        """Who is signed in (`GET /me`): the one honest check of a token. Raises NotSignedIn."""
        body = self._session.get("/me")
        if not isinstance(body, dict) or not body.get("id"):
            raise NotSignedIn("not signed in, or the session has ended", status=200)
        self._me = self._read(User, body)
        return self._me

    def refresh(self, used_token: str | None) -> bool:
        """See `Session.refresh`."""
        return self._session.refresh(used_token)

    # URLs

    def absolute(self, url: str) -> str:
        """See `Session.absolute`."""
        return self._session.absolute(url)

    def is_own(self, url: str) -> bool:
        """See `Session.is_own`."""
        return self._session.is_own(url)

    def headers_for(self, url: str) -> dict[str, str]:
        """See `Session.headers_for`."""
        return self._session.headers_for(url)

    # What is there

    def projects(self, scope: Scope = Scope.MINE) -> Pages[Project]:
        """Projects, newest first.

        Where the server has no list of the shared or public ones, they are picked from
        `/projects/search`: mine by owner's name, the rest by `private`.
        """
        paths = {
            Scope.MINE: ("/projects/owned", "/projects/search", "/projects"),
            Scope.SHARED: ("/projects/shared",),
            Scope.PUBLIC: ("/projects/public",),
            Scope.ALL: ("/projects/search", "/projects"),
        }[scope]
        picked = {Scope.SHARED: self._is_shared, Scope.PUBLIC: self._is_public}.get(scope)
        first = self._list(paths, "projects", Project)
        if picked is None:
            return first
        everything = self._list(("/projects/search", "/projects"), "projects", Project)
        kept: list[Pages[Project]] = []

        def fetch(number: int) -> Page[Project]:
            if kept:
                return kept[0].page(number)
            try:
                return first.page(number)
            except NotFound:
                kept.append(_picked(everything, picked))
                return kept[0].page(number)

        return Pages(fetch)

    def search_projects(self, text: str) -> Pages[Project]:
        """Visible projects with `text` in their name."""
        return self._list(("/projects/search",), "projects", Project, name=text)

    def project(self, id_: str) -> Project:
        """One project; in the documented dialect with its samples."""
        return self._read(Project, self._session.get(f"/projects/{_quoted(id_)}"))

    def project_samples(self, id_: str) -> Pages[Sample]:
        """The samples of a project."""
        return self._below(
            f"/projects/{_quoted(id_)}/samples", "samples", Sample,
            lambda: self.project(id_).samples,
        )  # fmt: skip

    def project_executions(self, id_: str) -> Pages[Execution]:
        """The executions of a project; none where the server cannot list them."""
        return self._below(
            f"/projects/{_quoted(id_)}/executions", "executions", Execution,
            lambda: () if self.project(id_).samples is not None else None,
        )  # fmt: skip

    def sample(self, id_: str) -> Sample:
        """One sample."""
        return self._read(Sample, self._session.get(f"/samples/{_quoted(id_)}"))

    def sample_data(self, id_: str) -> Pages[Data]:
        """The files of a sample: inputs and, in the live dialect, what pipelines made of them."""
        return self._below(
            f"/samples/{_quoted(id_)}/data", "data", Data, lambda: self.sample(id_).data
        )

    def sample_executions(self, id_: str) -> Pages[Execution]:
        """The executions that used a sample; none where the server cannot list them."""
        return self._below(
            f"/samples/{_quoted(id_)}/executions", "executions", Execution,
            lambda: () if self.sample(id_).data is not None else None,
        )  # fmt: skip

    def execution(self, id_: str) -> Execution:
        """One execution with its outputs."""
        leave_out = ["log", "stdout", "stderr"]
        body = self._session.get(f"/executions/{_quoted(id_)}", {"exclude": leave_out})
        found = self._read(Execution, body)
        return found if found.outputs is not None else found.model_copy(update={"outputs": ()})

    def data(self, id_: str) -> Data:
        """One file's record."""
        return self._read(Data, self._session.get(f"/data/{_quoted(id_)}"))

    # Bulk jobs

    def create_bulk_job(self, data_ids: Sequence[str], name: str) -> BulkJob:
        """Have Flow prepare an archive (`POST /downloads`, the guide's body).

        Ids that are whole numbers small enough for any JSON reader go as numbers, as in the guide.
        Raises NotOffered where the server has no such thing, or not for this kind of token.
        """
        ids = [_as_number(one) for one in data_ids]
        try:
            body = self._session.post("/downloads", {"data_ids": ids, "name": name})
        except (NotFound, Refused) as error:
            raise _not_offered(error) from error
        except FlowError as error:
            if error.status in (405, 501):
                raise _not_offered(error) from error
            raise
        return self._read(BulkJob, body)

    def bulk_job(self, job_id: str) -> BulkJob:
        """How far a bulk job is.

        The guide names no path; `GET /downloads/<id>` answers JSON while the job is prepared, and
        on the live service the archive itself afterwards: the Content-Type tells which. Raises
        Gone once it has expired.
        """
        url = self.absolute(f"/downloads/{_quoted(job_id)}")
        used = None
        for last in (False, True):
            headers = {**self.headers_for(url), "Accept": "application/json"}
            used = headers.get("Authorization", "").removeprefix("Bearer ") or None
            try:
                with self._http.stream("GET", url, headers=headers) as response:
                    kind = response.headers.get("content-type", "").lower()
                    if response.is_success and "json" not in kind and "html" not in kind:
                        return BulkJob(id=job_id, status="completed", progress=100.0)
                    response.read()
            except httpx.TransportError as error:
                raise network_error(error, url) from error
            finally:
                self._http.cookies.clear()
            if response.status_code == 401 and not last and used and self.refresh(used):
                continue
            break
        if not response.is_success:
            raise error_of(response)
        try:
            body = response.json()
        except ValueError:
            raise UnexpectedAnswer("the state of the bulk job cannot be read") from None
        if isinstance(body, dict):
            body = {"id": job_id, **{k: v for k, v in body.items() if v is not None}}
        return self._read(BulkJob, body)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    # Within

    def _read(self, model: type[R], body: Any) -> R:
        try:
            return model.model_validate(body)
        except ValidationError as error:
            what = ", ".join(".".join(map(str, one["loc"])) for one in error.errors()[:3])
            raise UnexpectedAnswer(
                f"the server's {model.__name__.lower()} record cannot be read ({what})"
            ) from None

    def _list(self, paths: tuple[str, ...], key: str, model: type[R], **params: str) -> Pages[R]:
        """A paged list from the first of `paths` that the server has."""

        def fetch(number: int) -> Page[R]:
            for path in paths:
                try:
                    body = self._session.get(path, {"page": number, "count": PAGE_SIZE, **params})
                    return read_page(body, key, model, number, PAGE_SIZE)
                except NotFound:
                    if path == paths[-1]:
                        raise
                except ValueError:
                    raise UnexpectedAnswer(f"the server's list of {key} cannot be read") from None
            raise AssertionError("paths are never empty")

        return Pages(fetch)

    def _below(
        self,
        path: str,
        key: str,
        model: type[R],
        inlined: Callable[[], tuple[R, ...] | None],
    ) -> Pages[R]:
        """A list of what is below something: a sub-resource, else what its detail has inlined.

        A 404 may also mean: not yours to see. That a server has no such sub-resources is
        remembered only once a detail had the list inlined.
        """
        kind = f"{path.split('/')[1]}/{key}"
        listed = self._list((path,), key, model)
        kept: list[Pages[R]] = []

        def fetch(number: int) -> Page[R]:
            if kept:
                return kept[0].page(number)
            if kind not in self._inlines:
                try:
                    return listed.page(number)
                except NotFound as error:
                    missing: FlowError = error
                except FlowError as error:
                    if error.status != 405:
                        raise
                    missing = error
            else:
                missing = NotFound("not found, or not visible to you", status=404)
            items = inlined()
            if items is None:
                raise missing
            self._inlines.add(kind)
            kept.append(whole(items))
            return kept[0].page(number)

        return Pages(fetch)

    def _owner(self) -> str | None:
        if self._me is None and self.credential is not None:
            self.me()
        return (self._me.name or self._me.username) if self._me else None

    def _is_mine(self, project: Project) -> bool:
        mine = {self._me.name, self._me.username} if self._owner() and self._me else set()
        return project.owner_name in mine - {""}

    def _is_shared(self, project: Project) -> bool:
        return project.private is not False and not self._is_mine(project)

    def _is_public(self, project: Project) -> bool:
        return project.private is False


def _picked(pages: Pages[R], wanted: Callable[[R], bool]) -> Pages[R]:
    """Those of a list that are wanted, in one piece."""
    return whole(tuple(item for item in pages if wanted(item)))


def _as_number(id_: str) -> int | str:
    """An id as the guide writes it, where that loses nothing (2^53 and a leading 0 would)."""
    return int(id_) if id_.isdecimal() and len(id_) < 16 and str(int(id_)) == id_ else id_


def _quoted(id_: str) -> str:
    return quote(id_, safe="")


def _not_offered(error: FlowError) -> FlowError:
    if isinstance(error, Gone):
        return error
    return NotOffered(
        "this server prepares no archives for you; the files are to be had one by one",
        status=error.status,
    )
