"""Which server to talk to where the user named none.

The guide says api.flow.bio, the official client uses app.flow.bio/api, and the guide's host has
been seen to answer 503. A server that the user named is never swapped for another.
"""

from __future__ import annotations

import httpx

from flowtui.flow.errors import FlowError
from flowtui.flow.http.answers import SMALL, body_of, send
from flowtui.timings import Deadlines

PROBE_SECONDS = 5.0
"""How long to wait for a server that is only looked for."""

_PROBE = Deadlines(head=PROBE_SECONDS, grace=PROBE_SECONDS, longest=PROBE_SECONDS)


def answers_as_flow(server: str, http: httpx.Client) -> bool:
    """Whether `GET /me` without a token is answered as Flow does: JSON, 200 or 401."""
    try:
        response = send(http, http.build_request("GET", f"{server}/me"), SMALL, _PROBE)
        body = body_of(response)
    except (httpx.HTTPError, ValueError, FlowError):
        return False
    return response.status_code in (200, 401, 403) and isinstance(body, dict)


def find_server(default: str, other: str, *, http: httpx.Client) -> str | None:
    """`default` if it answers as Flow, else `other` if that does, else None."""
    return next((server for server in (default, other) if answers_as_flow(server, http)), None)
