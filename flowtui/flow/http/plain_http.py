"""Where a token may go, over https or no further than this machine; nobody leads out of https."""

from __future__ import annotations

import ipaddress

import httpx


def is_safe(url: str) -> bool:
    """Whether what goes to this address can be read by nobody on the way."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return False
    return parsed.scheme == "https" or (parsed.scheme == "http" and _is_loopback(parsed.host))


def is_downgrade(before: str, after: str) -> bool:
    """Whether a server leads from https to http, by a link or a redirect: it is not followed.

    Raises httpx.InvalidURL where it may be one and is no address.
    """
    if after.startswith("https://") or before.startswith("http://"):
        return False  # httpx takes 0.1 ms to read an address, and each small file has one
    return httpx.URL(before).scheme == "https" and httpx.URL(after).scheme == "http"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
