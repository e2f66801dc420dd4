"""Tokens that the user gives from outside, and flowtui never writes: variables and token files."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from flowtui.flow.session.credentials import (
    FLOW_HOSTS,
    Credential,
    CredentialSource,
    SaveError,
    plain_token,
)
from flowtui.system.files import open_regular, read_open
from flowtui.text.redaction import TOKEN_VARIABLES

MOST = 64 << 10
"""Bytes that are read of a token file."""


def from_environment(environment: Mapping[str, str]) -> Credential | None:
    """The first of TOKEN_VARIABLES that is set."""
    for name in TOKEN_VARIABLES:
        token = plain_token(environment.get(name, ""))
        if token:
            return Credential(token, source=CredentialSource.ENVIRONMENT, detail=name)
    return None


def token_file() -> Path | None:
    """The official client's token file; None where there is no home to look in."""
    given = os.environ.get("FLOW_TOKEN_FILE")
    try:
        return Path(given or "~/.config/flow/api-token").expanduser()
    except RuntimeError:  # a user without a home, as in containers
        return None


def from_token_file(server: str) -> Credential | None:
    """The token of `FLOW_TOKEN_FILE`, or at Flow's own addresses that of the official client.

    Nobody has said that the latter is for any other server.
    Raises SaveError where the file is there and cannot be read.
    """
    path = token_file()
    if path is None or not (os.environ.get("FLOW_TOKEN_FILE") or _is_flow(server)):
        return None
    try:
        with open(open_regular(path), "rb") as stream:
            is_open = stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o044
            token = plain_token(read_open(stream.fileno(), MOST, path).decode())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text; move it away"
        raise SaveError(f"cannot read the token file {path}: {why}") from None
    if not (token.isascii() and token.isprintable()):
        raise SaveError(f"cannot use the token file {path}: it holds no token; correct it")
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
