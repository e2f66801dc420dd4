"""The clients of servers, and the transfers that are held until the client of theirs is made.

To make one reads tokens and certificates from the home folder, which may not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowtui.transfer.http.clients import Clients, ServerClients


class Services:
    """The engine's thread alone uses it.

    Attributes:
        clients: those that are made.
        open: makes the client of a server in another thread; None to make it at once.
        listener: told the transfers that were held, and why their client could not be made.
    """

    def __init__(
        self,
        clients: Clients,
        post: Callable[[Callable[[], None]], None],
        open: Callable[[str], Future[object]] | None = None,
    ) -> None:
        """`post` has the engine's thread call something, from any thread."""
        self.clients = clients
        self.open = open
        self.listener: Callable[[Sequence[int], BaseException | None], None] = lambda ids, why: None
        self._post = post
        self._held: dict[str, list[int]] = {}

    def of(self, server: str, transfer_id: int) -> ServerClients | None:
        """The clients of a server; None where they are still to be made: the transfer is held."""
        made = self.clients.made(server)
        if made is not None or self.open is None:
            return made or self.clients.get(server)
        if server in self._held:
            self._held[server].append(transfer_id)
            return None
        opening = self.open(server)  # before any is held: where it fails, none would go on
        self._held[server] = [transfer_id]
        opening.add_done_callback(lambda done: self._post(lambda: self._on_opened(server, done)))
        return None

    def _on_opened(self, server: str, opened: Future[object]) -> None:
        self.listener(self._held.pop(server, []), opened.exception())
