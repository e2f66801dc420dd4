"""`samples.tsv` in a target folder, kept true by `get`: what Flow says of the samples of files."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from flowtui.cli.exit_codes import CommandError, Exit, Interrupted, as_command_error, exit_of_flow
from flowtui.cli.output import counted, one_line

if TYPE_CHECKING:
    from flowtui.cli.output import Output
    from flowtui.cli.signals import StopSignals
    from flowtui.flow.client import FlowClient
    from flowtui.flow.models import Sample
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.sheets.sample_table import SampleFacts

TABLE_NAME = "samples.tsv"

LONGEST = 1 << 26
"""Bytes of it; a longer one is none of ours."""


def keep_samples_table(
    client: FlowClient,
    root: str,
    files: Iterable[RemoteFile],
    out: Output,
    *,
    asked: bool,
    stop: StopSignals | None = None,
) -> CommandError | None:
    """Bring the samples of these files into `samples.tsv`; what went wrong, told already, or None.

    Unless it was `asked` for, only a table of ours that is there already is kept true. With `stop`
    a signal ends it, as what went wrong; the table is as it was then, or complete.
    """
    error: CommandError | None
    try:
        if stop is not None:
            stop.raising = True
        error = _keep(client, Path(root), files, out, asked=asked)
    except Interrupted:
        words = f"interrupted; {TABLE_NAME} may lack samples, run the same command again"
        error = CommandError(words, exit=Exit.INTERRUPTED, code="INTERRUPTED")
    finally:
        if stop is not None:
            stop.raising = False
    if error is not None:
        out.error(error)
    return error


def _keep(
    client: FlowClient, root: Path, files: Iterable[RemoteFile], out: Output, *, asked: bool
) -> CommandError | None:
    from flowtui.sheets.sample_table import UnfitTable, merged
    from flowtui.transfer.disk.rewritten import rewrite

    refs = list(dict.fromkeys(
        file.belongs_to for file in files if file.belongs_to.startswith("sample/")
    ))  # fmt: skip
    path = root / TABLE_NAME
    if asked and not refs:
        out.say(f"flowtui: {TABLE_NAME} is not written: these files are of no one sample on Flow")
    if not refs or not (asked or _has_ours(root)):
        return None
    try:
        samples, error = _ask(client, refs)

        def change(before: bytes | None) -> bytes:
            return merged("" if before is None else _text(before), samples).encode()

        if samples and rewrite(root, TABLE_NAME, LONGEST, change):
            out.say(f"{one_line(str(path))}: {counted(len(samples), 'sample')} written")
    except UnfitTable as unfit:
        words = f"{path}: {unfit}; move it away, or fix it"
        error = CommandError(words, exit=Exit.SOME_FAILED, code="UNFIT")
    except OSError as wrong:
        error = as_command_error(wrong)
        if error is None:
            raise
    return error


def _has_ours(root: Path) -> bool:
    """Whether such a table is there; what else has its name is somebody's, and none of ours."""
    from flowtui.sheets.sample_table import UnfitTable, is_ours
    from flowtui.transfer.disk.rewritten import read

    try:
        content = read(root, TABLE_NAME, LONGEST)
        return content is not None and is_ours(_text(content))
    except (OSError, UnfitTable):
        return False


def _text(content: bytes) -> str:
    from flowtui.sheets.sample_table import UnfitTable

    try:
        return content.decode()
    except UnicodeDecodeError:
        raise UnfitTable("it is not UTF-8; save it as Unicode text") from None


def _ask(client: FlowClient, refs: list[str]) -> tuple[list[SampleFacts], CommandError | None]:
    """What Flow says of the samples, as far as it does, and what it would not say."""
    from flowtui.flow.errors import FlowError
    from flowtui.flow.walk.lookahead import Lookahead

    def ask(ref: str) -> Sample | FlowError:
        try:
            return client.sample(ref.removeprefix("sample/"))
        except FlowError as error:
            return error

    found = []
    lost: list[tuple[str, FlowError]] = []
    with closing(Lookahead()) as lookahead:
        for ref, sample in zip(refs, lookahead.map(ask, refs), strict=True):
            if isinstance(sample, FlowError):
                lost.append((ref, sample))
            else:
                found.append(_facts(ref, sample))
    if not lost:
        return found, None
    ref, first = lost[0]
    others = f", nor of {counted(len(lost) - 1, 'other sample')}" if len(lost) > 1 else ""
    words = f"{TABLE_NAME} has nothing new of {ref}{others}: {first.message}"
    return found, CommandError(words, exit=exit_of_flow(first), code=first.code)


def _facts(ref: str, sample: Sample) -> SampleFacts:
    from flowtui.sheets.sample_table import SampleFacts

    facts = {
        "name": sample.name,
        "project": sample.project_name,
        "sample_type": sample.sample_type,
        "organism": sample.organism,
        "owner": sample.owner_name,
        "created": sample.created and sample.created.isoformat(),
    }
    return SampleFacts(ref, {name: text for name, text in facts.items() if text}, sample.metadata)
