"""Handing a batch to the background engine: `flowtui add`, and `flowtui get --detach`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowtui.cli.output import Output, counted, one_line, size_text

if TYPE_CHECKING:
    from flowtui.cli.session import Session
    from flowtui.daemon.client import EngineClient
    from flowtui.protocol.feeding import Source
    from flowtui.protocol.messages import Added, Batch


def hand_over(session: Session, source: Source, changes: dict[str, int], out: Output) -> None:
    """Queue what `source` gives in the background engine, which is started if need be.

    `changes` (see `Engine.settings`) apply to all that the engine does until it stops.
    """
    from flowtui.daemon.connect import connect_engine
    from flowtui.daemon.logout import logout_warning

    total = _Total()
    with closing(connect_engine(session.folders)) as engine:
        share_sign_in(session, engine)
        if changes:
            engine.settings(**changes)
        while not source.is_over:
            for batch in source.take():
                piece = replace(batch, continues=total.batch_id)
                added = engine.add(piece)
                total.add(piece, added)
                out.event(
                    "added",
                    batch_id=added.batch_id,
                    root=batch.root,
                    ids=list(added.ids),
                    files=len(batch.files),
                    added=added.added,
                    known=added.known,
                    bytes=sum(file.size or 0 for file in batch.files),
                    bulk=batch.bulk,
                    bulk_id=added.bulk_id,
                )
        trouble = engine.status().summary.trouble
    out.say(f"{total.text()}; see `flowtui status`")
    if trouble:
        out.say(f"flowtui: the background engine has a problem: {one_line(trouble)}")
    if changes:
        settings = ", ".join(_setting_text(name, value) for name, value in changes.items())
        out.say(f"note: this applies to the whole background engine until it stops: {settings}")
    if warning := logout_warning():
        out.say(f"note: {warning}")


@dataclass
class _Total:
    """What was queued so far."""

    batch_id: int | None = None
    files: int = 0
    bytes: int = 0
    archived: int = 0
    apart: int = 0
    known: int = 0
    root: str = ""

    def add(self, batch: Batch, added: Added) -> None:
        """Count a piece."""
        if self.batch_id is None:
            self.batch_id = added.batch_id
        self.files += len(batch.files)
        self.bytes += sum(file.size or 0 for file in batch.files)
        self.archived += len(batch.files) - added.apart if batch.bulk else 0
        self.apart += added.apart
        self.known += added.known
        self.root = batch.root

    def text(self) -> str:
        """In words."""
        text = f"queued {counted(self.files, 'file')}, {size_text(self.bytes)}"
        if self.archived:
            text += ", as one archive"
            if self.apart:
                text += f" ({counted(self.apart, 'file')} one by one: Flow cannot archive them)"
            elif self.archived < self.files:
                text += f" ({counted(self.files - self.archived, 'file')} one by one already)"
        if self.known:
            text += f" ({self.known:,} already queued)"
        return f"{text}, to {one_line(self.root)}"


def _setting_text(name: str, value: int) -> str:
    if name == "limit_rate":
        return f"limit-rate {size_text(value)}/s" if value else "no limit-rate"
    return "accept-any-type" if name == "accept_any_type" else f"{name} {value}"


def share_sign_in(session: Session, engine: EngineClient) -> None:
    """Give the engine a sign-in that it cannot find by itself.

    A running engine has the environment of its own start, not that of this command.
    """
    from flowtui.flow.session.credentials import CredentialSource

    credential = session.client.account.credential
    if credential is None or credential.source in (CredentialSource.KEYRING, CredentialSource.FILE):
        return
    engine.sign_in(
        session.client.server,
        credential.username,
        credential.token,
        credential.refresh_token,
    )
