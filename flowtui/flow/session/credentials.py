"""What proves who the user is: a token, where it is from, and what refreshes it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from flowtui.text.redaction import know

FLOW_HOSTS = frozenset({"api.flow.bio", "app.flow.bio"})
"""Flow's own."""


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


def plain_token(text: str) -> str:
    """A token without what people paste with it: line ends, quotes, `Bearer`, the header's name."""
    token = text.strip().strip("\"'").strip()
    token = re.sub(r"(?i)^(?:authorization\s*:\s*)?bearer\s+", "", token)
    return token.strip("\"'").strip()


def host_of(server: str) -> str:
    """A server's host and port, without a user's name."""
    return urlsplit(server).netloc.rpartition("@")[2].lower()
