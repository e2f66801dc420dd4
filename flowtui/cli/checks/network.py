"""The way to the server: names and addresses, the proxy, certificates."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flowtui.cli.checks.check import Check, fail, ok, warn

CONNECT_SECONDS = 3.0
"""How long one address may take."""

Address = tuple[socket.AddressFamily, Any]
"""Family, and what `connect` takes."""

_NETWORK = (
    "check the network; on a cluster, compute nodes often need a proxy (HTTPS_PROXY) or have no"
    " network at all"
)


@dataclass(frozen=True)
class Endpoint:
    """What is connected to first: the server, or the proxy that leads to it.

    Attributes:
        by: the variable that names the proxy; empty without one.
    """

    host: str
    port: int
    by: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" + (f" (the proxy of {self.by})" if self.by else "")


def endpoint(server: str, environment: Mapping[str, str]) -> Endpoint:
    """What a request to this server connects to. Raises ValueError for a proxy without a host."""
    from flowtui.flow.http.proxies import is_exempt, proxy_of

    parts = urlsplit(server)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    named = proxy_of(parts.scheme, environment)
    no_proxy = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if named is None or is_exempt(host, port, no_proxy):
        return Endpoint(host, port)
    variable, proxy = named
    by = urlsplit(proxy)
    if not by.hostname:
        raise ValueError(f"{variable} names no host")
    usual = 1080 if by.scheme.startswith("socks") else 443 if by.scheme == "https" else 80
    return Endpoint(by.hostname, by.port or usual, variable)


def proxy(server: str, environment: Mapping[str, str], try_out: Callable[[], None]) -> Check:
    """Which proxy leads to the server; `try_out` makes a client and raises BadProxy."""
    from flowtui.flow.http.proxies import VARIABLES, BadProxy

    names = "/".join(VARIABLES[urlsplit(server).scheme])
    try:
        try_out()
        to = endpoint(server, environment)
    except BadProxy as error:
        return fail("proxy", error.message, f"correct or unset {names}")
    except ValueError as error:
        return fail("proxy", f"a proxy that is no address: {error}", f"correct or unset {names}")
    if to.by:
        return ok("proxy", f"{to.host}:{to.port}, by {to.by}")
    is_set = any(environment.get(n) or environment.get(n.lower()) for n in names.split("/"))
    return ok("proxy", "none for this server, by NO_PROXY" if is_set else "none")


def certificates(ca_file: str | None) -> Check:
    """Whether the certificate authorities of the settings and the environment can be used."""
    from flowtui.flow.http.certificates import BadCertificateFile, tls_context, trust_in_words

    try:
        tls_context(ca_file)
    except BadCertificateFile as error:
        return fail("certificates", error.message, "correct ca_file in the settings, or remove it")
    said = trust_in_words().removeprefix("; ")
    if "was not used" in said:
        return warn("certificates", said, "correct or unset the variable")
    text = said or "those of the system, and certifi's"
    return ok("certificates", text + (f"; and those of {ca_file} (ca_file)" if ca_file else ""))


def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a host, in the order in which they are tried. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def connect(address: Address) -> None:
    """Connect and hang up. Raises OSError."""
    family, where = address
    with socket.socket(family, socket.SOCK_STREAM) as made:
        made.settimeout(CONNECT_SECONDS)
        made.connect(where)


def addresses(
    to: Endpoint,
    resolve: Callable[[str, int], Sequence[Address]],
    connect: Callable[[Address], None],
) -> list[Check]:
    """Whether the name is known, and whether its addresses can be reached, by IPv6 too."""
    try:
        found = resolve(to.host, to.port)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        remedy = f"correct {to.by}" if to.by else "check the address with --server"
        return [fail("dns", f"{to.host}: {why}", f"{remedy}, and the network (/etc/resolv.conf)")]
    families = {family: (family, address) for family, address in reversed(found)}
    shown = ", ".join(str(address[0]) for _, address in dict.fromkeys(found))
    dns = ok("dns", f"{to.host} is {shown}")
    trouble = {family: _trouble(address, connect) for family, address in families.items()}
    reached = [family for family, error in trouble.items() if error is None]
    if not reached:
        why = "; ".join(dict.fromkeys(_words(error) for error in trouble.values()))
        remedy = f"correct or unset {to.by}" if to.by else _NETWORK
        return [dns, fail("connection", f"cannot connect to {to}: {why}", remedy)]
    return [dns, ok("connection", f"to {to}"), _ipv6(trouble)]


def _ipv6(trouble: Mapping[socket.AddressFamily, OSError | None]) -> Check:
    """What IPv6 has to do with it, where something was reached: family → why it was not."""
    if socket.AF_INET6 not in trouble:
        return ok("ipv6", "not used: the name has IPv4 addresses alone")
    error = trouble[socket.AF_INET6]
    if error is None:
        return ok("ipv6", "works")
    if isinstance(error, TimeoutError):
        return warn(
            "ipv6",
            "the IPv6 address does not answer: every new connection waits for it in vain",
            "have the network's IPv6 mended, or prefer IPv4:"
            " `precedence ::ffff:0:0/96 100` in /etc/gai.conf",
        )
    return ok("ipv6", f"not used ({_words(error)}); IPv4 is, at once")


def _trouble(address: Address, connect: Callable[[Address], None]) -> OSError | None:
    try:
        connect(address)
    except OSError as error:
        return error
    return None


def _words(error: OSError | None) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_SECONDS:g} s"
    return "" if error is None else error.strerror or type(error).__name__
