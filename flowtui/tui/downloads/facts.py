"""All there is to say of one transfer, and what can be copied of it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import quote

from flowtui.protocol.messages import TransferRow
from flowtui.protocol.states import GOOD, RUNNING, TransferState
from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.tui.downloads import drawing

WHAT_HELPS = {
    "NO_SPACE": "free some space, or cancel other downloads; it goes on by itself then",
    "UNAUTHENTICATED": "s signs in; it goes on by itself then",
    "NO_ANSWER": "it goes on as soon as the disk answers",
}
"""Code → what somebody can do."""


def remedy(row: TransferRow) -> str:
    """What can be done about how a transfer stands; empty where nothing has to be."""
    if row.code in WHAT_HELPS and row.state not in GOOD:
        return WHAT_HELPS[row.code]
    if row.state == TransferState.FAILED:
        again = "r tries it again"
        return again if row.retryable else f"{again}; it may fail the same way"
    if row.state == TransferState.PAUSED:
        return "p resumes it"
    if row.state == TransferState.CANCELLED:
        return "r downloads it after all"
    return ""


def facts_of(row: TransferRow) -> Iterator[tuple[str, str]]:
    """Labels and words, fit to be drawn; nothing is cut."""
    yield "path", printable(f"{row.root}/{row.path}")
    yield "state", drawing.full_words(row)
    if helps := remedy(row):
        yield "what helps", helps
    yield "bytes", drawing.amount(row)
    if row.state in RUNNING:
        rate = quantities.rate(row.rate) if row.rate else "nothing comes"
        left = f", {quantities.duration(row.eta)} left" if row.rate and row.eta is not None else ""
        connections = quantities.counted(max(1, row.connections), "connection")
        yield "rate", f"{rate} over {connections}{left}"
    if row.resumed_at:
        yield "resumed", f"at {quantities.size(row.resumed_at)}"
    if row.seconds and row.state == TransferState.DONE:
        yield "took", quantities.duration(row.seconds)
    if row.md5:
        yield "md5", printable(row.md5)
    if row.sample:
        yield "sample", printable(row.sample)
    if ref := ref_of(row):
        yield "REF", ref
    yield "server", printable(row.server)


def path_of(row: TransferRow) -> str:
    """The path where it is, or is to be."""
    return f"{row.root}/{row.path}"


def ref_of(row: TransferRow) -> str:
    """What names it for `flowtui get`; empty for an archive, and what has no such name."""
    is_named = row.key.startswith(("data/", "execution/"))
    return row.key if is_named and printable(row.key) == row.key else ""


def command_of(row: TransferRow) -> str:
    """The command that downloads it to the same folder; empty where no REF names it."""
    ref = ref_of(row)
    return shlex.join(["flowtui", "get", ref, "--to", row.root]) if ref else ""


def curl_of(row: TransferRow) -> str:
    """The same for curl, which takes the token from the environment: no line has one."""
    ref = ref_of(row)
    kind, _, rest = ref.partition("/")
    if not ref:
        return ""
    if kind == "data":
        url = f"{row.server}/downloads/{quote(rest, safe='')}/{quote(row.filename, safe='')}"
    else:
        id_, _, path = rest.partition("/")
        url = f"{row.server}/executions/{quote(id_, safe='')}/{quote(path, safe='/')}"
    header = '-H "Authorization: Bearer $FLOW_ACCESS_TOKEN"'
    name = f"./{PurePosixPath(row.path).name}"  # no option, whatever it begins with
    return f"curl -fL {header} -o {shlex.quote(name)} {shlex.quote(url)}"
