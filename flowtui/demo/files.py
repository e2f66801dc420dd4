"""The download routes, with byte ranges (RFC 9110, 13 and 14)."""

from __future__ import annotations

import asyncio
import re
from email.utils import formatdate
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from flowtui.demo.byte_source import ByteSource
from flowtui.demo.catalogue import Execution, File
from flowtui.demo.service import Refusal, Service, forbidden, not_found
from flowtui.demo.shaping import Pace

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "bed": "text/plain; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "fastq.gz": "application/gzip",
    "vcf.gz": "application/gzip",
}
_REFUSALS = {
    403: forbidden("You do not have permission to download this file"),
    404: not_found("Data file not found"),
    410: Refusal(410, "EXPIRED", "Download link has expired"),
}
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE)


def one_file(service: Service, request: Request, id: str, name: str) -> Response:
    """`GET /downloads/<id>/<filename>`: the name must be the file's, or its path for an output."""
    file = service.catalogue.files.get(id)
    ending = ".zip" if file is not None and file.is_folder else ""
    if file is None or name not in {file.filename + ending, file.path + ending}:
        raise not_found("Data file not found")
    return _answer(service, request, file)


def one_output(service: Service, request: Request) -> Response:
    """`GET /executions/<id>/<path>`, the documented route for an execution's files."""
    execution = service.catalogue.executions.get(request.path_params["id"])
    path = unquote(request.path_params["path"])
    file = _output(execution, path) if execution else None
    if file is None:
        raise not_found("Data file not found")
    return _answer(service, request, file)


def _output(execution: Execution, path: str) -> File | None:
    return next((file for file in execution.outputs if file.path == path), None)


def _answer(service: Service, request: Request, file: File) -> Response:
    service.require(file.project, service.user(request))
    if file.refused is not None:
        raise _REFUSALS[file.refused]
    media_type = _MEDIA_TYPES.get(file.filetype, "application/octet-stream")
    return SourceResponse(
        request, file.content, file.filename, file.etag, media_type, service, file.created
    )


def wanted(
    header: str | None, if_range: str | None, size: int, etag: str, modified: str
) -> tuple[int, int] | None:
    """The range asked for as (start, stop), or None for all of it.

    A header that is malformed or names several ranges is passed over, as is one whose `If-Range`
    is about another version. Raises Refusal (416) where nothing of the range exists.
    """
    found = _RANGE.fullmatch(header) if header else None
    if found is None or (if_range is not None and if_range not in {etag, modified}):
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start = int(first)
        if last and int(last) < start:
            return None
        stop = min(size, int(last) + 1) if last else size
    if start >= stop:
        raise Refusal(416, "RANGE_NOT_SATISFIABLE", "Nothing there")
    return start, stop


class SourceResponse(Response):
    """A source, or the range of it that is asked for, sent at the service's rate."""

    def __init__(
        self,
        request: Request,
        source: ByteSource,
        filename: str,
        etag: str,
        media_type: str,
        service: Service,
        modified: int,
    ) -> None:
        size = source.size
        date = formatdate(modified, usegmt=True)
        headers = {"accept-ranges": "bytes", "etag": etag, "last-modified": date}
        headers["content-disposition"] = _disposition(filename)
        self._source = source
        self._service = service
        self._cut: int | None = None
        self._start, self._stop, status = 0, size, 200
        self._head = request.method == "HEAD"
        asked = None if self._head else request.headers.get("range")
        try:
            part = wanted(asked, request.headers.get("if-range"), size, etag, date)
        except Refusal:
            status, self._stop = 416, 0
            headers["content-range"] = f"bytes */{size}"
        else:
            if part:
                status, (self._start, self._stop) = 206, part
                headers["content-range"] = f"bytes {self._start}-{self._stop - 1}/{size}"
        headers["content-length"] = str(self._stop - self._start)
        super().__init__(None, status, headers, media_type)

    def cut_after(self, count: int) -> None:
        """Send so many bytes at most and then cut the connection, whatever was promised."""
        self._cut = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, until the client has gone."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        if self._cut is not None:
            self._stop = min(self._stop, self._start + self._cut)
        if not self._head:
            await self._send_body(receive, send)
        await send({"type": "http.response.body", "body": b""})

    async def _send_body(self, receive: Receive, send: Send) -> None:
        # Nothing tells a sender that its reader has gone, except this channel.
        gone = asyncio.create_task(_until_gone(receive))
        pace = Pace(self._service.rate)
        try:
            for piece in self._source.chunks(self._start, self._stop):
                step = pace.chunk or len(piece)
                for at in range(0, len(piece), step):
                    if gone.done():
                        return
                    part = piece[at : at + step]
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                    await pace.passed(len(part))
        finally:
            gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _disposition(filename: str) -> str:
    quoted = quote(filename, safe="")
    if quoted == filename:
        return f'attachment; filename="{filename}"'
    return f"attachment; filename*=UTF-8''{quoted}"
