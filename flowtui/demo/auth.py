"""The routes for signing in and for renewing a token."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flowtui.demo.accounts import COOKIE, REFRESH_SECONDS, NotAuthenticated
from flowtui.demo.catalogue import User
from flowtui.demo.service import Refusal, Service

CLIENT_ID, DEVICE_CODE, ID_TOKEN = "flow-demo", "demo-device-code", "demo-id-token"


class AuthRoutes:
    """The handlers of `/login` and `/token`, and of a service for single sign-on."""

    def __init__(self, service: Service, *, single_sign_on: bool = False) -> None:
        self.single_sign_on = single_sign_on
        self._service = service
        self._polls = 0

    async def login(self, request: Request) -> Response:
        """`POST /login {"username", "password"}`: 400 for a wrong one, as on the live service."""
        try:
            body = await request.json()
        except ValueError as error:
            raise Refusal(400, "BAD_REQUEST", "The body is not JSON") from error
        given = body if isinstance(body, dict) else {}
        if self.single_sign_on:
            domain = f"{request.url.scheme}://{request.url.netloc}/sso"
            return JSONResponse({"client_id": CLIENT_ID, "domain_url": domain}, 501)
        return self._login(given.get("username"), given.get("password"))

    async def device_code(self, request: Request) -> Response:
        """`POST /sso/oauth/device/code` (RFC 8628, 3.2), of the service that signs in."""
        self._polls = 0
        address = f"{request.url.scheme}://{request.url.netloc}/sso/activate"
        return JSONResponse(
            {
                "device_code": DEVICE_CODE,
                "user_code": "DEMO-CODE",
                "verification_uri": address,
                "verification_uri_complete": f"{address}?user_code=DEMO-CODE",
                "expires_in": 600,
                "interval": 0.1,
            }
        )

    async def device_token(self, request: Request) -> Response:
        """`POST /sso/oauth/token`: somebody enters the code after the third question."""
        form = parse_qs((await request.body()).decode())
        if form.get("device_code") != [DEVICE_CODE] or form.get("client_id") != [CLIENT_ID]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        self._polls += 1
        if self._polls < 3:
            return JSONResponse({"error": "authorization_pending"}, 403)
        return JSONResponse({"id_token": ID_TOKEN, "access_token": "not for Flow"})

    async def oidc_login(self, request: Request) -> Response:
        """`POST /oidc-login {"id_token"}`."""
        body = await request.json()
        if body != {"id_token": ID_TOKEN}:
            raise Refusal(400, "INVALID_CREDENTIALS", "Invalid ID token")
        return self._login("demo", "demo")

    def _login(self, username: object, password: object) -> Response:
        try:
            user, access, refresh = self._service.accounts.sign_in(username, password)
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
