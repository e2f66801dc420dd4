"""The keyring of the desktop, asked in limited time.

Over SSH there is often none, or a locked one that waits for a window which nobody sees. Backends
raise whatever their platform raises. So each question is asked in a thread of its own, and the
answer is: what it says, or KeyringError.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

SERVICE = "flow-api"
"""The guide's name of the keyring service."""

KEYRING_SECONDS = 3.0
"""How long a keyring may take."""

T = TypeVar("T")


class KeyringError(Exception):
    """The keyring did not do what was asked; the message names the kind of error only."""


def works() -> bool:
    """Whether there is a keyring that keeps passwords."""

    def probe() -> bool:
        # Importing looks for backends, which may already ask a desktop that does not answer.
        import keyring
        import keyring.backends.fail
        import keyring.backends.null

        backend = keyring.get_keyring()
        useless = (keyring.backends.fail.Keyring, keyring.backends.null.Keyring)
        if isinstance(backend, useless) or backend.priority <= 0:
            return False
        keyring.get_password(SERVICE, "flowtui-probe")
        return True

    try:
        return _in_time(probe)
    except KeyringError:
        return False


def get(key: str) -> str | None:
    """The password under a key. Raises KeyringError."""

    def ask() -> str | None:
        import keyring

        return keyring.get_password(SERVICE, key)

    return _in_time(ask)


def put(key: str, password: str) -> None:
    """Keep a password. Raises KeyringError."""

    def ask() -> None:
        import keyring

        keyring.set_password(SERVICE, key, password)

    _in_time(ask)


def remove(key: str) -> bool:
    """Remove a password; False where there was none. Raises KeyringError."""

    def ask() -> bool:
        import keyring

        if keyring.get_password(SERVICE, key) is None:
            return False
        keyring.delete_password(SERVICE, key)
        return True

    return _in_time(ask)


def _in_time(ask: Callable[[], T]) -> T:
    """What `ask` gives, if it gives it in KEYRING_SECONDS. Raises KeyringError."""
    result: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            result.append(ask())
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(KEYRING_SECONDS)
    if result:
        return result[0]
    if errors:
        # Not chained: a backend's message might show what it was to keep.
        raise KeyringError(type(errors[0]).__name__) from None
    raise KeyringError("no answer")
