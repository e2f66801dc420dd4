"""How a `get` ended: in a line, as an error that says what to do, and as the last JSON line."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.json_fields import is_kept
from flowtui.cli.output import Output, counted, one_line, seconds_text, size_text
from flowtui.protocol.states import BROKEN_ON_FLOW
from flowtui.text import quantities

if TYPE_CHECKING:
    from flowtui.cli.batch_progress import BatchProgress
    from flowtui.cli.manifest_table import ManifestRow
    from flowtui.cli.plan import Plan
    from flowtui.cli.selection import RequestedFiles

AGAIN = "run the same command again to resume"


NAMED = 3
"""Files that a message names; the others are counted."""


def print_end(state: BatchProgress, plan: Plan, out: Output) -> None:
    """The line about what is here."""
    counts = state.file_counts()
    complete = counts["done"] + counts["skipped"]
    replaced = sum(1 for row in state.rows.values() if row.replaced)
    text = f"{complete:,} of {counted(max(state.files, counts.total()), 'file')} complete"
    if skipped := counts["skipped"]:
        text += f" ({skipped:,} already present)"
    if linked := sum(1 for row in state.rows.values() if row.linked):
        text += f", {linked:,} linked"
    if kept := _kept(state):
        text += f", {kept:,} kept though changed"
    if replaced:
        text += f", {replaced:,} replaced"
    text += f", {size_text(state.fetched_bytes())} downloaded in {seconds_text(state.seconds)}"
    out.say(f"{text}, to {one_line(plan.root)}")
    if state.summary.trouble:
        out.say(f"flowtui: {one_line(state.summary.trouble)}")


def tell_other_places(state: BatchProgress, found: RequestedFiles, out: Output) -> None:
    """Say which files are not at their paths of the manifest, where that is what was asked for."""
    paths = {row.key: row.path for row in state.rows.values()}
    paths |= {file.key: file.path for file in state.unpacked}
    others = other_places(paths, found.manifest or {})
    for wanted, path in others[:NAMED]:
        taken = f"{one_line(wanted)} of the manifest is another file's here"
        out.say(f"flowtui: {taken}; it is at {one_line(path)}")
    if len(others) > NAMED:
        out.say(f"flowtui: so it is with {counted(len(others) - NAMED, 'more file')}")


def other_places(
    paths: Mapping[str, str], manifest: Mapping[str, ManifestRow]
) -> list[tuple[str, str]]:
    """The path in the manifest, and that in the folder, of each file for which they differ.

    `paths`: key → path. A folder of Flow's comes as a ZIP, which a manifest may not know.
    """
    wanted = [
        (unicodedata.normalize("NFC", row.path), paths[key])
        for key, row in manifest.items()
        if key in paths
    ]
    return [(there, here) for there, here in wanted if here not in (there, f"{there}.zip")]


def end_error(
    state: BatchProgress,
    plan: Plan,
    found: RequestedFiles,
    status: Exit,
    mistake: BaseException | None,
) -> CommandError | None:
    """Why not all files are complete and what to do; None where they are."""
    if status is Exit.INTERRUPTED:
        return CommandError(f"interrupted; {AGAIN}", exit=status, code="INTERRUPTED")
    if mistake is not None and status is not Exit.OK:
        return internal_error(mistake)
    if state.blocked_by == "NO_SPACE":
        reason = one_line(state.waiting_reason("NO_SPACE")) or "the disk is full"
        message = f"not enough disk space: {reason}; free some or choose another --to, then {AGAIN}"
        return CommandError(message, exit=status, code="NO_SPACE")
    if state.blocked_by == "UNAUTHENTICATED":
        message = f"not signed in to {plan.server}; run `flowtui login`, then {AGAIN}"
        return CommandError(message, exit=status, code="UNAUTHENTICATED")
    if reason := state.archive_failure():
        message = f"{one_line(reason)}; use `--bulk never` to download the files one by one"
        return CommandError(message, exit=status, code="FAILED")
    counts = state.file_counts()
    if failed := counts["failed"] + counts["cancelled"]:
        message = f"{counted(failed, 'file')} failed; run the same command again to retry them"
        return CommandError(message, exit=status, code="FAILED")
    if foreign := state.beside_foreign():
        names = quantities.named([one_line(path) for path in foreign], NAMED)
        message = f"different files already have these names; Flow's were saved as: {names}"
        return CommandError(message, exit=status, code="FOREIGN_FILE")
    if broken := state.broken_files():
        message = f"{counted(broken, 'file')} complete but broken on Flow itself; tell the owner"
        return CommandError(message, exit=status, code=BROKEN_ON_FLOW)
    return missing_error(found) if status is not Exit.OK else None


def missing_error(found: RequestedFiles) -> CommandError | None:
    """What of the wish was not to be had, whose reasons were told one by one; None for nothing."""
    missing = [*found.missing, *(error.message for error in found.errors)]
    if not missing:
        return None
    names = quantities.named([one_line(name) for name in missing], NAMED)
    return CommandError(f"not everything could be had; left out: {names}", code="INCOMPLETE")


def internal_error(mistake: BaseException) -> CommandError:
    """A mistake of ours in the words for people, with a report for those who mend it."""
    from flowtui.crash_report import reported, scrub

    what = one_line(scrub(f"{type(mistake).__name__}: {mistake}"))
    return CommandError(f"internal error: {what}; {reported(mistake)}; {AGAIN}", code="INTERNAL")


def summary_event(
    out: Output, state: BatchProgress | None, found: RequestedFiles, status: Exit, seconds: float
) -> None:
    """The last line of `--json`, whatever happened."""
    counts = {} if state is None else {key: n for key, n in state.file_counts().items() if n}
    ended = sum(counts.get(name, 0) for name in ("done", "skipped", "failed", "cancelled"))
    out.event(
        "summary",
        status=int(status),
        files=len(found.files),
        done=counts.get("done", 0),
        skipped=counts.get("skipped", 0),
        failed=counts.get("failed", 0),
        cancelled=counts.get("cancelled", 0),
        unfinished=sum(counts.values()) - ended,
        left_out=found.left_out,
        excluded=found.excluded,
        missing_refs=len(found.errors),
        replaced=0 if state is None else sum(1 for row in state.rows.values() if row.replaced),
        linked=0 if state is None else sum(1 for row in state.rows.values() if row.linked),
        kept=0 if state is None else _kept(state),
        beside_foreign=0 if state is None else len(state.beside_foreign()),
        bytes=0 if state is None else state.verified_bytes(),
        fetched=0 if state is None else state.fetched_bytes(),
        seconds=round(seconds, 3),
    )


def _kept(state: BatchProgress) -> int:
    return sum(map(is_kept, state.rows.values()))
