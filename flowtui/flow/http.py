"""HTTP connections to Flow and to the storage behind it."""

from __future__ import annotations

import ssl
from functools import cache

import httpx

from flowtui import __version__

USER_AGENT = f"flowtui/{__version__}"


class BadCertificateFile(Exception):
    """The CA file of the settings cannot be used; the message says which and why."""


@cache
def _tls(ca_file: str | None) -> ssl.SSLContext:
    """One context for all clients: making one reads the whole list of authorities."""
    context = httpx.create_ssl_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise BadCertificateFile(f"cannot use the CA file {ca_file}: {error}") from error
    return context


def make_client(
    *,
    ca_file: str | None = None,
    connect_timeout: float = 10.0,
    read_timeout: float = 30.0,
    transport: httpx.BaseTransport | None = None,
) -> httpx.Client:
    """A pool of connections; proxies come from the environment, redirects are not followed.

    Times are seconds; `read_timeout` is how long no byte may come. Raises BadCertificateFile.
    """
    timeout = httpx.Timeout(read_timeout, connect=connect_timeout, pool=None)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=30)
    headers = {"User-Agent": USER_AGENT}
    if transport is not None:
        return httpx.Client(timeout=timeout, headers=headers, transport=transport)
    return httpx.Client(timeout=timeout, limits=limits, headers=headers, verify=_tls(ca_file))
