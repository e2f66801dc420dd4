"""Tokens of the demo that end at a counted request, and the record of what that hid."""

from __future__ import annotations

from collections import Counter

from flowtui.demo.app import RecordedRequest
from flowtui.demo.serve import DemoServer


def end_tokens(server: DemoServer, *, lists: int, downloads: int) -> None:
    """End all tokens when so many samples were listed, and again when so many files were asked for.

    The request with which they end arrives with an ended token, so one is surely met.
    """
    arrived: Counter[str] = Counter()
    ends = {"samples": lists, "downloads": downloads}

    def count(path: str) -> None:
        kind = path.split("/")[2]
        arrived[kind] += 1
        if arrived[kind] == ends.get(kind):
            server.service.accounts.expire_all()

    server.service.arrived = count


def hidden(server: DemoServer, kind: str) -> list[RecordedRequest]:
    """The questions about private things that were answered 404 because their token had ended."""
    return [request for request in server.requests
            if request.path.startswith(f"/api/{kind}/")
            and request.had_ended and request.status == 404]  # fmt: skip
