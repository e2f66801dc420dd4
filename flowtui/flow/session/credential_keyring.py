"""The credentials in the desktop's keyring, under the guide's service and keys.

A token is for one server. The guide's key, the user name, is used for Flow's own hosts; another
server's tokens are kept under `user@host`, so that none is ever sent to a server it is not for.
"""

from __future__ import annotations

from flowtui.flow.session import keyring_access
from flowtui.flow.session.credentials import (
    FLOW_HOSTS,
    Credential,
    CredentialSource,
    SaveError,
    host_of,
)
from flowtui.flow.session.keyring_access import KeyringError


class CredentialKeyring:
    """The keyring's credentials, by server and user. Safe to use from many threads."""

    def __init__(self) -> None:
        self._works: bool | None = None

    def works(self) -> bool:
        """Whether there is a keyring that keeps passwords; found out once, in limited time."""
        if self._works is None:
            self._works = keyring_access.works()
        return self._works

    def get(self, server: str, username: str | None) -> Credential | None:
        """A user's credential for a server; None where there is none, or no keyring."""
        if not username or not self.works():
            return None
        key = key_of(server, username)
        try:
            token = keyring_access.get(key)
            if not token:
                return None
            refresh = keyring_access.get(_refresh_key(key))
        except KeyringError:
            # A keyring that fails now is as good as none; the next place is asked.
            self._works = False
            return None
        return Credential(token, refresh or None, username, CredentialSource.KEYRING)

    def put(self, server: str, username: str, credential: Credential) -> None:
        """Keep a credential. Raises SaveError."""
        if not self.works():
            raise SaveError("no keyring is available; keep the token in a file, or in memory only")
        key = key_of(server, username)
        try:
            keyring_access.put(key, credential.token)
            if credential.refresh_token:
                keyring_access.put(_refresh_key(key), credential.refresh_token)
            else:
                keyring_access.remove(_refresh_key(key))  # an earlier sign-in's, not this one's
        except KeyringError as error:
            raise SaveError(
                f"the keyring rejected the token ({error}); keep it in a file, or in memory only"
            ) from error

    def remove(self, server: str, username: str) -> bool:
        """Remove a user's tokens; False where there were none. Raises KeyringError."""
        key = key_of(server, username)
        return any([keyring_access.remove(key), keyring_access.remove(_refresh_key(key))])


def key_of(server: str, username: str) -> str:
    """The key of an access token, never the same for two users or two servers.

    A name with `@` at Flow's own hosts is told from `user@host` of other servers by `@flow.bio`.
    """
    host = host_of(server)
    if host in FLOW_HOSTS:
        return f"{username}@flow.bio" if "@" in username else username
    return f"{username}@{host}"


def _refresh_key(key: str) -> str:
    return f"{key}#refresh"
