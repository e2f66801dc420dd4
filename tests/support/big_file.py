"""A file of any size for a `FaultServer`, made as it is sent and never held whole."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random

from support.fault_server import Exchange, FaultServer, File, answer

BLOCK = random.Random(7).randbytes(1 << 20)
"""What the file consists of, over and over."""


def md5_of(size: int) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    for _ in range(size // len(BLOCK)):
        md5.update(BLOCK)
    md5.update(BLOCK[: size % len(BLOCK)])
    return md5.hexdigest()


def big_file(size: int, rate: float = 0.0) -> File:
    """A file of so many bytes, with Range; `rate` bytes a second on each connection."""

    async def serve(exchange: Exchange) -> None:
        wanted = exchange.request.range
        start, end = wanted or (0, None)
        end = min(size, size if end is None else end)
        headers = {"Content-Length": end - start, "ETag": '"big"', "Accept-Ranges": "bytes"}
        if wanted is not None:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        await exchange.head(206 if wanted is not None else 200, headers)
        while start < end:
            at = start % len(BLOCK)
            piece = BLOCK[at : at + min(1 << 18, end - start)]
            exchange.writer.write(piece)
            await exchange.writer.drain()
            exchange.request.sent += len(piece)
            start += len(piece)
            if rate:
                await asyncio.sleep(len(piece) / rate)

    return File(b"", always=serve)


def offer(server: FaultServer, id_: str, size: int, rate: float = 0.0) -> None:
    """Have the server offer a big file as Flow does: a record, and its bytes."""
    record = {
        "id": id_, "filename": f"{id_}.bin", "size": size, "md5": md5_of(size),
        "download_url": f"/downloads/{id_}/{id_}.bin",
    }  # fmt: skip
    body = json.dumps(record).encode()
    server.files[f"/data/{id_}"] = File(
        b"", always=answer(200, body, Content_Type="application/json")
    )
    server.files[f"/downloads/{id_}/{id_}.bin"] = big_file(size, rate)
