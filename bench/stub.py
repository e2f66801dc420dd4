"""A Flow API for the measurements: records of files, nothing more; the bytes are nginx's.

It answers `/data/<id>`, `/samples/<id>` and `/samples/<id>/data` in the live service's dialect
(pages of at most 100). nginx passes everything but the downloads on to it, so that all is one
origin.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Served:
    """A file that the measurements fetch.

    Attributes:
        path: below the server's root, percent-encoded, beginning with a slash.
        md5: None where Flow shall give none.
    """

    id: str
    name: str
    path: str
    size: int
    md5: str | None

    def record(self) -> dict[str, Any]:
        """As Flow's answers have it."""
        return {
            "id": self.id,
            "filename": self.name,
            "size": self.size,
            "md5": self.md5,
            "download_url": self.path,
            "created": 1700000000,
        }


class Stub:
    """The API, in a thread of its own.

    Attributes:
        files: id → file. `samples`: id → the ids of its files.
        port: on loopback.
    """

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.samples: dict[str, list[str]] = {}
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # it would hold back each answer's body for 40 ms

            def do_GET(self) -> None:
                status, body = stub.answer(self.path)
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def add(self, sample: str, files: list[Served]) -> None:
        """A sample with these files."""
        self.files.update({one.id: one for one in files})
        self.samples[sample] = [one.id for one in files]

    def answer(self, target: str) -> tuple[int, Any]:
        """Status and body of a GET."""
        parts = urlsplit(target)
        match parts.path.strip("/").split("/"):
            case ["me"]:
                return 200, {"id": "1", "username": "bench"}
            case ["data", id_] if id_ in self.files:
                return 200, self.files[id_].record()
            case ["samples", id_] if id_ in self.samples:
                return 200, {"id": id_, "name": id_}
            case ["samples", id_, "data"] if id_ in self.samples:
                return 200, self._page(self.samples[id_], parse_qs(parts.query))
        return 404, {"error": "not found", "code": "NOT_FOUND", "status": 404}

    def _page(self, ids: list[str], query: dict[str, list[str]]) -> dict[str, Any]:
        number = int(query.get("page", ["1"])[0])
        size = min(100, int(query.get("count", ["25"])[0]))
        rows = [self.files[one].record() for one in ids[(number - 1) * size : number * size]]
        return {"count": len(ids), "page": number, "data": rows}

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
