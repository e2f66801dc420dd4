"""What the measurements run against: nginx with files, the API stub behind it, relays before it."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme
from stub import Served, Stub

LIMIT = 8 << 20
"""Bytes a second of one connection below /limited/ (nginx's `8m`)."""

CONF = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    client_body_temp_path {folder}/tmp;
    proxy_temp_path {folder}/tmp;
    fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp;
    scgi_temp_path {folder}/tmp;
    upstream flow {{ server 127.0.0.1:{stub}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {folder}/server.pem;
        ssl_certificate_key {folder}/server.pem;
        location /downloads/ {{ alias {files}/; }}
        location /limited/ {{ alias {files}/; limit_rate 8m; }}
        location = /connections {{ stub_status; }}
        location / {{
            proxy_pass http://flow;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


@dataclass
class Farm:
    """The servers of one run.

    Attributes:
        url: nginx's base; `tls_url`: the same over TLS, with a certificate signed by `ca`.
        files: its folder. `stub`: the API behind it.
    """

    url: str
    tls_url: str
    ca: Path
    files: Path
    stub: Stub
    _relays: ExitStack = field(default_factory=ExitStack)
    _made: dict[tuple[str, float, int], str] = field(default_factory=dict)

    def behind(self, rtt: float, window: int, *, tls: bool = False) -> str:
        """The base URL of the same server at the end of a long path."""
        scheme, _, target = (self.tls_url if tls else self.url).partition("://")
        if (scheme, rtt, window) not in self._made:
            port = self._relays.enter_context(relay(target, rtt, window))
            self._made[scheme, rtt, window] = f"{scheme}://127.0.0.1:{port}"
        return self._made[scheme, rtt, window]

    def put(
        self, sample: str, count: int, size: int, *, limited: bool = False, sparse: bool = False
    ) -> list[Served]:
        """Make a sample with `count` files of `size` bytes. Sparse ones get no md5."""
        made = []
        where = "limited" if limited else "downloads"
        for number in range(count):
            id_ = f"{sample}-{number}"
            name = f"{id_}.bin"
            file = self.files / id_ / name
            file.parent.mkdir(parents=True)
            md5 = None if sparse else _fill(file, size, seed=f"{sample} {number}")
            if sparse:
                with file.open("wb") as stream:
                    stream.truncate(size)
            made.append(Served(id_, name, f"/{where}/{id_}/{name}", size, md5))
        self.stub.add(sample, made)
        return made


def _fill(file: Path, size: int, seed: str) -> str:
    """Write random bytes; their md5."""
    source = random.Random(seed)
    md5 = hashlib.md5(usedforsecurity=False)
    with file.open("wb") as stream:
        while size:
            piece = source.randbytes(min(size, 1 << 20))
            size -= len(piece)
            md5.update(piece)
            stream.write(piece)
    return md5.hexdigest()


@contextmanager
def farm(folder: Path) -> Iterator[Farm]:
    """nginx and the stub, with `folder` for their files, until left."""
    folder.mkdir(parents=True)
    files = folder / "files"
    files.mkdir()
    stub = Stub()
    port, tls_port = free_port(), free_port()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        folder / "server.pem"
    )
    conf = folder / "nginx.conf"
    conf.write_text(
        CONF.format(folder=folder, files=files, port=port, tls_port=tls_port, stub=stub.port)
    )
    nginx = subprocess.Popen(["nginx", "-c", str(conf), "-p", str(folder), "-e", "stderr"])
    made = Farm(
        f"http://127.0.0.1:{port}",
        f"https://127.0.0.1:{tls_port}",
        folder / "ca.pem",
        files,
        stub,
    )
    try:
        _wait_for(f"{made.url}/me", nginx)
        yield made
    finally:
        made._relays.close()
        nginx.terminate()
        nginx.wait()
        stub.close()


@contextmanager
def relay(target: str, rtt: float, window: int) -> Iterator[int]:
    """A relay in a process of its own; its port."""
    command = [sys.executable, str(Path(__file__).with_name("relay.py")), "--to", target]
    command += ["--rtt", str(rtt), "--window", str(window)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(10)


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("nginx does not start; see its words above") from None
            time.sleep(0.05)


def environment(home: Path, ca: Path | None = None) -> dict[str, str]:
    """The environment of the programs measured: no proxy, no settings of this user.

    `ca` signs the server's certificate.
    """
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "FLOWTUI_HOME": str(home / "flowtui"),
        "FLOW_ACCESS_TOKEN": "bench",
        **({"SSL_CERT_FILE": str(ca)} if ca else {}),
    }
