"""Disks that do not answer: of which target folders, since when, and what is held until they do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flowtui.text import quantities

CODE = "NO_ANSWER"
"""The code of what waits for such a disk."""

TOLD = 100
"""Transfers of a folder, at most, that say why they are held; there may be many more."""

LOOK_AGAIN = 1.0
"""Seconds between two looks at a disk that does not answer."""


def silent(
    asked: Iterable[Mapping[str, float]], now: float, patience: float
) -> tuple[dict[str, str], float | None]:
    """Folder → that its disk does not answer, in words; and when to look again, if ever.

    `asked`: folders whose disks are asked something now, and since when.
    """
    since: dict[str, float] = {}
    for some in asked:
        for folder, at in some.items():
            since[folder] = min(at, since.get(folder, at))
    told = {
        folder: words(folder, now - at)
        for folder, at in sorted(since.items())
        if now - at >= patience
    }
    waits = [at + patience for folder, at in since.items() if folder not in told]
    return told, min([*waits, *([now + LOOK_AGAIN] if told else [])], default=None)


def words(folder: str, seconds: float) -> str:
    """That the disk of a folder does not answer, for people; said anew every few seconds."""
    rounded = seconds // 5 * 5 if seconds >= 5 else seconds
    return f"the disk of {folder} has not answered for {quantities.wait(rounded)}"
