"""REFs for a shell that completes words: of what is yours, from the server or from minutes ago.

Somebody waits with a finger on the tab key: nothing takes longer than PATIENCE, nothing is asked,
and nothing is said.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowtui.text.printable import without_controls

if TYPE_CHECKING:
    from flowtui.config import Folders

PATIENCE = 1.5
"""Seconds that the server has to answer in."""

KEPT_FOR = 300.0
"""Seconds that what it answered is used again."""

MOST = 1000
"""REFs of a kind."""

MOST_BYTES = 1 << 20

LONGEST_NAME = 80

_SAFE = re.compile(r"[a-z]+/[A-Za-z0-9._-]{1,64}")
"""What a shell takes as one plain word: the ids are the server's, and shells do not quote them."""

KINDS = {"project": "projects", "sample": "samples", "data": "data", "execution": "executions"}
"""What a REF begins with → what the service's lists are of."""

Found = list[tuple[str, str]]
"""REFs and their names."""


@dataclass
class Cache:
    """The lists of some minutes ago, in a file of the state."""

    file: Path
    server: str
    lists: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, folders: Folders, server: str) -> Cache:
        """What the file has of this server; nothing where it is none of ours."""
        from flowtui.system.files import parse_json, read_regular

        cache = cls(folders.state / "completion.json", server)
        try:
            kept = parse_json(read_regular(cache.file, MOST_BYTES))
        except (OSError, ValueError):
            return cache
        if isinstance(kept, dict) and kept.get("server") == server:
            lists = kept.get("lists")
            if isinstance(lists, dict):
                cache.lists = {kind: one for kind, one in lists.items() if isinstance(one, dict)}
        return cache

    def get(self, kind: str, now: float, *, stale: bool = False) -> Found | None:
        """The list of a kind, if it is of the last minutes; of any age where `stale`."""
        kept = self.lists.get(kind, {})
        at, rows = kept.get("at"), kept.get("refs")
        if not isinstance(at, int | float) or not isinstance(rows, list):
            return None
        if not stale and not 0 <= now - at < KEPT_FOR:
            return None
        pairs = (row for row in rows[:MOST] if isinstance(row, list) and len(row) == 2)
        return [
            (ref, name) for ref, name in pairs if isinstance(ref, str) and isinstance(name, str)
        ]

    def put(self, kind: str, found: Found, now: float) -> None:
        """Keep a list. Raises OSError, ConfigError."""
        import json

        from flowtui.config import private_folder
        from flowtui.system.files import write_private

        self.lists[kind] = {"at": now, "refs": found}
        private_folder(self.file.parent)
        write_private(self.file, json.dumps({"server": self.server, "lists": self.lists}))


def complete(incomplete: str) -> Found:
    """The REFs that begin so, with the names of what they are; nothing where nobody knows."""
    begun, slash, _ = incomplete.partition("/")
    kinds = [kind for kind in KINDS if (kind == begun if slash else kind.startswith(begun))]
    # Of what is not yet named the projects are the most useful, and one list is enough.
    found = _refs(kinds[0]) if kinds else []
    return [
        (ref, without_controls(name)[:LONGEST_NAME])
        for ref, name in found
        if ref.startswith(incomplete) and _SAFE.fullmatch(ref)
    ]


def _refs(kind: str) -> Found:
    from flowtui.config import ConfigError
    from flowtui.connect import read_settings

    try:
        settings, folders = read_settings()
    except ConfigError:
        return []
    cache = Cache.read(folders, settings.base_url)
    now = time.time()
    if (kept := cache.get(kind, now)) is not None:
        return kept
    found = within(PATIENCE, lambda: list(islice(_ask(kind), MOST)))
    if found is None:
        return cache.get(kind, now, stale=True) or []
    from contextlib import suppress

    with suppress(OSError, ConfigError):  # the next time it is asked again
        cache.put(kind, found, now)
    return found


def within(seconds: float, ask: Callable[[], Found]) -> Found | None:
    """What `ask` gives, if it does so in time and nothing goes wrong; its thread is left behind."""
    answers: list[Found] = []

    def work() -> None:
        try:
            answers.append(ask())
        except Exception:  # noqa: BLE001 - whatever it is, nobody can be told here
            return

    thread = threading.Thread(target=work, name="completion", daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else None


def _ask(kind: str) -> Iterator[tuple[str, str]]:
    """What is yours on the server. Raises FlowError and what `open_session` does."""
    from contextlib import closing

    from flowtui.cli.output import Output
    from flowtui.cli.record_rows import row_of
    from flowtui.cli.session import open_session
    from flowtui.flow.search.criteria import Criteria, Kind
    from flowtui.flow.search.search import Search
    from flowtui.flow.session.credentials import CredentialSource

    with closing(open_session(None, Output(quiet=True), probe=False)) as session:
        client = session.client
        credential = client.account.credential
        if credential is None:
            return
        # Whoever renews a session must live to write down the new one, and we may end at any time.
        client.account.use(replace(credential, refresh_token=None, source=CredentialSource.MEMORY))
        wanted = Criteria(mine=True)
        records = (
            client.projects()
            if kind == "project"
            else Search(client, Kind(KINDS[kind]), wanted, lambda _: None)
        )
        for record in records:
            _, _, (fields, cells) = row_of(record)
            yield cells[0], str(fields.get("name") or fields.get("filename") or "")
