"""The fields of each request, as `schema` reads them; what they mean is said in `messages`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from flowtui.protocol.messages import Batch, Message
from flowtui.protocol.schema import AbsolutePath, Count, Id


@dataclass(frozen=True, slots=True)
class NoFields(Message):
    """`hello` and `subscribe`: whatever a client says of itself is for people who debug."""


@dataclass(frozen=True, slots=True)
class Add(Message):
    """`add`."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class Chosen(Message):
    """`pause`, `resume`, `cancel`, `retry` and `forget`; None for all."""

    ids: tuple[Id, ...] | None = None


@dataclass(frozen=True, slots=True)
class BulkAction(Message):
    """`bulk`."""

    bulk_ids: tuple[Id, ...]
    action: Literal["cancel", "retry", "again", "one_by_one", "forget"]


@dataclass(frozen=True, slots=True)
class BulkFiles(Message):
    """`bulk_files`."""

    bulk_id: Id
    after: Count | None = None


@dataclass(frozen=True, slots=True)
class StatusWanted(Message):
    """`status`."""

    rows: bool = False
    most: Count | None = None
    after: Count | None = None


@dataclass(frozen=True, slots=True)
class Verify(Message):
    """`verify`."""

    root: AbsolutePath
    batch_id: Id | None = None
    about: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Verified(Message):
    """`verified`."""

    recheck_id: Id
    after: Count = 0


@dataclass(frozen=True, slots=True)
class VerifyEnd(Message):
    """`verify_end`."""

    recheck_id: Id


@dataclass(frozen=True, slots=True)
class SpaceAt(Message):
    """`space`."""

    path: AbsolutePath


@dataclass(frozen=True, slots=True)
class SignIn(Message):
    """`sign_in`."""

    server: Annotated[str, re.compile(r"https?://\S+"), "a server's address"]
    token: Annotated[str, re.compile(r"[!-~]+"), "a token"]
    username: str | None = None
    refresh_token: str | None = None


@dataclass(frozen=True, slots=True)
class SettingsWanted(Message):
    """`settings`; their bounds are `runtime_settings.BOUNDS`."""

    jobs: int | None = None
    connections: int | None = None
    limit_rate: int | None = None
    accept_any_type: int | None = None


@dataclass(frozen=True, slots=True)
class Stop(Message):
    """`stop`."""

    pause: bool = False


Request = (
    NoFields | Add | Chosen | BulkAction | BulkFiles | StatusWanted | Verify | Verified | VerifyEnd
    | SpaceAt | SignIn | SettingsWanted | Stop
)  # fmt: skip

REQUESTS: dict[str, type[Request]] = {
    "hello": NoFields,
    "subscribe": NoFields,
    "add": Add,
    **dict.fromkeys(("pause", "resume", "cancel", "retry", "forget"), Chosen),
    "bulk": BulkAction,
    "bulk_files": BulkFiles,
    "status": StatusWanted,
    "verify": Verify,
    "verified": Verified,
    "verify_end": VerifyEnd,
    "space": SpaceAt,
    "sign_in": SignIn,
    "settings": SettingsWanted,
    "stop": Stop,
}
"""`do` → its fields."""
