"""`credentials.json`: the tokens of one user, by server, in a file of mode 0600.

The engine and several clients read, change and write it, each under its lock.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from flowtui.flow.session.credentials import Credential, CredentialSource, SaveError
from flowtui.flow.session.process_locks import flock_within
from flowtui.system.files import (
    NotOurs,
    UnfitFile,
    open_regular,
    parse_json,
    private_folder,
    read_open,
    write_private,
)

LEFTOVERS = ".credentials.*"
"""Files that were to replace the credentials, also an older version's; a kill may leave one."""

MOST = 4 << 20
"""Bytes that are read of it."""

LOCK_SECONDS = 2.0
"""How long another process may hold the file before it is written all the same."""


class Removed(NamedTuple):
    """What was taken out of the file."""

    username: str | None


class CredentialFile:
    """One credential for each server. Safe to use from many threads, and many processes."""

    def __init__(self, path: Path) -> None:
        """Neither the file nor its folder need exist yet."""
        self.path = path
        self._lock = threading.Lock()

    def get(self, server: str, username: str | None) -> Credential | None:
        """What is kept for a server, if it is this user's (or anybody's, for None).

        Raises SaveError where the file must not or cannot be read.
        """
        with self._lock:
            entry = _entry(self._read(), server, username)
        if entry is None:
            return None
        refresh = entry.get("refresh_token")
        return Credential(
            entry["token"],
            refresh if isinstance(refresh, str) else None,
            _username(entry),
            CredentialSource.FILE,
            str(self.path),
        )

    def put(self, server: str, credential: Credential) -> None:
        """Keep a credential. Raises SaveError."""
        with self._locked():
            self._write_entry(self._read(), server, credential)

    def update(self, server: str, credential: Credential) -> None:
        """Keep a credential instead of an older one of the same user, if that is still there.

        Raises SaveError.
        """
        with self._locked():  # no sign-out may come between reading and writing
            stored = self._read()
            if _entry(stored, server, credential.username) is not None:
                self._write_entry(stored, server, credential)

    def remove(self, server: str) -> None:
        """Take out what is kept for a server. Raises SaveError."""
        with self._locked():
            self._take_out(server, self._read())

    def clear(self, server: str) -> Removed | None:
        """As `remove`, also from a file that others can read, and from what killed writers left.

        None where nothing was kept. Raises SaveError.
        """
        with self._locked() as is_alone:
            if is_alone:
                self._remove_leftovers()
            return self._take_out(server, self._read(allow_open=True))

    def tidy(self) -> None:
        """Close the folder to others, and remove what a killed process left of tokens in it.

        Nobody is hurt where that cannot be: reading and writing say what is wrong.
        """
        with contextlib.suppress(OSError, NotOurs):
            if not self.path.parent.is_dir():
                return
            private_folder(self.path.parent)
            if any(self._leftovers()):
                with self._locked() as is_alone:
                    if is_alone:  # else one of them may just be written
                        self._remove_leftovers()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[bool]:
        """Hold the file against other threads, and against the other processes of this user.

        The lock is on the folder, since the file itself is replaced. Where a file system has no
        locks, it goes without, and gives False.
        """
        with self._lock, contextlib.ExitStack() as held:
            folder = None
            with contextlib.suppress(OSError):  # no folder yet: nobody else has it either
                folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            if folder is not None:
                held.callback(os.close, folder)
            yield folder is not None and flock_within(folder, LOCK_SECONDS)

    def _take_out(self, server: str, stored: dict[str, Any]) -> Removed | None:
        if (entry := stored.pop(_key(server), None)) is None:
            return None
        self._write(stored)
        return Removed(_username(entry) if isinstance(entry, dict) else None)

    def _write_entry(self, stored: dict[str, Any], server: str, credential: Credential) -> None:
        stored[_key(server)] = {
            "username": credential.username,
            "token": credential.token,
            "refresh_token": credential.refresh_token,
        }
        self._write(stored)

    def _read(self, *, allow_open: bool = False) -> dict[str, Any]:
        try:
            with open(open_regular(self.path, os.O_NOFOLLOW), "rb") as stream:
                status = os.fstat(stream.fileno())
                if status.st_uid != os.getuid():
                    raise SaveError(f"{self.path} is another user's; move it away")
                if stat.S_IMODE(status.st_mode) & 0o077 and not allow_open:
                    raise SaveError(f"other users can read {self.path}; run: chmod 600 {self.path}")
                text = read_open(stream.fileno(), MOST, self.path).decode()
            stored = parse_json(text)
        except (FileNotFoundError, NotADirectoryError):  # a home may be /dev/null
            return {}
        except UnfitFile as error:
            raise SaveError(f"cannot read {self.path}: {error.strerror}") from None
        except OSError as error:
            raise SaveError(f"cannot read {self.path}: {error.strerror}; move it away") from None
        except ValueError:
            stored = None
        if not isinstance(stored, dict):
            raise SaveError(f"cannot read {self.path}: it is damaged; move it away and sign in")
        return stored

    def _write(self, stored: dict[str, Any]) -> None:
        try:
            private_folder(self.path.parent)
            write_private(self.path, json.dumps(stored))
        except OSError as error:
            raise SaveError(f"cannot write {self.path}: {error.strerror}") from error
        except NotOurs as error:
            raise SaveError(f"cannot write {self.path}: {error}") from None

    def _remove_leftovers(self) -> None:
        for path in self._leftovers():
            with contextlib.suppress(OSError):  # it will be tried again
                path.unlink()

    def _leftovers(self) -> Iterator[Path]:
        return self.path.parent.glob(LEFTOVERS)


def _entry(stored: dict[str, Any], server: str, username: str | None) -> dict[str, Any] | None:
    """What the file has for a server, if it is a token, and this user's."""
    entry = stored.get(_key(server))
    if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
        return None
    name = entry.get("username")
    return None if username and name and name != username else entry


def _username(entry: dict[str, Any]) -> str | None:
    name = entry.get("username")
    return name if isinstance(name, str) else None


def _key(server: str) -> str:
    """A server's key in the file."""
    return server.rstrip("/")
