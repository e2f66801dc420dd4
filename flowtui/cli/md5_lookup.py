"""The md5 of files whose lists do not tell it, asked for file by file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flowtui.cli.output import Output, one_line
from flowtui.flow.remote_file import RemoteFile

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.errors import FlowError


def with_md5(client: FlowClient, files: Sequence[RemoteFile], out: Output) -> list[RemoteFile]:
    """The same files, each with its md5 where Flow has one.

    What cannot be had is told, and stays without. Raises FlowError where the session or the service
    as a whole ends.
    """
    from flowtui.flow.errors import FAILING, SKIPPABLE
    from flowtui.flow.walk.lookahead import Lookahead

    def ask(id_: str) -> str | FlowError | None:
        try:
            return client.data(id_).md5
        except (*SKIPPABLE, *FAILING) as error:
            return error

    ids = [file.data_id for file in files if file.md5 is None and file.data_id is not None]
    found: dict[str, str] = {}
    lookahead = Lookahead()
    try:
        for id_, answer in zip(ids, lookahead.map(ask, ids), strict=True):
            if isinstance(answer, str):
                found[id_] = answer
            elif answer is not None:
                why = one_line(answer.message)
                out.say(f"flowtui: the md5 of data/{one_line(id_)} is not known: {why}")
    finally:
        lookahead.close()
    return [replace(file, md5=file.md5 or found.get(file.data_id or "")) for file in files]
