"""The token of a session: the one in force, and another in its place when its life ends."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import httpx

from flowtui.flow.errors import FlowError
from flowtui.flow.responses import json_of
from flowtui.flow.session.address import ServerAddress
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.flow.session.credentials import Credential, CredentialSource, SaveError
from flowtui.flow.session.token_life import renew_in
from flowtui.flow.session.tokens import REFRESH_COOKIE, is_usable, tokens_of

_KEPT = (CredentialSource.KEYRING, CredentialSource.FILE)
"""Where several processes share one session."""


class Exchange(Protocol):
    """Sends a request as it is."""

    def __call__(
        self, method: str, url: str, *, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """The answer, good or bad. Raises FlowError where none comes."""


class SessionToken:
    """The credential in force at one server. Safe to use from many threads."""

    def __init__(
        self,
        address: ServerAddress,
        exchange: Exchange,
        credential: Credential | None,
        store: CredentialStore | None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        time_of_day: Callable[[], float] = time.time,
    ) -> None:
        """`store` is where other processes look for the token too; None where none is kept."""
        self._address = address
        self._exchange = exchange
        self._credential = credential
        self._store = store
        self._sleep = sleep
        self._clock = clock
        self._time_of_day = time_of_day
        self._refreshing = threading.Lock()
        self._note_life(credential, is_fresh=False)
        # Shared by those who waited for the same attempt: how many there were, how the last ended.
        self._attempts = 0
        self._trouble: FlowError | None = None
        self._spent: set[str] = set()

    @property
    def credential(self) -> Credential | None:
        """What is in force now."""
        return self._credential

    def use(self, credential: Credential | None) -> None:
        """Use another credential from now on."""
        self._credential = credential
        self._note_life(credential, is_fresh=False)

    def headers_for(self, url: str) -> dict[str, str]:
        """`Authorization` for the server's own origin, nothing for any other.

        A token that is about to end is renewed before. Raises InsecureServer.
        """
        self._renew_ahead()
        return self._headers_for(url)

    def _headers_for(self, url: str) -> dict[str, str]:
        credential = self._credential
        if credential is None or not is_usable(credential.token) or not self._address.is_own(url):
            return {}
        self._address.require_safe("token")
        return {"Authorization": f"Bearer {credential.token}"}

    def refresh(self, used_token: str | None) -> bool:
        """See that another token than `used_token` is in force.

        However many threads call, one request is sent; the others wait for what comes of it.
        First it is looked whether the store has a newer token: another process may have got one.
        False means that a sign-in is needed. Raises ServiceUnavailable where the server does not
        answer, UnexpectedAnswer where something else answers in its place.
        """
        seen = self._attempts
        with self._refreshing:
            current = self._credential
            if current is None:
                return False
            if current.token != used_token:
                return True
            if self._attempts != seen:  # one failed while this thread waited
                if self._trouble is not None:
                    raise self._trouble
                return False
            self._spent.add(current.token)
            try:
                with self._store.renewing() if self._store else contextlib.nullcontext(True) as own:
                    renewed = (
                        self._newer_in_store(current, elsewhere=False)
                        or (not self._is_signed_out(current) and self._refresh(current))
                        or self._newer_in_store(current, elsewhere=True)
                        or (not own and self._awaited_from_store(current))
                    )
            except FlowError as error:
                self._attempts, self._trouble = self._attempts + 1, error
                raise
            self._attempts, self._trouble = self._attempts + 1, None
            return renewed

    def _note_life(self, credential: Credential | None, *, is_fresh: bool) -> None:
        """Take note of when a token that is in force from now on is to be renewed."""
        self._renew_at = math.inf
        if credential is not None:
            left = renew_in(credential.token, self._time_of_day(), is_fresh=is_fresh)
            self._renew_at = self._clock() + left

    def _renew_ahead(self) -> None:
        """Renew the token where its end is near; that it cannot be is seen when it has ended."""
        current = self._credential
        if current is None or self._clock() < self._renew_at:
            return
        self._renew_at = math.inf  # one try for each token
        with contextlib.suppress(FlowError):
            self.refresh(current.token)

    def _newer_in_store(self, current: Credential, *, elsewhere: bool) -> bool:
        """Take a token that another process has stored for this user, if it was not tried yet.

        With `elsewhere`, also one that is kept in another place than the current one.
        """
        if self._store is None:
            return False
        try:
            stored = self._store.find(self._address.url, current.username)
        except SaveError:
            return False  # then there is nothing newer to be had
        if stored is None or stored.token in self._spent or stored.username != current.username:
            return False
        if stored.source is not current.source and not (elsewhere and current.username):
            return False
        return self._replace(current, stored)

    def _is_signed_out(self, current: Credential) -> bool:
        """Whether another process has removed what this session was read from."""
        if self._store is None or current.source not in _KEPT:
            return False
        try:
            stored = self._store.find(self._address.url, current.username)
        except SaveError:
            return False
        return stored is None or stored.source is not current.source

    def _awaited_from_store(self, current: Credential) -> bool:
        """Wait a while for what another process may just be getting, where nothing can be locked.

        The refresh token is one for all: who comes second is refused until the first has written.
        """
        if current.source not in _KEPT or not current.refresh_token:
            return False
        for seconds in (0.5, 1.0, 2.0, 4.0):
            self._sleep(seconds)
            if self._newer_in_store(current, elsewhere=False):
                return True
        return False

    def _refresh(self, current: Credential) -> bool:
        # The live service wants the cookie, the documented one the old token: both are sent.
        headers = self._headers_for("/token")
        if is_usable(current.refresh_token):
            headers["Cookie"] = f"{REFRESH_COOKIE}={current.refresh_token}"
        if not headers:
            return False
        response = self._exchange("GET", self._address.absolute("/token"), headers=headers)
        if response.status_code in (400, 401, 403, 404, 405):
            return False
        json_of(response)
        token, refresh = tokens_of(response)
        if token is None or token == current.token:
            return False
        renewed = replace(current, token=token, refresh_token=refresh or current.refresh_token)
        if not self._replace(current, renewed, is_fresh=True):
            return self._credential is not None
        if self._store is not None:
            try:
                self._store.update(self._address.url, current, renewed)
            except SaveError:
                # The session goes on with the new token; only the next process must refresh again.
                return True
        return True

    def _replace(self, current: Credential, new: Credential, *, is_fresh: bool = False) -> bool:
        """Put `new` in force, unless somebody signed in or out meanwhile."""
        if self._credential is not current:
            return False
        self._credential = new
        self._note_life(new, is_fresh=is_fresh)
        return True
