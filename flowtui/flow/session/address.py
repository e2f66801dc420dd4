"""The address of a Flow server: what is below it, and whom a token may go to."""

from __future__ import annotations

from functools import lru_cache

import httpx

from flowtui.flow.errors import InsecureServer
from flowtui.flow.http.plain_http import is_safe
from flowtui.text.printable import printable


class ServerAddress:
    """The base URL of one server.

    Attributes:
        url: without a `/` at its end; it may have a path (`https://app.flow.bio/api`).
    """

    def __init__(self, url: str, *, allow_http: bool = False) -> None:
        """`allow_http`: tokens go over http too, to any machine."""
        self.url = url.rstrip("/")
        self._may_sign_in = allow_http or is_safe(self.url)

    def absolute(self, url: str) -> str:
        """A whole URL. Relative ones are joined as text: the base's path (`/api`) must stay."""
        if "://" in url.partition("?")[0]:
            return url
        return f"{self.url}/{url.lstrip('/')}"

    def is_own(self, url: str) -> bool:
        """Whether a URL is of the server's own origin: scheme, host and port."""
        whole = self.absolute(url)
        if whole.startswith(f"{self.url}/"):
            return _origin(self.url) is not None
        ours = _origin(self.url)
        return ours is not None and ours == _origin(whole)

    def require_safe(self, what: str) -> None:
        """Raises InsecureServer where `what` could be read on its way to the server."""
        if not self._may_sign_in:
            raise InsecureServer(
                f"{printable(self.url)} is not encrypted, and others on the network could read"
                f" your {what}; use https, or set allow_http = true in settings.toml"
            )


@lru_cache(64)  # asked for every request, nearly always of the server's own
def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port of a URL, or None where it is none."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return None
    return parsed.scheme, parsed.host, _port(parsed)


def _port(url: httpx.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)
