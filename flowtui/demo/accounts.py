"""Who is signed in: access tokens that expire, and the refresh cookie that renews them."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from flowtui.demo.catalogue import User

COOKIE = "flow_refresh_token"
REFRESH_SECONDS = 7 * 86_400


class NotAuthenticated(Exception):
    """The token or the password is not good; the text says it as Flow does."""


@dataclass(frozen=True)
class _Grant:
    username: str
    expires: float  # time.monotonic()


class Accounts:
    """The tokens given out by one server. Access tokens last `token_seconds`.

    Attributes:
        tells_life: whether a new token says itself when it ends, as a JWT; may be changed.
    """

    def __init__(self, users: Mapping[str, User], token_seconds: float) -> None:
        self._users = users
        self._token_seconds = token_seconds
        self.tells_life = True
        self._access: dict[str, _Grant] = {}
        self._refresh: dict[str, _Grant] = {}

    def sign_in(self, username: object, password: object) -> tuple[User, str, str]:
        """The user, an access and a refresh token. Raises NotAuthenticated."""
        user = self._users.get(username) if isinstance(username, str) else None
        if user is None or user.password is None or user.password != password:
            raise NotAuthenticated("Invalid credentials")
        refresh = f"refresh-{secrets.token_urlsafe(32)}"
        self._refresh[refresh] = _Grant(user.username, time.monotonic() + REFRESH_SECONDS)
        return user, self._grant(user), refresh

    def renew(self, refresh: str | None) -> tuple[User, str]:
        """The user and a new access token. Raises NotAuthenticated."""
        if not refresh:
            raise NotAuthenticated("No refresh token supplied")
        grant = self._refresh.get(refresh)
        if grant is None or grant.expires <= time.monotonic():
            raise NotAuthenticated("Refresh token not valid")
        user = self._users[grant.username]
        return user, self._grant(user)

    def renew_by_access(self, authorization: str | None) -> tuple[User, str]:
        """As `renew`, by the old access token, which may have expired (documented dialect)."""
        grant = self._access.get(_bearer(authorization) or "")
        if grant is None:
            raise NotAuthenticated("No refresh token supplied")
        user = self._users[grant.username]
        return user, self._grant(user)

    def user(self, authorization: str | None) -> User | None:
        """Whose request this is; None for nobody's. Raises NotAuthenticated for a bad token."""
        if authorization is None:
            return None
        token = _bearer(authorization) or ""
        grant = self._access.get(token)
        if grant is None or grant.expires <= time.monotonic():
            raise NotAuthenticated("Invalid or expired token")
        return self._users[grant.username]

    def has_ended(self, authorization: str | None) -> bool:
        """Whether this is a token that was good once."""
        grant = self._access.get(_bearer(authorization) or "")
        return grant is not None and grant.expires <= time.monotonic()

    def expire_all(self) -> None:
        """Let every access token expire now (for tests)."""
        self._access = {token: _Grant(grant.username, 0.0) for token, grant in self._access.items()}

    def forget_all(self) -> None:
        """Let every token, refresh tokens too, be unknown from now on (for tests)."""
        self._access.clear()
        self._refresh.clear()

    def _grant(self, user: User) -> str:
        token = self._token()
        self._access[token] = _Grant(user.username, time.monotonic() + self._token_seconds)
        return token

    def _token(self) -> str:
        """A JWT that tells its life, as the live service's do; nobody checks its signature.

        Or one that tells nothing, as other instances may give.
        """
        if not self.tells_life:
            return secrets.token_urlsafe(32)
        now = time.time()
        claims = {"iat": now, "exp": now + self._token_seconds, "jti": secrets.token_urlsafe(24)}
        parts = ({"alg": "HS256", "typ": "JWT"}, claims)
        coded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)
        return ".".join([*(part.rstrip("=") for part in coded), secrets.token_urlsafe(32)])


def _bearer(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
