"""Tokens that the user gives from outside, and flowtui never writes: variables and token files."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from flowtui.flow.credentials import (
    FLOW_HOSTS,
    Credential,
    CredentialSource,
    SaveError,
    plain_token,
)
from flowtui.text.redaction import TOKEN_VARIABLES


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
