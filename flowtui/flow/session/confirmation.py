"""Whether a refusal is to be believed: of a token that has ended the service says odd things."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from flowtui.flow.errors import FlowError, NotSignedIn
from flowtui.flow.responses import error_of, json_of
from flowtui.flow.session.address import ServerAddress
from flowtui.flow.session.session_token import Exchange, SessionToken

CONFIRMED = 60.0
"""Seconds for which a token counts as good that `/me` has called so."""


class Confirmation:
    """Asks `/me` whether the token in force is good. Safe to use from many threads."""

    def __init__(
        self,
        address: ServerAddress,
        exchange: Exchange,
        token: SessionToken,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._exchange = exchange
        self._token = token
        self._clock = clock
        self._confirming = threading.Lock()
        self._confirmed: tuple[str, float] | None = None  # a good token, and when that was said
        # Shared by those who waited for the same question: how many there were, how the last ended.
        self._doubts = 0
        self._doubt: FlowError | None = None

    def confirm(self, used_token: str | None) -> bool:
        """Whether a refusal is to be asked about again, since another token is in force by now.

        The live service takes an ended token as none, and answers 404, or an empty list, for what
        is private (docs/flow-api.md, Signing in). So a refusal counts only of a token that `/me`
        has called good within CONFIRMED seconds, or does now; one question is enough however many
        wait. False means: believe it. Raises NotSignedIn where the session has ended and cannot be
        renewed, ServiceUnavailable where nobody can say.
        """
        if used_token is None:
            return False  # nobody was signed in: that is what nobody may see
        seen = self._doubts
        with self._confirming:
            current = self._token.credential
            if current is None or current.token != used_token:
                return current is not None
            if self._doubts != seen and self._doubt is not None:  # while this thread waited
                raise self._doubt
            if self._is_confirmed(used_token):
                return False
            try:
                if self._is_taken(used_token):
                    self.note_good(used_token)
                    return False
                if self._token.refresh(used_token):
                    return True
                raise NotSignedIn("the session has ended; run `flowtui login`", status=401)
            except FlowError as error:
                self._doubts, self._doubt = self._doubts + 1, error
                raise

    def note_good(self, token: str) -> None:
        """`/me` has just said that this token is good."""
        self._confirmed = (token, self._clock())

    def _is_confirmed(self, token: str) -> bool:
        known = self._confirmed
        return known is not None and known[0] == token and self._clock() - known[1] < CONFIRMED

    def _is_taken(self, token: str) -> bool:
        """Whether `/me` takes the token; a server without it has to be believed as it is."""
        headers = {"Authorization": f"Bearer {token}"}
        response = self._exchange("GET", self._address.absolute("/me"), headers=headers)
        status = response.status_code
        if status == 401:
            return False
        if response.is_success:
            return not is_nobody(json_of(response))
        if status >= 500 or status == 429:
            raise error_of(response)
        return True  # no such route, or one that this key may not use: the key itself was known


def is_nobody(me: object) -> bool:
    """Whether an answer of `/me` names nobody: older servers say so of a bad token, not by 401."""
    return not isinstance(me, dict) or not me.get("id")
