"""HTTP connections to Flow and to the storage behind it."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy

import httpx

from flowtui import __version__
from flowtui.flow.http.certificates import BadCertificateFile, tls_context
from flowtui.flow.http.deadline import keep_deadlines
from flowtui.flow.http.decoding import ACCEPTED
from flowtui.flow.http.kept_connections import MOST_KEPT, KeptConnections
from flowtui.flow.http.large_bodies import LargeBodyTransport
from flowtui.flow.http.proxies import BadProxy, ProxyRoutes
from flowtui.system.descriptors import own_shares

__all__ = ["USER_AGENT", "BadCertificateFile", "BadProxy", "HttpClient", "make_client"]

USER_AGENT = f"flowtui/{__version__}"


class HttpClient(httpx.Client):
    """A client of httpx that tells of the connections which are kept outside its pool.

    Attributes:
        kept: for `kept_answers`; empty where requests do not go straight to their servers.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport,
        kept: KeptConnections,
        *,
        timeout: httpx.Timeout,
        headers: dict[str, str],
    ) -> None:
        super().__init__(transport=transport, timeout=timeout, headers=headers, trust_env=False)
        self.kept = kept
        # A cookie of Flow's would go to every port and, by its domain, to other hosts too.
        self.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))


def make_client(
    *,
    ca_file: str | None = None,
    connect_timeout: float = 10.0,
    read_timeout: float = 30.0,
    transport: httpx.BaseTransport | None = None,
) -> HttpClient:
    """A pool of connections; proxies come from the environment, redirects are not followed.

    It keeps no cookies.

    Times are seconds; `read_timeout` is how long no byte may come. Raises BadCertificateFile,
    BadProxy.
    """
    timeout = httpx.Timeout(read_timeout, connect=connect_timeout, pool=None)
    most_kept = min(MOST_KEPT, own_shares().kept)
    limits = httpx.Limits(max_keepalive_connections=most_kept, keepalive_expiry=30)
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": ACCEPTED}
    kept = KeptConnections(most_kept)
    if transport is not None:
        return HttpClient(transport, kept, timeout=timeout, headers=headers)
    tls = tls_context(ca_file)

    def connections(proxy: str | None) -> httpx.BaseTransport:
        by = keep_deadlines(
            httpx.HTTPTransport(verify=tls, limits=limits, proxy=proxy, trust_env=False)
        )
        if proxy is not None and proxy.startswith("https:"):
            return by  # TLS within TLS: no socket has the very bytes
        return LargeBodyTransport(by, kept if proxy is None else None)

    return HttpClient(ProxyRoutes(connections), kept, timeout=timeout, headers=headers)
