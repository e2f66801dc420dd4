"""What commands share that read files of Flow as they come: a REF's one file, and its stream."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from flowtui.cli.exit_codes import CommandError, Exit, exit_of_code
from flowtui.cli.output import Output, one_line

if TYPE_CHECKING:
    from flowtui.config import Settings
    from flowtui.flow.client import FlowClient
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.streams.pieces import Stream
    from flowtui.transfer.errors import TransferError

NAMED = 5
"""Files that are named where a REF has several."""


def one_file(client: FlowClient, word: str, out: Output) -> RemoteFile:
    """The file that a REF names, with its md5 where Flow has one.

    Raises CommandError where it names none or several, FlowError.
    """
    from flowtui.cli.filters import Filters
    from flowtui.cli.md5_lookup import with_md5
    from flowtui.cli.selection import RequestedFiles, find, parse_refs, require_files

    found = RequestedFiles()
    quiet = Output()
    quiet.note = lambda text: out.say(text) if text.startswith("flowtui:") else None
    refs = parse_refs(client, [word], (), found)
    with closing(find(client, refs, Filters(), quiet, found)) as walk:
        for _ in walk:
            if len(found.files) > NAMED:  # of a large project no more is asked for
                break
    if found.errors:
        raise CommandError("nothing came", exit=found.errors[0].exit, code=found.errors[0].code)
    require_files(found)
    if len(found.files) > 1:
        some = [f"{file.key} ({one_line(file.filename)})" for file in found.files[:NAMED]]
        more = ", …" if len(found.files) > NAMED else ""
        message = f"{word} has several files; name one: {', '.join(some)}{more}"
        raise CommandError(message, exit=Exit.USAGE, code="USAGE")
    return with_md5(client, found.files, out)[0]


def stream_of(
    client: FlowClient,
    file: RemoteFile,
    settings: Settings,
    out: Output,
    *,
    proves_itself: bool = False,
) -> Stream:
    """The bytes of a file; what is waited for is told.

    `proves_itself`: see `RemoteSource`; parts of it are wanted, whatever Flow knows of the file.
    """
    from flowtui.streams.pieces import Stream
    from flowtui.transfer.cancel import StopSignal
    from flowtui.transfer.http.rate_limit import RateLimit
    from flowtui.transfer.http.source import RemoteSource
    from flowtui.transfer.identity import Identity

    stop = StopSignal()
    source = RemoteSource(
        client.http,
        client,
        key=file.key,
        url=file.url,
        filename=file.filename,
        data_id=file.data_id,
        stop=stop,
        size=file.size,
        accept_any_type=settings.accept_any_type,
        proves_itself=proves_itself,
    )
    name = one_line(file.filename)

    def told(why: str) -> None:
        out.say(f"flowtui: {name}: {one_line(why)}")

    identity = Identity(key=file.key, md5=file.md5)
    return Stream(source, identity, stop.event.wait, told, RateLimit(settings.limit_rate))


def as_told(error: TransferError, file: RemoteFile) -> CommandError:
    """Why a file did not come as it should, with its name."""
    message = f"{one_line(file.filename)}: {error.message}"
    return CommandError(message, exit=exit_of_code(error.code), code=error.code)
