"""Which proxy a request goes by: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, as curl has them.

httpx reads them too, but refuses to start for a NO_PROXY such as `[::1]` or `fd00::/8`, knows no
networks there, and does not say which variable named a proxy that is dead.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from contextlib import suppress

import httpx

from flowtui.flow.errors import FlowError
from flowtui.text.printable import printable

VARIABLES = {"https": ("HTTPS_PROXY", "ALL_PROXY"), "http": ("HTTP_PROXY", "ALL_PROXY")}
"""Scheme of a URL → who names its proxy, in lower case too, the first that is set."""

_BY = " (by the proxy of "
_KNOWN = ("http", "https", "socks5", "socks5h")


class BadProxy(FlowError):
    """The proxy that the environment names cannot be used; the message says what to do."""

    default_code = "BAD_PROXY"


def proxy_of(scheme: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable that names a proxy for URLs of this scheme and the proxy, or None.

    `HTTP_PROXY` counts in lower case alone where a web server's CGI may have set it.
    """
    for name in VARIABLES[scheme]:
        for spelled in (name.lower(), name):
            if spelled == "HTTP_PROXY" and "REQUEST_METHOD" in environment:
                continue
            if value := environment.get(spelled, "").strip():
                value = value if "://" in value else f"http://{value}"
                return spelled, value.replace("socks://", "socks5://", 1)
    return None


def is_exempt(host: str, port: int, no_proxy: str) -> bool:
    """Whether NO_PROXY names a host: by name, domain, address or network, with a port or without.

    >>> is_exempt("api.flow.bio", 443, "localhost, .flow.bio")
    True
    """
    host = host.strip("[]").lower().rstrip(".")
    address = _address(host)
    for entry in no_proxy.lower().replace(",", " ").split():
        wanted = entry.partition("://")[2] or entry
        if wanted == "*":
            return True
        name, wanted_port = _split_port(wanted)
        if wanted_port is not None and wanted_port != port:
            continue
        if address is not None:
            with suppress(ValueError):
                if address in ipaddress.ip_network(name, strict=False):
                    return True
            continue
        domain = name.lstrip("*").strip(".")
        if domain and (host == domain or host.endswith(f".{domain}")):
            return True
    return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _split_port(entry: str) -> tuple[str, int | None]:
    """A name or address and the port behind it; `::1` has none."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        name += rest if rest.startswith("/") else ""
        port = rest.removeprefix(":")
    elif entry.count(":") == 1:
        name, _, port = entry.partition(":")
    else:
        return entry, None
    return name, int(port) if port.isdecimal() else None


class ProxyRoutes(httpx.BaseTransport):
    """Sends each request by the proxy of the environment, or without one."""

    def __init__(self, transport: Callable[[str | None], httpx.BaseTransport]) -> None:
        """`transport` makes the connections by a proxy, None for none.

        Raises BadProxy.
        """
        self._direct = transport(None)
        self._by_scheme: dict[str, tuple[str, httpx.BaseTransport]] = {}
        self._no_proxy = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
        if "*" in self._no_proxy.replace(",", " ").split():
            return
        made: dict[str, httpx.BaseTransport] = {}
        for scheme in VARIABLES:
            if (named := proxy_of(scheme, os.environ)) is not None:
                variable, proxy = named
                if proxy not in made:
                    made[proxy] = _checked(variable, proxy, transport)
                said = f"{variable}={_without_password(proxy)}"
                self._by_scheme[scheme] = said, made[proxy]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.BaseTransport`; what goes wrong on the way to a proxy names it."""
        url = request.url
        named = self._by_scheme.get(url.scheme)
        port = url.port or (443 if url.scheme == "https" else 80)
        if named is None or is_exempt(url.host, port, self._no_proxy):
            return self._direct.handle_request(request)
        said, transport = named
        try:
            return transport.handle_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise type(error)(f"{error}{_BY}{said})", request=request) from error

    def close(self) -> None:
        """Close all connections."""
        for transport in (self._direct, *(made for _, made in self._by_scheme.values())):
            transport.close()


def by_proxy(error: httpx.RequestError) -> str:
    """By which proxy a request failed, as ` (by the proxy of …)`, or nothing."""
    _, by, named = str(error).partition(_BY)
    return printable(by + named)


def _checked(
    variable: str, proxy: str, transport: Callable[[str | None], httpx.BaseTransport]
) -> httpx.BaseTransport:
    said = f"{variable}={_without_password(proxy)}"
    scheme = proxy.partition("://")[0].lower()
    if scheme not in _KNOWN:
        raise BadProxy(f"cannot use the proxy in {said}; write it as http://host:port") from None
    try:
        return transport(proxy)
    except ImportError:
        raise BadProxy(
            f"the proxy in {said} needs socksio; install it with"
            ' `pip install "flowtui[socks]"`, or set an http:// proxy'
        ) from None
    except (ValueError, httpx.InvalidURL):
        # Not chained: the address may hold the proxy's password.
        raise BadProxy(f"cannot use the proxy in {said}; write it as http://host:port") from None


def _without_password(proxy: str) -> str:
    scheme, _, rest = proxy.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
