"""Where the bytes of a file are: its link, and what replaces that when its time is over."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import quote

from flowtui.transfer.errors import AuthRequired, FreshLink, PermanentError, TransientError

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

FRESH_LINKS = 2
"""So many fresh links without a byte that came by them, and the file is given up."""


class FileLink:
    """The link of one file, shared by all its connections.

    Attributes:
        url: where the bytes are; changed by `renew` when the link has expired. Empty where that has
            still to be asked: a signed link is not kept on the disk.
        is_folder: True once it has shown that this is a folder, which comes as a ZIP.
        generation: how often it was replaced; a link that ended says of which it was.
    """

    def __init__(self, client: FlowClient, url: str, filename: str, data_id: str | None) -> None:
        self.url = url
        self.is_folder = False
        self.generation = 0
        self._client = client
        self._filename = filename
        self._data_id = data_id
        self._file_link = url
        self._renewed = 0
        self._asking = threading.Lock()

    def find(self) -> None:
        """Ask Flow where the bytes are, once for all connections of the file.

        Raises AuthRequired, TransientError, PermanentError.
        """
        with self._asking:
            if not self.url and self._data_id is not None:
                id_, name = (
                    quote(part, safe="", errors="replace")
                    for part in (self._data_id, self._filename)
                )
                # Without one the service has it where the guide says.
                self.url = self._asked_link(self._data_id) or f"/downloads/{id_}/{name}"

    def renew(self, expired: FreshLink) -> None:
        """Ask Flow for a fresh link, unless another thread has done so since.

        Raises the refusal that the link ended with, where Flow has no other.
        """
        if self.generation != expired.generation:
            return
        self.generation += 1
        self._renewed += 1
        session = self._client.session
        # The service's own link leads to a fresh one by itself each time.
        redirects = session.is_own(session.absolute(self.url)) and expired.redirected
        if self._renewed > FRESH_LINKS or (self._data_id is None and not redirects):
            raise expired.refusal
        if self._data_id is None:
            return
        link = self._asked_link(self._data_id)
        if not link and not redirects:
            raise expired.refusal
        if link and link != self.url:
            self.url = link
            self.is_folder = False  # which this link has still to show

    def works(self) -> None:
        """Bytes have come by it: further links may end."""
        self._renewed = 0

    def as_folder(self, link: str) -> str | None:
        """The link by which a folder comes as a ZIP, or None where this cannot be one, or is it.

        No list says which data are folders, and `<name>.zip` beside `<name>` is where the service
        keeps them (docs/flow-api.md, Files).
        """
        if self.is_folder:
            self.is_folder = False  # no such ZIP either
            self.url = self._file_link
            return None
        path, mark, query = link.partition("?")
        if self._data_id is None or "/downloads/" not in path or path.lower().endswith(".zip"):
            return None
        self.is_folder = True
        self._file_link, self.url = link, f"{path}.zip{mark}{query}"
        return self.url

    def _asked_link(self, data_id: str) -> str | None:
        """The link that Flow gives for data now, or None."""
        from flowtui.flow.errors import FlowError, NotSignedIn

        try:
            link: str | None = self._client.data(data_id).download_url
        except NotSignedIn as error:
            raise AuthRequired(error.message) from error
        except FlowError as error:
            if error.retryable:
                raise TransientError(error.message, code=error.code) from error
            raise PermanentError(
                f"Flow gave no new download link: {error.message}", code=error.code
            ) from error
        return link
