"""A Flow that gives back the token it is sent, wherever an answer has room for it.

It stands before a demo server and changes what that says: names of projects, samples and files,
messages of errors, headers. A file's address is a signed link, good for as long as the server runs.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import httpx

SIGNATURE = "5160ed5160ed5160ed5160ed5160ed5160ed"
"""What a signed link proves itself with."""

QUERY = f"?X-Amz-Date=20261127T000000Z&X-Amz-Signature={SIGNATURE}"

_NAMES = {"name", "title", "description", "first_name", "last_name", "identifier", "owner_name",
          "sample_name", "project_name", "pipeline_name", "process_name"}  # fmt: skip
_HOPS = {"host", "connection", "accept-encoding", "content-length", "transfer-encoding"}


class EchoingFlow:
    """Attributes: `url`; `refused`: ids of data whose download is refused, with words."""

    def __init__(self, behind: str) -> None:
        self.refused: set[str] = set()
        self._http = httpx.Client(base_url=behind.removesuffix("/api"), timeout=30, verify=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/api"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._http.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        flow = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

            def do_GET(self) -> None:
                flow._answer(self)

            do_POST = do_GET

        return Handler

    def _answer(self, asked: BaseHTTPRequestHandler) -> None:
        token = (asked.headers.get("Authorization") or "Bearer nobody").removeprefix("Bearer ")
        size = int(asked.headers.get("Content-Length") or 0)
        path = asked.path.replace(f".{token}", "")  # of a file's name, see `_echoed`
        named = re.search(r"/downloads/([^/?]+)", path)
        if named and unquote(named[1]) in self.refused:
            words = {"error": f"Bearer {token} may not: {self.url}/x{QUERY} says token={token}"}
            status, headers, content = 403, {}, json.dumps(words).encode()
        else:
            given = {k: v for k, v in asked.headers.items() if k.lower() not in _HOPS}
            answer = self._http.request(
                asked.command, path, headers={**given, "Accept-Encoding": "identity"},
                content=asked.rfile.read(size),
            )  # fmt: skip
            status, content = answer.status_code, answer.content
            headers = {k: v for k, v in answer.headers.items() if k.lower() not in _HOPS}
            if "json" in headers.get("content-type", "") and not named:
                content = json.dumps(self._echoed(answer.json(), token)).encode()
        for name in [name for name in headers if name.lower() in ("etag", "last-modified")]:
            del headers[name]
        asked.send_response(status)
        headers = {"content-type": "application/json", **headers}
        for name, value in headers.items():
            asked.send_header(name, value)
        asked.send_header("ETag", f'"{token}"')
        asked.send_header("Last-Modified", token)
        asked.send_header("X-Request", f"Bearer {token}")
        asked.send_header("Content-Length", str(len(content)))
        asked.end_headers()
        asked.wfile.write(content)

    def _echoed(self, value: Any, token: str, key: str = "") -> Any:
        if isinstance(value, dict):
            echoed = {name: self._echoed(item, token, name) for name, item in value.items()}
            if isinstance(value.get("filename"), str) and value.get("id"):
                name = echoed["filename"].rpartition("/")[2]
                echoed["download_url"] = f"{self.url}/downloads/{value['id']}/{name}{QUERY}"
            return echoed
        if isinstance(value, list):
            return [self._echoed(item, token, key) for item in value]
        if not isinstance(value, str) or not value:
            return value
        if key == "filename":
            stem, dot, ending = value.rpartition(".")
            return f"{stem}.{token}{dot}{ending}"
        if key in _NAMES:
            return f"{value} {token}"
        if key in ("error", "message", "detail"):
            return f"{value}; Authorization: Bearer {token}; {self.url}/x{QUERY}"
        return value


@contextmanager
def echoing(behind: str) -> Iterator[EchoingFlow]:
    """A server before `behind`, for as long as it is wanted."""
    flow = EchoingFlow(behind)
    try:
        yield flow
    finally:
        flow.close()
