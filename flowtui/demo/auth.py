"""The routes for signing in and for renewing a token."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flowtui.demo.accounts import COOKIE, REFRESH_SECONDS, NotAuthenticated
from flowtui.demo.catalogue import User
from flowtui.demo.service import Refusal, Service


class AuthRoutes:
    """The handlers of `/login` and `/token`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def login(self, request: Request) -> Response:
        """`POST /login {"username", "password"}`: 400 for a wrong one, as on the live service."""
        try:
            body = await request.json()
        except ValueError as error:
            raise Refusal(400, "BAD_REQUEST", "The body is not JSON") from error
        given = body if isinstance(body, dict) else {}
        try:
            user, access, refresh = self._service.accounts.sign_in(
                given.get("username"), given.get("password")
            )
        except NotAuthenticated as error:
            raise Refusal(400, "INVALID_CREDENTIALS", str(error)) from error
        answer = JSONResponse(self._granted(user, access))
        # Not `secure`: over plain HTTP such a cookie would never come back.
        answer.set_cookie(COOKIE, refresh, max_age=REFRESH_SECONDS, path="/", httponly=True)
        return answer

    async def token(self, request: Request) -> Response:
        """`GET /token`: renews by the cookie, or by the old token in the documented dialect."""
        accounts, cookie = self._service.accounts, request.cookies.get(COOKIE)
        try:
            if self._service.dialect == "guide" and not cookie:
                user, access = accounts.renew_by_access(request.headers.get("authorization"))
            else:
                user, access = accounts.renew(cookie)
        except NotAuthenticated as error:
            raise Refusal(400, "INVALID_REFRESH_TOKEN", str(error)) from error
        return JSONResponse(self._granted(user, access))

    def _granted(self, user: User, access: str) -> dict[str, Any]:
        fields: dict[str, Any] = {"user": self._service.serializer.user(user)}
        if self._service.dialect != "guide":
            fields["token"] = access
        if self._service.dialect != "live":
            fields["access_token"] = access
        return fields
