"""Tokens in the answers of a server and in requests, in either dialect."""

from __future__ import annotations

import httpx

from flowtui.flow.http.answers import body_of
from flowtui.text.redaction import know

REFRESH_COOKIE = "flow_refresh_token"


def tokens_of(response: httpx.Response) -> tuple[str | None, str | None]:
    """Access and refresh token of an answer to a sign-in or refresh, in either dialect."""
    try:
        body = body_of(response)
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    names = ("token", "access_token", "accessToken")
    token = next((body[name] for name in names if is_usable(body.get(name))), None)
    refresh = _refresh_cookie(response) or body.get("refresh_token")
    refresh = refresh if is_usable(refresh) else None
    know(token, refresh)
    return token, refresh


def _refresh_cookie(response: httpx.Response) -> str | None:
    """The refresh token that an answer sets.

    Read from the headers themselves: a cookie jar drops those of another domain (a Flow behind a
    proxy), and fails where one name is set for two paths (the old one removed, a new one given).
    """
    found = None
    for line in response.headers.get_list("set-cookie"):
        pair, *attributes = (part.strip() for part in line.split(";"))
        name, _, value = pair.partition("=")
        value = value.strip().strip('"')
        removed = any(attribute.lower().replace(" ", "") == "max-age=0" for attribute in attributes)
        if name.strip() == REFRESH_COOKIE and is_usable(value) and not removed:
            found = value
    return found


def is_usable(token: object) -> bool:
    """Whether this can be sent as a token: visible ASCII, with nothing that ends a header."""
    return (
        isinstance(token, str)
        and bool(token)
        and all("!" <= character <= "~" and character not in '",;' for character in token)
    )


def token_of(response: httpx.Response) -> str | None:
    """The token that the request carried."""
    header = response.request.headers.get("authorization", "")
    return header.removeprefix("Bearer ") or None
