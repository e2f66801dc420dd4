"""Verifying what was downloaded: the engine reads it, and what is wrong is fetched again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.app import App

from flowtui.protocol.messages import Added, Batch, WrongFile
from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.tui.background import Background
from flowtui.tui.browser.fetching import words_of
from flowtui.tui.browser.nodes import Node, NodeKind
from flowtui.tui.context import AppContext
from flowtui.tui.engine_link import EngineLink

if TYPE_CHECKING:
    from flowtui.flow.remote_file import RemoteFile


def recorded_of(node: Node) -> dict[str, str] | None:
    """What downloads.log says of the files of a node of the tree; None where it does not tell."""
    if node.kind is NodeKind.PROJECT:
        return {"project": node.name}
    field = {
        NodeKind.SAMPLE: "belongs_to",
        NodeKind.EXECUTION: "execution",
        NodeKind.DATA: "key",
    }.get(node.kind)
    return {field: node.key} if field is not None else None


class Verifying:
    """Has files read again, shows what is wrong, and queues that."""

    def __init__(
        self, app: App[Any], context: AppContext, background: Background, link: EngineLink
    ) -> None:
        self._app = app
        self._context = context
        self._background = background
        self._link = link

    def ask(
        self,
        what: str,
        root: str,
        *,
        batch_id: int | None = None,
        about: dict[str, str] | None = None,
        server: str = "",
    ) -> None:
        """Verify a batch, or what is recorded in `root`; `what` says which, in words.

        `about`: of what is recorded only this, see `protocol.messages`. `server`: where the files
        are from, as far as is known.
        """
        from flowtui.tui.screens.verify import VerifyScreen

        def answered(wrong: tuple[WrongFile, ...] | None) -> None:
            if wrong:
                self._background.run(
                    lambda: self._fetch(root, batch_id, wrong, server), "find files again"
                )

        self._link.call(
            "verify",
            lambda engine: engine.verify(root, batch_id, about),
            lambda id_: self._app.push_screen(VerifyScreen(self._link, id_, what, root), answered),
        )

    # In a thread

    def _fetch(
        self, root: str, batch_id: int | None, wrong: tuple[WrongFile, ...], server: str
    ) -> None:
        """Find the files on Flow, and queue them, as part of their batch if that is known."""
        try:
            client = self._context.client()
            if server and server != client.server:
                self._tell(f"These files are from {server}. Sign in there first.")
                return
            found, why = _find(client, {file.key for file in wrong})
        except Exception as error:  # noqa: BLE001
            self._tell(words_of(error))
            return
        # A file that stands at several places comes to the first; then it is here for the others.
        places = {file.key: file for file in reversed(wrong) if file.key in found}
        lost = [file for file in wrong if file.key not in found]
        later = len(wrong) - len(lost) - len(places)
        if lost:
            named = ", ".join(file.path for file in lost[:3]) + (" …" if len(lost) > 3 else "")
            self._tell(f"Not found on Flow: {named}" + (f" ({why})" if why else ""))
        if not places:
            return
        files = tuple(found[key].placed_at(file.path) for key, file in places.items())
        batch = Batch(client.server, root, "verify", files, continues=batch_id, reread=True)

        def told(added: Added) -> None:
            words = f"{quantities.counted(len(added.ids), 'file')} will be fetched again."
            if later:
                words += f" {later:,} more have the same data: verify again when it is here."
            self._app.notify(words, markup=False)

        self._link.call("fetch the files again", lambda engine: engine.add(batch), told)

    def _tell(self, words: str) -> None:
        self._background.call_later(self._warn, words)

    def _warn(self, words: str) -> None:
        self._app.notify(
            printable(words), title="Could not fetch again", severity="warning", markup=False
        )


def _find(client: Any, keys: set[str]) -> tuple[dict[str, RemoteFile], str]:
    """What Flow has of these files now, by their keys; and why some could not be looked for."""
    from flowtui.flow.errors import FlowError
    from flowtui.flow.refs import Ref, ref_of_key
    from flowtui.flow.walk.walk import Walk

    refs = list(dict.fromkeys(ref for key in sorted(keys) if (ref := ref_of_key(key)) is not None))
    why: list[str] = []

    def failed(ref: Ref, error: FlowError) -> None:
        why.append(error.message)

    records = any(key.startswith("record/") for key in keys)
    with Walk(client, failed=failed, records=records) as walk:
        found = {
            file.key: file
            for _, file in walk.files_of(refs)
            if file is not None and file.key in keys
        }
    return found, why[0] if why else ""
