"""`flowtui verify --repair`: files that are not as they were recorded are fetched again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flowtui.cli.exit_codes import CommandError, Exit, as_command_error
from flowtui.cli.output import Output, counted, one_line

if TYPE_CHECKING:
    from flowtui.cli.session import Session
    from flowtui.cli.signals import StopSignals
    from flowtui.flow.remote_file import RemoteFile


@dataclass(frozen=True)
class Wrong:
    """A file that is to be fetched again: its folder's log, its path below that, whose it is."""

    root: Path
    path: str
    key: str


def repair(wrong: list[Wrong], server: str | None, out: Output) -> int:
    """Fetch these files again, of large ones the bad blocks only; the bytes that came.

    What stands there keeps its name until the new file is verified. Raises CommandError.
    """
    from flowtui.cli.session import open_session
    from flowtui.cli.signals import StopSignals

    fetched = 0
    try:
        with StopSignals() as stop, closing(open_session(server, out)) as session:
            found, has_all = _find({file.key for file in wrong}, session, out)
            # A file that stands in several places of a folder has a turn for each.
            turns: defaultdict[tuple[Path, int], list[RemoteFile]] = defaultdict(list)
            places: Counter[tuple[Path, str]] = Counter()
            for file in wrong:
                if file.key not in found:
                    # Where Flow would not answer, that has been said.
                    what = "not found on Flow" if has_all else "not repaired"
                    out.say(f"flowtui: {what}: {one_line(str(file.root / file.path))}")
                    continue
                place = file.root, file.key
                turns[file.root, places[place]].append(found[file.key].placed_at(file.path))
                places[place] += 1
            for (root, _), files in turns.items():
                if not stop.fired:
                    fetched += _fetch(session, root, files, stop, out)
            if stop.fired:
                raise CommandError(
                    "interrupted; run the same command again to resume",
                    exit=Exit.INTERRUPTED,
                    code="INTERRUPTED",
                )
    except CommandError:
        raise
    except Exception as error:
        expected = as_command_error(error)
        if expected is None:
            raise
        raise expected from error
    return fetched


def _find(keys: set[str], session: Session, out: Output) -> tuple[dict[str, RemoteFile], bool]:
    """What Flow has of these files now, by their keys; and whether it answered to all."""
    from flowtui.cli.filters import Filters
    from flowtui.cli.selection import RequestedFiles, find
    from flowtui.flow.refs import ref_of_key

    refs = dict.fromkeys(ref for key in sorted(keys) if (ref := ref_of_key(key)) is not None)
    records = any(key.startswith("record/") for key in keys)
    asked = RequestedFiles()
    found = {
        file.key: file
        for file in find(session.client, list(refs), Filters(), out, asked, records=records)
        if file.key in keys
    }
    return found, all(error.exit is Exit.NOTHING_FOUND for error in asked.errors)


def _fetch(
    session: Session, root: Path, files: Iterable[RemoteFile], stop: StopSignals, out: Output
) -> int:
    """Fetch the files to their places; the bytes that came over the network."""
    from flowtui.cli.follow import Follower
    from flowtui.cli.progress import stderr_view
    from flowtui.connect import connector
    from flowtui.engine.engine import Engine
    from flowtui.protocol.feeding import WholeBatch
    from flowtui.protocol.messages import Batch
    from flowtui.system.descriptors import raise_limit
    from flowtui.transfer.http.clients import service_maker

    wanted = tuple(files)
    batch = Batch(
        server=session.client.server,
        root=str(root),
        name=counted(len(wanted), "file"),
        files=wanted,
        reread=True,
    )
    settings = replace(session.settings, on_change="replace")
    raise_limit()
    engine = Engine(settings, make_service=service_maker(connector(settings), session.client))
    stop.raising = False  # a signal is noticed between two events, to stop the engine cleanly
    engine.start()
    try:
        state = Follower(engine, out, stderr_view(), lambda: stop.fired).run(WholeBatch(batch))
    finally:
        engine.stop()
        stop.raising = True
    for row in state.rows.values():
        if row.state == "failed":
            out.say(f"flowtui: not repaired: {one_line(row.path)}: {one_line(row.reason)}")
    return state.fetched_bytes()
