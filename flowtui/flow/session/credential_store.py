"""Where tokens are looked for, in which order, and where they are kept.

The guide keeps the access token in the keyring, service `flow-api`, key = the user name, and falls
back to `FLOW_ACCESS_TOKEN`. The official client reads `FLOW_API_TOKEN` and a token file. Over SSH
there is often no keyring at all: then a file of mode 0600 does, if the user wants one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from flowtui.flow.session.credential_file import CredentialFile
from flowtui.flow.session.credential_keyring import CredentialKeyring, key_of
from flowtui.flow.session.credentials import Credential, CredentialSource, SaveError
from flowtui.flow.session.given_tokens import from_environment, from_token_file, token_file
from flowtui.flow.session.keyring_access import SERVICE, KeyringError
from flowtui.flow.session.process_locks import renewing
from flowtui.text.redaction import TOKEN_VARIABLES


class CredentialStore:
    """The credentials of one user of this machine. Safe to use from many threads."""

    def __init__(self, config: Path, environment: Mapping[str, str] = os.environ) -> None:
        """`config` is flowtui's configuration folder; it need not exist yet.

        `environment` is where TOKEN_VARIABLES are looked for.
        """
        self._environment = environment
        self._config = config
        self._file = CredentialFile(config / "credentials.json")
        self._keyring = CredentialKeyring()

    def find(self, server: str, username: str | None) -> Credential | None:
        """The first credential there is: keyring (and our file), environment, token file.

        Raises SaveError where a file is there but must not or cannot be read.
        """
        return (
            self._keyring.get(server, username)
            or self._file.get(server, username)
            or from_environment(self._environment)
            or from_token_file(server)
        )

    def keep(self, server: str, credential: Credential, where: CredentialSource) -> Credential:
        """Keep a credential in the keyring, in the 0600 file, or in memory only.

        Raises SaveError.
        """
        name = credential.username
        detail = str(self._file.path) if where is CredentialSource.FILE else ""
        kept = replace(credential, source=where, detail=detail)
        if where is CredentialSource.KEYRING:
            if not name:
                raise SaveError("the keyring needs a user name to keep a token under")
            self._keyring.put(server, name, kept)
            self._file.remove(server)
        elif where is CredentialSource.FILE:
            self._file.put(server, kept)
            self._drop_from_keyring(server, name)
        elif where is not CredentialSource.MEMORY:
            raise SaveError(f"cannot keep a token in: {where.value}")
        return kept

    def forget(self, server: str, username: str | None) -> list[str]:
        """Remove what was stored for this server; what was removed and what remains, for people."""
        messages: list[str] = []
        try:
            removed = self._file.clear(server)
        except SaveError as error:  # the keyring is to be cleared all the same
            messages.append(f"{error}; a token may still be in it")
        else:
            if removed is not None:
                messages.append(f"removed the token from {self._file.path}")
                username = username or removed.username
        if username and self._keyring.works():
            key = key_of(server, username)
            try:
                if self._keyring.remove(server, username):
                    messages.append(f"removed {key} from the keyring")
            except KeyringError as error:
                messages.append(
                    f"cannot remove {key} from the keyring ({error}); remove it yourself "
                    f"(service {SERVICE})"
                )
        for name in TOKEN_VARIABLES:
            if self._environment.get(name):
                messages.append(f"{name} is still set in the environment; unset it to sign out")
        remaining = token_file()
        if remaining is not None and remaining.is_file():
            messages.append(f"{remaining} still exists; flowtui did not create it and leaves it")
        return messages

    def update(self, server: str, old: Credential, new: Credential) -> None:
        """After a refresh: write the new token where the old one is still kept.

        Where somebody signed out meanwhile nothing is written. Raises SaveError.
        """
        new = replace(new, username=new.username or old.username)
        if old.source is CredentialSource.FILE:
            self._file.update(server, new)
        elif (
            old.source is CredentialSource.KEYRING
            and new.username
            and self._keyring.get(server, new.username) is not None
        ):
            self._keyring.put(server, new.username, new)

    def renewing(self) -> AbstractContextManager[bool]:
        """Hold off the other processes of this user while a session is renewed; see `renewing`."""
        return renewing(self._config)

    def keyring_works(self) -> bool:
        """Whether there is a keyring that keeps passwords; found out once, in limited time."""
        return self._keyring.works()

    def tidy(self) -> None:
        """Remove what a killed process left of tokens; see `CredentialFile.tidy`."""
        self._file.tidy()

    def _drop_from_keyring(self, server: str, username: str | None) -> None:
        """A token in the keyring would be found before the one in the file."""
        if not username or not self._keyring.works():
            return
        try:
            self._keyring.remove(server, username)
        except KeyringError as error:
            raise SaveError(
                f"cannot remove an older token from the keyring ({error}); remove "
                f"{key_of(server, username)} yourself (service {SERVICE})"
            ) from error
