"""Where tokens come from and where they are kept.

The guide keeps the access token in the keyring, service `flow-api`, key = the user name, and falls
back to `FLOW_ACCESS_TOKEN`. The official client reads `FLOW_API_TOKEN` and a token file. Over SSH
there is often no keyring at all: then a file of mode 0600 does, if the user wants one.

A token is for one server. The guide's keyring key is used for Flow's own hosts; another server's
tokens are kept under `user@host`, so that none is ever sent to a server it is not for.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import stat
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flowtui.flow import keyring_access
from flowtui.flow.keyring_access import SERVICE, KeyringError
from flowtui.system.files import NotOurs, private_folder
from flowtui.text.redaction import TOKEN_VARIABLES, know

FLOW_HOSTS = frozenset({"api.flow.bio", "app.flow.bio"})

LEFTOVER = ".credentials."
"""What the name of a file begins with that is to replace the credentials; a kill may leave one."""

LOCK_SECONDS = 2.0
"""How long another process may hold the file before it is written all the same."""


RENEWAL_SECONDS = 30.0
"""How long another process may take to renew the session before it is not waited for."""


class CredentialSource(StrEnum):
    """Where a credential is from, or is to be kept."""

    KEYRING = "keyring"
    FILE = "file"
    ENVIRONMENT = "environment"
    TOKEN_FILE = "token-file"  # noqa: S105
    MEMORY = "memory"


class SaveError(Exception):
    """A credential cannot be kept where it was wanted; the message says why and what to do."""


@dataclass(frozen=True)
class Credential:
    """What proves who the user is. Its tokens are in no repr.

    Attributes:
        refresh_token: gets new access tokens; None for an API key.
        detail: which variable or file it is from, for people.
        notice: what is wrong with that file and what to do, for people; else empty.
    """

    token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    username: str | None = None
    source: CredentialSource = CredentialSource.MEMORY
    detail: str = ""
    notice: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        know(self.token, self.refresh_token)  # from now on they are in nothing that is shown


class CredentialStore:
    """The credentials of one user of this machine. Safe to use from many threads."""

    def __init__(self, config: Path, environment: Mapping[str, str] = os.environ) -> None:
        """`config` is flowtui's configuration folder; it need not exist yet.

        `environment` is where TOKEN_VARIABLES are looked for.
        """
        self._environment = environment
        self._file = config / "credentials.json"
        self._lock = threading.Lock()
        self._works: bool | None = None

    def find(self, server: str, username: str | None) -> Credential | None:
        """The first credential there is: keyring (and our file), environment, token file.

        Raises SaveError where a file is there but must not or cannot be read.
        """
        return (
            self._from_keyring(server, username)
            or self._from_file(server, username)
            or _from_environment(self._environment)
            or _from_token_file(server)
        )

    def keep(self, server: str, credential: Credential, where: CredentialSource) -> Credential:
        """Keep a credential in the keyring, in the 0600 file, or in memory only.

        Raises SaveError.
        """
        kept = replace(credential, source=where, detail=self._detail(where))
        name = credential.username
        if where is CredentialSource.KEYRING:
            if not name:
                raise SaveError("the keyring needs a user name to keep a token under")
            self._to_keyring(server, name, kept)
            self._drop_from_file(server)
        elif where is CredentialSource.FILE:
            self._to_file(server, kept)
            self._drop_from_keyring(server, name)
        elif where is not CredentialSource.MEMORY:
            raise SaveError(f"cannot keep a token in: {where.value}")
        return kept

    def forget(self, server: str, username: str | None) -> list[str]:
        """Remove what was stored for this server; what was removed and what remains, for people."""
        messages: list[str] = []
        entry = None
        try:
            with self._locked() as is_alone:
                if is_alone:
                    self._remove_leftovers()
                # A token is removed from a file that others can read, too.
                stored = self._read_file(allow_open=True)
                entry = stored.pop(_file_key(server), None)
                if entry is not None:
                    self._write_file(stored)
                    messages.append(f"removed the token from {self._file}")
        except SaveError as error:  # the keyring is to be cleared all the same
            messages.append(f"{error}; a token may still be in it")
        if username is None and isinstance(entry, dict):
            username = entry.get("username")
        if username and self.keyring_works():
            key = _keyring_key(server, username)
            try:
                if any([keyring_access.remove(key), keyring_access.remove(f"{key}#refresh")]):
                    messages.append(f"removed {key} from the keyring")
            except KeyringError as error:
                messages.append(
                    f"cannot remove {key} from the keyring ({error}); remove it yourself "
                    f"(service {SERVICE})"
                )
        for name in TOKEN_VARIABLES:
            if self._environment.get(name):
                messages.append(f"{name} is still set in the environment; unset it to sign out")
        remaining = _token_file()
        if remaining is not None and remaining.is_file():
            messages.append(f"{remaining} still exists; flowtui did not create it and leaves it")
        return messages

    def update(self, server: str, old: Credential, new: Credential) -> None:
        """After a refresh: write the new token where the old one is still kept.

        Where somebody signed out meanwhile nothing is written. Raises SaveError.
        """
        new = replace(new, username=new.username or old.username)
        if old.source is CredentialSource.FILE:
            with self._locked():  # no sign-out may come between reading and writing
                stored = self._read_file()
                if _entry(stored, server, new.username) is not None:
                    self._put(stored, server, new)
        elif (
            old.source is CredentialSource.KEYRING
            and new.username
            and self._from_keyring(server, new.username) is not None
        ):
            self._to_keyring(server, new.username, new)

    @contextlib.contextmanager
    def renewing(self) -> Iterator[bool]:
        """Hold off the other processes of this user while a session is renewed.

        They share its refresh token, which is good once. Gives whether they are held off: it is
        waited for them RENEWAL_SECONDS at most, and there are file systems without locks.
        """
        with contextlib.ExitStack() as held:
            descriptor = None
            with contextlib.suppress(OSError, NotOurs):
                folder = private_folder(self._file.parent)
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
                descriptor = os.open(folder / "renewal.lock", flags, 0o600)
            if descriptor is None:
                yield False
                return
            held.callback(os.close, descriptor)
            yield _lock(descriptor, RENEWAL_SECONDS)

    def keyring_works(self) -> bool:
        """Whether there is a keyring that keeps passwords; found out once, in limited time."""
        if self._works is None:
            self._works = keyring_access.works()
        return self._works

    def _detail(self, where: CredentialSource) -> str:
        return str(self._file) if where is CredentialSource.FILE else ""

    def _from_keyring(self, server: str, username: str | None) -> Credential | None:
        if not username or not self.keyring_works():
            return None
        key = _keyring_key(server, username)
        try:
            token = keyring_access.get(key)
            if not token:
                return None
            refresh = keyring_access.get(f"{key}#refresh")
        except KeyringError:
            # A keyring that fails now is as good as none; the next place is asked.
            self._works = False
            return None
        return Credential(token, refresh or None, username, CredentialSource.KEYRING)

    def _to_keyring(self, server: str, username: str, credential: Credential) -> None:
        if not self.keyring_works():
            raise SaveError("no keyring is available; keep the token in a file, or in memory only")
        key = _keyring_key(server, username)
        try:
            keyring_access.put(key, credential.token)
            if credential.refresh_token:
                keyring_access.put(f"{key}#refresh", credential.refresh_token)
            else:
                keyring_access.remove(f"{key}#refresh")  # an earlier sign-in's, not this one's
        except KeyringError as error:
            raise SaveError(
                f"the keyring rejected the token ({error}); keep it in a file, or in memory only"
            ) from error

    def _drop_from_keyring(self, server: str, username: str | None) -> None:
        """A token in the keyring would be found before the one in the file."""
        if not username or not self.keyring_works():
            return
        key = _keyring_key(server, username)
        try:
            keyring_access.remove(key)
            keyring_access.remove(f"{key}#refresh")
        except KeyringError as error:
            raise SaveError(
                f"cannot remove an older token from the keyring ({error}); remove {key} "
                f"yourself (service {SERVICE})"
            ) from error

    def _drop_from_file(self, server: str) -> None:
        with self._locked():
            stored = self._read_file()
            if stored.pop(_file_key(server), None) is not None:
                self._write_file(stored)

    def _from_file(self, server: str, username: str | None) -> Credential | None:
        with self._lock:
            entry = _entry(self._read_file(), server, username)
        if entry is None:
            return None
        name, refresh = entry.get("username"), entry.get("refresh_token")
        return Credential(
            entry["token"],
            refresh if isinstance(refresh, str) else None,
            name if isinstance(name, str) else None,
            CredentialSource.FILE,
            str(self._file),
        )

    def _to_file(self, server: str, credential: Credential) -> None:
        with self._locked():
            self._put(self._read_file(), server, credential)

    def _put(self, stored: dict[str, Any], server: str, credential: Credential) -> None:
        stored[_file_key(server)] = {
            "username": credential.username,
            "token": credential.token,
            "refresh_token": credential.refresh_token,
        }
        self._write_file(stored)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[bool]:
        """Hold the file against other threads, and against the other processes of this user.

        The engine and several clients read, change and write it; the lock is on the folder, since
        the file itself is replaced. Where a file system has no locks, it goes without, and gives
        False.
        """
        with self._lock, contextlib.ExitStack() as held:
            folder = None
            with contextlib.suppress(OSError):  # no folder yet: nobody else has it either
                folder = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
            if folder is not None:
                held.callback(os.close, folder)
            yield folder is not None and _lock(folder, LOCK_SECONDS)

    def _read_file(self, *, allow_open: bool = False) -> dict[str, Any]:
        try:
            status = self._file.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
                raise SaveError(f"{self._file} is not a regular file that you own; move it away")
            if stat.S_IMODE(status.st_mode) & 0o077 and not allow_open:
                raise SaveError(f"other users can read {self._file}; run: chmod 600 {self._file}")
            stored = json.loads(self._file.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):  # a home may be /dev/null
            return {}
        except (OSError, ValueError) as error:
            raise SaveError(
                f"cannot read {self._file} ({type(error).__name__}); move it away"
            ) from None
        return stored if isinstance(stored, dict) else {}

    def _write_file(self, stored: dict[str, Any]) -> None:
        try:
            private_folder(self._file.parent)
            descriptor, name = tempfile.mkstemp(dir=self._file.parent, prefix=LEFTOVER)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                    json.dump(stored, stream)
                    stream.flush()
                    os.fsync(stream.fileno())
                Path(name).replace(self._file)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    Path(name).unlink()
                raise
        except OSError as error:
            raise SaveError(f"cannot write {self._file}: {error.strerror}") from error
        except NotOurs as error:
            raise SaveError(f"cannot write {self._file}: {error}") from None

    def tidy(self) -> None:
        """Close the folder to others, and remove what a killed process left of tokens in it.

        Nobody is hurt where that cannot be: reading and writing say what is wrong.
        """
        with contextlib.suppress(OSError, NotOurs):
            if not self._file.parent.is_dir():
                return
            private_folder(self._file.parent)
            if any(self._leftovers()):
                with self._locked() as is_alone:
                    if is_alone:  # else one of them may just be written
                        self._remove_leftovers()

    def _remove_leftovers(self) -> None:
        for path in self._leftovers():
            with contextlib.suppress(OSError):  # it will be tried again
                path.unlink()

    def _leftovers(self) -> Iterator[Path]:
        return self._file.parent.glob(f"{LEFTOVER}*")


def _lock(descriptor: int, seconds: float) -> bool:
    """Take a lock that goes with the descriptor, if it can be had in so many seconds."""
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False  # its holder was stopped in the midst; nobody must hang for that
            time.sleep(0.02)
        except OSError:
            return False  # no locks on this file system
        else:
            return True


def _entry(stored: dict[str, Any], server: str, username: str | None) -> dict[str, Any] | None:
    """What the file has for a server, if it is a token, and this user's."""
    entry = stored.get(_file_key(server))
    if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
        return None
    name = entry.get("username")
    return None if username and name and name != username else entry


def _file_key(server: str) -> str:
    """A server's key in the file."""
    return server.rstrip("/")


def _keyring_key(server: str, username: str) -> str:
    """The key in the keyring, never the same for two users or two servers.

    A name with `@` at Flow's own hosts is told from `user@host` of other servers by `@flow.bio`.
    """
    host = urlsplit(server).netloc.rpartition("@")[2].lower()
    if host in FLOW_HOSTS:
        return f"{username}@flow.bio" if "@" in username else username
    return f"{username}@{host}"


def plain_token(text: str) -> str:
    """A token without what people paste with it: line ends, quotes, `Bearer`, the header's name."""
    token = text.strip().strip("\"'").strip()
    token = re.sub(r"(?i)^(?:authorization\s*:\s*)?bearer\s+", "", token)
    return token.strip("\"'").strip()


def _from_environment(environment: Mapping[str, str]) -> Credential | None:
    for name in TOKEN_VARIABLES:
        token = plain_token(environment.get(name, ""))
        if token:
            return Credential(token, source=CredentialSource.ENVIRONMENT, detail=name)
    return None


def _token_file() -> Path | None:
    """The official client's token file; None where there is no home to look in."""
    given = os.environ.get("FLOW_TOKEN_FILE")
    try:
        return Path(given or "~/.config/flow/api-token").expanduser()
    except RuntimeError:  # a user without a home, as in containers
        return None


def _from_token_file(server: str) -> Credential | None:
    """The token of `FLOW_TOKEN_FILE`, or at Flow's own addresses that of the official client.

    Nobody has said that the latter is for any other server.
    """
    path = _token_file()
    if path is None or not (os.environ.get("FLOW_TOKEN_FILE") or _is_flow(server)):
        return None
    try:
        with path.open(encoding="utf-8") as stream:
            is_open = stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o044
            token = plain_token(stream.read())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SaveError(f"cannot read the token file {path}: {type(error).__name__}") from None
    notice = f"other users can read {path}; run: chmod 600 {path}" if is_open else ""
    return (
        Credential(token, source=CredentialSource.TOKEN_FILE, detail=str(path), notice=notice)
        if token
        else None
    )


def _is_flow(server: str) -> bool:
    """Whether this is one of Flow's own addresses."""
    parts = urlsplit(server)
    return parts.scheme == "https" and parts.netloc.lower() in FLOW_HOSTS
