"""HTTP connections to Flow and to the storage behind it."""

from __future__ import annotations

import ssl
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import httpx

from flowtui import __version__
from flowtui.flow.errors import FlowError

USER_AGENT = f"flowtui/{__version__}"


class BadCertificateFile(FlowError):
    """The CA file of the settings cannot be used; the message says which and why."""

    default_code = "BAD_CERTIFICATE_FILE"


class BadProxy(FlowError):
    """The proxy that the environment names cannot be used; the message says what to do."""

    default_code = "BAD_PROXY"


@cache
def _tls(ca_file: str | None) -> ssl.SSLContext:
    """One context for all clients: making one reads the whole list of authorities."""
    context = httpx.create_ssl_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=Path(ca_file).expanduser())
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

    It keeps no cookies: a cookie of Flow's would go to every port and, by its domain, to other
    hosts too, its storage among them.

    Times are seconds; `read_timeout` is how long no byte may come. Raises BadCertificateFile,
    BadProxy.
    """
    timeout = httpx.Timeout(read_timeout, connect=connect_timeout, pool=None)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=30)
    headers = {"User-Agent": USER_AGENT}
    if transport is not None:
        return _without_cookies(httpx.Client(timeout=timeout, headers=headers, transport=transport))
    tls = _tls(ca_file)
    try:
        return _without_cookies(
            httpx.Client(timeout=timeout, limits=limits, headers=headers, verify=tls)
        )
    except (ValueError, ImportError, httpx.InvalidURL):
        # Not chained: the address may hold the proxy's password.
        raise BadProxy(
            "cannot use the proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY; "
            "write it as http://host:port"
        ) from None


def _without_cookies(client: httpx.Client) -> httpx.Client:
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return client
