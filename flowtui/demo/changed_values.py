"""Good answers changed on their way, by what is done to their JSON."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

Change = Callable[[bytes], bytes]


def changing(send: Send, change: Change) -> Send:
    """`send` for an answer of one piece, whose JSON is changed where it is a success."""
    held: list[Message] = []

    async def changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = dict(message["headers"]).get(b"content-type", b"")
            if message["status"] == 200 and kind == b"application/json":
                held.append(message)
                return
        elif held:
            start = held.pop()
            body = change(message["body"])
            MutableHeaders(scope=start)["content-length"] = str(len(body))
            await send(start)
            message = {**message, "body": body}
        await send(message)

    return changed
