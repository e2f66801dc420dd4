"""Signing in where an instance leaves that to another service: OAuth's device flow (RFC 8628).

The instance answers `POST /login` by 501 with `client_id` and `domain_url`. That service gives a
code, a person enters it in any browser, and it is asked until it gives an `id_token`, which `POST
/oidc-login` takes for a token of Flow (docs/flow-api.md, Signing in; medium trust).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from flowtui.flow.errors import FlowError, NotSignedIn, SingleSignOnOnly, UnexpectedAnswer
from flowtui.flow.http.answers import SMALL, body_of, send
from flowtui.flow.http.plain_http import is_safe
from flowtui.flow.responses import network_error
from flowtui.text.printable import printable
from flowtui.text.redaction import without_secrets

SCOPE = "openid profile email"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"

INTERVAL, SLOWER_BY, LONGEST_INTERVAL = 5.0, 5.0, 60.0
"""Seconds between two questions unless told, added by each `slow_down`, and at most (RFC 8628,
3.5)."""

LONGEST_LIFE = 3600.0
"""Seconds; a code that is said to be good for longer is not waited for longer."""


@dataclass(frozen=True)
class DeviceCode:
    """What a person needs to sign in, and what it is asked about by.

    Attributes:
        address: where to enter `user_code`, or that has it already. Both fit to be printed.
        seconds: how long the code is good. `interval`: seconds between two questions.
    """

    address: str
    user_code: str
    device_code: str
    seconds: float
    interval: float


def begin(http: httpx.Client, sso: SingleSignOnOnly) -> DeviceCode:
    """Ask for a code. Raises SingleSignOnOnly where the instance does not offer it, FlowError."""
    if not sso.client_id or not is_safe(sso.domain_url):
        raise sso
    body = _post(
        http, f"{sso.domain_url.rstrip('/')}/oauth/device/code",
        {"client_id": sso.client_id, "scope": SCOPE},
    )  # fmt: skip
    address = body.get("verification_uri_complete") or body.get("verification_uri")
    user_code, device_code = body.get("user_code"), body.get("device_code")
    if not (isinstance(address, str) and is_safe(address) and isinstance(user_code, str)
            and isinstance(device_code, str)):  # fmt: skip
        raise sso
    return DeviceCode(
        printable(address)[:500],
        printable(user_code)[:40],
        device_code,
        min(LONGEST_LIFE, _seconds(body.get("expires_in"), 900.0)),
        min(LONGEST_INTERVAL, _seconds(body.get("interval"), INTERVAL)),
    )


def await_token(
    http: httpx.Client,
    sso: SingleSignOnOnly,
    code: DeviceCode,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Ask until somebody has entered the code; the `id_token`. Raises NotSignedIn, FlowError."""
    interval, waited = code.interval, 0.0
    while waited < code.seconds:
        sleep(interval)
        waited += interval
        body = _post(
            http, f"{sso.domain_url.rstrip('/')}/oauth/token",
            {"client_id": sso.client_id, "grant_type": GRANT, "device_code": code.device_code},
        )  # fmt: skip
        token, error = body.get("id_token"), body.get("error")
        if isinstance(token, str) and token:
            return token
        if error == "slow_down":
            interval = min(LONGEST_INTERVAL, interval + SLOWER_BY)
        elif error == "access_denied":
            raise NotSignedIn("the sign-in was denied in the browser")
        elif error == "expired_token":
            break
        elif error != "authorization_pending":
            given = str(body.get("error_description") or error or "no reason given")
            words = printable(without_secrets(given))
            raise UnexpectedAnswer(f"single sign-on failed: {words[:300]}")
    raise NotSignedIn("the code was not entered in time; run `flowtui login` again")


def _post(http: httpx.Client, url: str, fields: dict[str, str]) -> dict[str, Any]:
    """The JSON object that a form is answered with, errors of OAuth too. Raises FlowError."""
    try:
        headers = {"Accept": "application/json"}
        response = send(http, http.build_request("POST", url, data=fields, headers=headers), SMALL)
    except httpx.RequestError as error:
        raise network_error(error, url) from error
    except (httpx.InvalidURL, ValueError) as error:
        raise FlowError(f"not a valid address of a sign-in service: {printable(url)}") from error
    finally:
        http.cookies.clear()
    try:
        body = body_of(response)
    except ValueError:
        body = None
    if not isinstance(body, dict) or (not response.is_success and "error" not in body):
        raise UnexpectedAnswer(
            f"unexpected answer from the sign-in service {printable(httpx.URL(url).host)}",
            status=response.status_code,
        )
    return body


def _seconds(value: object, default: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    return float(value) if 0 < value < _FOREVER else default


_FOREVER = 1e9
"""Seconds; some thirty years."""
