"""What all routes share: the state of one server, who asks, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flowtui.demo.accounts import Accounts, NotAuthenticated
from flowtui.demo.catalogue import Catalogue, Project, User
from flowtui.demo.serializers import Dialect, Serializer


class Refusal(Exception):
    """An answer that is an error: HTTP status, Flow's code for it, and a message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def not_found(what: str = "Not found") -> Refusal:
    """404."""
    return Refusal(404, "NOT_FOUND", what)


def forbidden(message: str = "You do not have permission to see this") -> Refusal:
    """403."""
    return Refusal(403, "FORBIDDEN", message)


def unauthenticated(message: str = "Not authenticated") -> Refusal:
    """401."""
    return Refusal(401, "UNAUTHENTICATED", message)


@dataclass
class Service:
    """One server's state, which may be changed while it runs.

    Attributes:
        rate: bytes per second for each connection, 0 or None for as fast as it goes.
        bad_is_nobody: whether a bad or ended token counts as none wherever nobody may ask.
        arrived: called with the path of each request before it is answered, on the server's thread.
    """

    catalogue: Catalogue
    accounts: Accounts
    dialect: Dialect
    rate: float | None
    bad_is_nobody: bool = False
    arrived: Callable[[str], None] | None = None

    @property
    def serializer(self) -> Serializer:
        """How records are written."""
        return Serializer(self.dialect)

    def user(self, request: Request, *, bad_is_nobody: bool = False) -> User | None:
        """Who asks; None for nobody. A bad token is refused with 401, or counts as nobody."""
        try:
            return self.accounts.user(request.headers.get("authorization"))
        except NotAuthenticated as error:
            if bad_is_nobody or self.bad_is_nobody:
                return None
            raise unauthenticated(str(error)) from error

    def signed_in(self, request: Request) -> User:
        """Who asks; nobody is refused with 401."""
        user = self.user(request)
        if user is None:
            raise unauthenticated()
        return user

    def require(self, project: Project, user: User | None) -> None:
        """Refuse who may not see a project: the live service says 404, so that it looks missing."""
        if project.visible_to(user.username if user else None):
            return
        if self.dialect == "live":
            raise not_found()
        raise unauthenticated() if user is None else forbidden()

    def refused(self, request: Request, refusal: Refusal) -> Response:
        """A refusal as an answer of this dialect."""
        live = self.dialect == "live"
        if live and request.method in {"GET", "HEAD"} and _is_download(request.url.path):
            return Response(status_code=404)
        body: dict[str, object] = {"error": refusal.message}
        if not live:
            body |= {"code": refusal.code, "status": refusal.status}
        return JSONResponse(body, refusal.status)


def _is_download(path: str) -> bool:
    return path.startswith(("/api/downloads/", "/files/downloads/"))
