"""HTTP connections to Flow and to the storage behind it."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy

import httpx

from flowtui import __version__
from flowtui.flow.certificates import BadCertificateFile, tls_context
from flowtui.flow.deadline import keep_deadlines
from flowtui.flow.decoding import ACCEPTED
from flowtui.flow.large_bodies import MOST_KEPT, LargeBodyTransport
from flowtui.flow.proxies import BadProxy, ProxyRoutes
from flowtui.system.descriptors import own_shares

__all__ = ["USER_AGENT", "BadCertificateFile", "BadProxy", "make_client"]

USER_AGENT = f"flowtui/{__version__}"


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
    kept = min(MOST_KEPT, own_shares().kept)
    limits = httpx.Limits(max_keepalive_connections=kept, keepalive_expiry=30)
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": ACCEPTED}
    if transport is not None:
        return _without_cookies(httpx.Client(timeout=timeout, headers=headers, transport=transport))
    tls = tls_context(ca_file)

    def connections(proxy: str | None) -> httpx.BaseTransport:
        by = keep_deadlines(
            httpx.HTTPTransport(verify=tls, limits=limits, proxy=proxy, trust_env=False)
        )
        if proxy is not None and proxy.startswith("https:"):
            return by  # TLS within TLS: no socket has the very bytes
        return LargeBodyTransport(by, most_kept=0 if proxy else kept)

    routes = ProxyRoutes(connections)
    return _without_cookies(
        httpx.Client(timeout=timeout, headers=headers, transport=routes, trust_env=False)
    )


def _without_cookies(client: httpx.Client) -> httpx.Client:
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return client
