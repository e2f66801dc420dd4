"""Answers whose values have other types than they should, as the live service has some of them."""

from __future__ import annotations

import json
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send


def loosened(value: Any) -> Any:
    """A value of JSON with numbers as text, yes and no as 1 and 0, null for an empty list."""
    if isinstance(value, dict):
        return {key: loosened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [loosened(item) for item in value] or None
    if isinstance(value, bool):
        return int(value)
    return str(value) if isinstance(value, int | float) else value


def loosening(send: Send) -> Send:
    """`send` for an answer of one piece, whose JSON is loosened where it is a success."""
    held: list[Message] = []

    async def loosely(message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = dict(message["headers"]).get(b"content-type", b"")
            if message["status"] == 200 and kind == b"application/json":
                held.append(message)
                return
        elif held:
            start = held.pop()
            body = json.dumps(loosened(json.loads(message["body"]))).encode()
            MutableHeaders(scope=start)["content-length"] = str(len(body))
            await send(start)
            message = {**message, "body": body}
        await send(message)

    return loosely
