"""One remote file over HTTP: a request for some of its bytes, and the checks of what comes back.

What comes back is checked, never assumed (RFC 9110, sections 13 to 15): 206 with the right
Content-Range, 200 from the start, 416 with the size, HTML or JSON where a file should be refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import httpx

from flowtui.flow.http.deadline import Clock, Deadline, within
from flowtui.flow.http.kept_answers import WHOLE
from flowtui.flow.http.large_bodies import WAITED
from flowtui.text.printable import printable
from flowtui.timings import ANSWERS, Deadlines
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk.space import Room
from flowtui.transfer.errors import (
    RemoteChanged,
    TransientError,
)
from flowtui.transfer.http.body import Body, checked_pieces
from flowtui.transfer.http.bounds import size_bound
from flowtui.transfer.http.file_requests import FileRequests
from flowtui.transfer.http.labels import file_bytes, is_packed_for_us, label_of
from flowtui.transfer.http.link import FileLink
from flowtui.transfer.http.response import (
    content_length,
    content_range,
    entity_tag,
    last_modified,
    refusal,
    size_of_unsatisfied,
)
from flowtui.transfer.identity import Identity
from flowtui.transfer.task import INLINE_BELOW

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

WRONG_PARTS = 2
"""So many parts that were not asked for, and the file is asked for as a whole only."""

_CHANGED = "the file on Flow has changed since the download began"


Sent = Mapping[str, str]
"""The headers of the request that an answer is to."""


class RemoteSource:
    """Asks for the bytes of one remote file.

    Attributes:
        key: see `RemoteFile.key`.
        link: where the bytes are.
        size: as Flow's records say, or None.
        ranges: False once the server has shown that it sends the file from the start only.
        is_untold: True once nothing would tell a part of another file: then all of it has to come
            in one answer, with which what is here is compared.
    """

    def __init__(
        self,
        http: httpx.Client,
        client: FlowClient,
        *,
        key: str,
        url: str,
        filename: str,
        data_id: str | None,
        stop: StopSignal,
        size: int | None = None,
        accept_any_type: bool = False,
        room: Callable[[], Room | None] = lambda: None,
        proves_itself: bool = False,
        deadlines: Deadlines = ANSWERS,
        clock: Clock = time.monotonic,
    ) -> None:
        """`proves_itself`: checksums inside the file would tell that it is made of two contents.

        `room` measures the disk that the file goes to, see `size_bound`.
        """
        self.key = key
        self.link = FileLink(client, url, filename, data_id)
        self.filename = filename
        self.size = size
        self.ranges = True
        self.is_untold = False
        self._proves_itself = proves_itself
        self._accept_any_type = accept_any_type
        self._room = room
        self._deadlines = deadlines.beyond(http.timeout.read)
        self._clock = clock
        self._http = http
        self._stop = stop
        self._requests = FileRequests(
            http,
            client.session,
            stop,
            self._deadlines,
            clock,
            is_small=size is not None and size <= INLINE_BELOW,
        )
        self._if_range = True
        self._wrong_parts = 0

    def open(self, start: int, end: int | None, known: Identity, *, probe: bool = False) -> Body:
        """Ask for `[start, end)`; `end` None asks for the rest.

        `probe` asks with a Range even where the whole file is wanted, to learn whether the server
        knows ranges. Where it does not, the answer begins before `start` (see `Body`): what is here
        is passed over, and not lost.

        Raises:
            RemoteChanged: the answer proves that the bytes before `start` are another file's.
            TransientError, FreshLink, AuthRequired, PermanentError, Stopped: see `errors`.
        """
        if not self.link.url:
            self.link.find()
        if start > 0:
            self._require_told(known, known)
        while True:
            headers = {"Accept-Encoding": "identity", "Accept": "*/*"}
            if self.ranges and (start > 0 or end is not None or probe):
                headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
                if start > 0 and known.validator and self._if_range:
                    headers["If-Range"] = known.validator
            at_once = self._size_at_once(start, end, known) if "Range" not in headers else None
            response, sent = self._requests.send(self.link, headers, at_once)
            if isinstance(response, bytes):
                return self._whole(response, known)
            if sent.keys() != headers.keys():
                self.ranges = False
            try:
                body = self._body(response, sent, start, end, known)
            except BaseException:
                response.close()
                raise
            if body is not None:
                return body
            response.close()

    def _size_at_once(self, start: int, end: int | None, known: Identity) -> int | None:
        """The size of a file whose bytes alone tell whether they are the right ones; else None.

        It is short, all of it is asked for, and there is an md5, whatever else an answer says.
        """
        if (start, end) != (0, None) or known.md5 is None or known.size not in (None, self.size):
            return None
        return self.size if self.size is not None and self.size <= WHOLE else None

    def _whole(self, content: bytes, known: Identity) -> Body:
        """The body of a file that came whole."""
        self.link.works()
        size = len(content)
        return Body(
            0,
            size,
            size,
            Identity(key=known.key, size=size),
            iter((content,)),
            ranged=False,
            close=lambda: None,
        )

    def _body(
        self, response: httpx.Response, sent: Sent, start: int, end: int | None, known: Identity
    ) -> Body | None:
        """What an answer brings; None where it brings nothing, and another request will."""
        if response.status_code == 416:
            return self._nothing_more(response, sent, start, known)
        ranged = response.status_code == 206
        first, last, total = 0, None, content_length(response)
        if ranged:
            found = content_range(response)
            if found is None or not found.start <= start < found.end:
                self._pass_over_wrong_part(response, sent, start)
                return None
            self._wrong_parts = 0
            first, total = found.start, found.total
            last = found.end if end is None else min(end, found.end)
        elif total is not None:
            last = total
        label = "" if self._accept_any_type else label_of(response, self.filename)
        decode = is_packed_for_us(response, label, self.filename, self.size, total)
        if decode:
            if ranged:
                self._without_range(response, sent)  # its ranges are those of the packed bytes
                return None
            total = last = None  # and so is its length
        identity = Identity(
            key=known.key,
            size=total,
            etag=entity_tag(response),
            modified=last_modified(response),
        )
        if last is None and not decode and "transfer-encoding" not in response.headers:
            last = self.size  # the end of the connection is the only other sign of the end
        if start == 0:
            self._require_told(known.updated(identity), identity)
        unwatch = self._stop.watch(response)
        try:
            chunks = checked_pieces(
                response, first, last, decode=decode, stop=self._stop, timeout=self._http.timeout
            )
            bound = size_bound(self.size, start, self._room, has_md5=known.md5 is not None)
            chunks = bound.pieces(chunks, first)
            if not self._accept_any_type:
                sizes = {known.size, self.size} - {None}
                with within(Deadline(self._deadlines.head, self._clock)):
                    chunks = file_bytes(
                        chunks,
                        label,
                        resumed=start > 0,
                        ranged=ranged,
                        differs=total is not None and bool(sizes) and total not in sizes,
                        md5=known.md5 is not None,
                    )
            if not self._goes_on(response, sent, start, known, identity):
                unwatch()
                return None
            bound.check(total)
        except BaseException:
            unwatch()
            raise
        self.link.works()

        def close() -> None:
            unwatch()
            response.close()

        open_ended = ranged and total is None
        if last is None and not decode and "transfer-encoding" not in response.headers:
            open_ended = True  # it may be a cut that ended the connection: asked for what follows
        return Body(
            first,
            last,
            total,
            identity,
            chunks,
            ranged and self.ranges,
            close,
            open_ended,
            response.extensions.get(WAITED),
        )

    def _goes_on(
        self,
        response: httpx.Response,
        sent: Sent,
        start: int,
        known: Identity,
        found: Identity,
    ) -> bool:
        """Whether the bytes of an answer follow those before `start`; False to ask once more.

        Raises RemoteChanged where it is another file.
        """
        if start > 0 and not known.goes_on_as(found, self.size):
            raise RemoteChanged(_CHANGED)
        if start > 0 and response.status_code == 206:
            return self._require_told(known, found)
        if start == 0:
            return True
        if "Range" in sent:
            # RFC 9110, 13.1.5: it means another file, where the server knows If-Range. Some do not
            # and say so of every file, and each node of a storage may have tags of its own.
            if "If-Range" in sent:
                self._if_range = False
                return False
            self.ranges = False
        return True

    def _require_told(self, known: Identity, found: Identity) -> bool:
        """Whether what is known would tell that `found` is another file; else no part is asked for.

        Bytes of two contents would be called one file, without a word.
        """
        if self._proves_itself or known.is_told_by(found):
            return True
        self.is_untold, self.ranges = True, False
        return False

    def _without_range(self, response: httpx.Response, sent: Sent) -> None:
        """Have the file asked for as a whole. Raises TransientError where it was."""
        if "Range" not in sent:
            raise TransientError(
                f"the server answered {response.status_code} to a request for the whole file",
                code="BAD_RANGE",
            )
        self.ranges = False

    def _nothing_more(
        self, response: httpx.Response, sent: Sent, start: int, known: Identity
    ) -> Body | None:
        """What a 416 is good for: it tells that the bytes before `start` are all there are."""
        size = size_of_unsatisfied(response)
        sizes = {known.size, self.size} - {None}
        if size is None and start > 0 and sizes <= {start}:
            size = start  # nothing is behind them, and they came from there
        identity = Identity(key=known.key, size=size, etag=entity_tag(response))
        if size is None or size > start:
            if size is None and any(other is not None and other < start for other in sizes):
                raise refusal(response)
            if start > 0 and not known.goes_on_as(identity, self.size):
                raise RemoteChanged(_CHANGED)
            self._without_range(response, sent)
            return None
        if size < start or not known.goes_on_as(identity, self.size):
            raise refusal(response)
        response.close()
        return Body(start, start, size, identity, iter(()), True, lambda: None)

    def _pass_over_wrong_part(self, response: httpx.Response, sent: Sent, start: int) -> None:
        """What to do about a part that was not asked for: ask again, then for the whole file."""
        self._wrong_parts += 1
        if self._wrong_parts >= WRONG_PARTS:
            self._wrong_parts = 0
            self._without_range(response, sent)
            return
        said = printable(response.headers.get("content-range", "no Content-Range"))[:80]
        raise TransientError(
            f"the server sent the wrong part ({said}) instead of the one from byte {start:,}",
            code="BAD_RANGE",
        )
