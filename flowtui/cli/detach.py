"""Handing a batch to the background engine: `flowtui add`, and `flowtui get --detach`."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from flowtui.cli.exit_codes import Exit
from flowtui.cli.output import Output, counted, one_line, size_text

if TYPE_CHECKING:
    from flowtui.cli.session import Session
    from flowtui.daemon.client import EngineClient
    from flowtui.protocol.messages import Batch


def hand_over(session: Session, batch: Batch, changes: dict[str, int], out: Output) -> int:
    """Queue `batch` in the background engine, which is started if need be.

    `changes` (jobs, connections, limit_rate) apply to all that the engine does until it stops.
    """
    from flowtui.daemon.client import EngineClient
    from flowtui.daemon.logout import logout_warning

    with closing(EngineClient.connect(session.folders)) as engine:
        share_sign_in(session, engine)
        if changes:
            engine.settings(**changes)
        added = engine.add(batch)
    size = sum(file.size or 0 for file in batch.files)
    out.event(
        "added",
        batch_id=added.batch_id,
        root=batch.root,
        ids=list(added.ids),
        files=len(batch.files),
        added=added.added,
        known=added.known,
        bytes=size,
        bulk=batch.bulk,
        bulk_id=added.bulk_id,
    )
    text = f"queued {counted(len(batch.files), 'file')}, {size_text(size)}"
    if batch.bulk:
        text += ", as one archive"
        if added.apart:
            text += f" ({counted(added.apart, 'file')} one by one: Flow cannot archive them)"
    if added.known:
        text += f" ({added.known:,} already queued)"
    out.say(f"{text}, to {one_line(batch.root)}; see `flowtui status`")
    if changes:
        settings = ", ".join(_setting_text(name, value) for name, value in changes.items())
        out.say(f"note: this applies to the whole background engine until it stops: {settings}")
    if warning := logout_warning():
        out.say(f"note: {warning}")
    return Exit.OK


def _setting_text(name: str, value: int) -> str:
    if name == "limit_rate":
        return f"limit-rate {size_text(value)}/s" if value else "no limit-rate"
    return f"{name} {value}"


def share_sign_in(session: Session, engine: EngineClient) -> None:
    """Give the engine a sign-in that it cannot find by itself.

    A running engine has the environment of its own start, not that of this command.
    """
    from flowtui.flow.credentials import CredentialSource

    credential = session.client.credential
    if credential is None or credential.source in (CredentialSource.KEYRING, CredentialSource.FILE):
        return
    engine.sign_in(
        session.client.server,
        credential.username,
        credential.token,
        credential.refresh_token,
    )
