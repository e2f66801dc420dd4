"""The server: is it Flow, in which dialect, what does its clock say, does it take the token."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from flowtui.cli.checks.check import Check, fail, ok, parted, warn
from flowtui.text import quantities

if TYPE_CHECKING:
    import httpx

    from flowtui.flow.client import FlowClient
    from flowtui.flow.session.credentials import Credential

OFF, FAR_OFF = 60.0, 3600.0
"""Seconds by which the clock may differ until it is told, and until it is a failure: certificates
and tokens are then taken for expired, or for not yet valid."""

SECONDS = 5.0
"""How long no byte may come."""

Open = Callable[[str], "FlowClient"]
"""Opens a client of a server, without a credential; raises FlowError."""

LONGEST_NAME = 100
"""Characters of a user's name that are shown."""


@dataclass(frozen=True)
class Asked:
    """What came of asking a server who we are, without a token.

    Attributes:
        error: why it is not Flow; None where it is.
        date: by its clock, seconds since 1970; None where it did not say. `now`: by ours.
    """

    server: str
    error: Exception | None = None
    date: float | None = None
    now: float = 0.0


def ask(server: str, open_client: Open, now: Callable[[], float] = time.time) -> Asked:
    """Ask a server for `/me` without a token, once; Flow answers with JSON."""
    from flowtui.flow.errors import FlowError
    from flowtui.flow.http.answers import body_of
    from flowtui.flow.responses import WRONG_ADDRESS, error_of, is_web_page, web_page_error

    try:
        client = open_client(server)
    except FlowError as error:
        return Asked(server, error)
    try:
        began = now()
        response = client.session.exchange("GET", client.session.absolute("/me"))
        ended = now()
        asked = Asked(server, None, _date(response), (began + ended) / 2)
        if is_web_page(response):
            return replace(asked, error=web_page_error(response))
        if response.status_code not in (200, 401, 403):
            return replace(asked, error=error_of(response))
        try:
            is_flow = isinstance(body_of(response), dict)
        except ValueError:
            is_flow = False
        wrong = FlowError(f"{server} does not answer like Flow; {WRONG_ADDRESS}")
        return asked if is_flow else replace(asked, error=wrong)
    except FlowError as error:
        return Asked(server, error)
    finally:
        client.close()


def _date(response: httpx.Response) -> float | None:
    """When a server says that it answered, also where a cache kept the answer."""
    try:
        date = parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    age = response.headers.get("age", "")
    return date + int(age) if age.isdecimal() and len(age) < 9 else date


def server(asked: Asked, instead_of: str = "") -> Check:
    """Whether the server is Flow. `instead_of`: the default one, which does not answer so."""
    if asked.error is not None:
        remedy = "check the network, or name your Flow server with --server"
        what, remedy = parted(str(asked.error), remedy)
        if "certificate" in what and ("expired" in what or "not yet valid" in what):
            remedy = "set this machine's clock if it is wrong; else tell who runs the server"
        return fail("server", what, remedy)
    if instead_of:
        return warn(
            "server",
            f"{instead_of} does not answer like Flow; {asked.server} does, and is used",
            f'choose it for good with server = "{asked.server}" in the settings',
        )
    return ok("server", f"{asked.server} answers as Flow")


def clock(asked: Asked) -> Check:
    """This machine's clock beside the server's, whose Date is in whole seconds."""
    if asked.date is None:
        why = "did not answer" if asked.error is not None else "does not say what time it is"
        return warn(
            "clock",
            f"not compared: the server {why}",
            "compare `date -u` with another clock",
        )
    off = asked.now - asked.date
    if abs(off) < OFF:
        return ok("clock", "as the server's")
    text = f"{quantities.duration(abs(off))} {'ahead of' if off > 0 else 'behind'} the server's"
    remedy = "set it (`timedatectl set-ntp true`), or tell who runs this machine"
    return fail("clock", text, remedy) if abs(off) >= FAR_OFF else warn("clock", text, remedy)


def account(base: str, credential: Credential | None, open_client: Open) -> list[Check]:
    """Whether the server takes the token, and which dialect it speaks."""
    from flowtui.flow.errors import FlowError, NotFound, NotOffered, NotSignedIn, Refused
    from flowtui.flow.responses import json_of
    from flowtui.flow.session.confirmation import is_nobody

    if credential is None:
        return [_dialect(base, None, open_client)]
    good: Credential | None = None
    try:
        me = json_of(_get(base, "/me", credential, open_client))
        if is_nobody(me):
            raise NotSignedIn("the server does not take the token")
        good = credential
        sign_in = ok("sign-in", f"as {str(me.get('username') or me['id'])[:LONGEST_NAME]}")
    except NotSignedIn:
        if credential.refresh_token is not None:
            sign_in = ok("sign-in", "the access token has expired; the next command renews it")
        else:
            remedy = "run `flowtui login`, or replace the token where it comes from"
            sign_in = fail("sign-in", "the server does not take the token", remedy)
    except (NotFound, NotOffered, Refused):
        good = credential
        sign_in = ok("sign-in", "this server does not tell who a token is for")
    except FlowError as error:
        sign_in = fail("sign-in", *parted(error.message, "try again later"))
    return [sign_in, _dialect(base, good, open_client)]


def _get(base: str, path: str, credential: Credential | None, open_client: Open) -> httpx.Response:
    """One answer, good or bad. No session is renewed: that could be cut off, and the session lost.

    Raises FlowError.
    """
    from flowtui.flow.session.tokens import is_usable

    client = open_client(base)
    try:
        session = client.session
        headers = {}
        if credential is not None and is_usable(credential.token):
            session.address.require_safe("token")
            headers["Authorization"] = f"Bearer {credential.token}"
        return session.exchange("GET", session.absolute(path), headers=headers)
    finally:
        client.close()


def _dialect(base: str, credential: Credential | None, open_client: Open) -> Check:
    """Which dialect: the live one has a list of one's own projects, the documented one has not."""
    from flowtui.flow.errors import FlowError

    try:
        response = _get(base, "/projects/owned?page=1&count=1", credential, open_client)
    except FlowError as error:
        what, _ = parted(error.message, "")
        return warn("dialect", f"not known: {what}", "see the line of the server")
    if response.status_code in (200, 401, 403):
        return ok("dialect", "live (lists by page)")
    if response.status_code in (404, 405):
        return ok("dialect", "documented (lists within records)")
    return warn(
        "dialect",
        f"not known: the list of your projects was answered with {response.status_code}",
        "try again later; if it stays so, tell who runs the server",
    )
