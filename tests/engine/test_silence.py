"""When a disk counts as one that does not answer, and what is said of it."""

from __future__ import annotations

import pytest

from flowtui.engine.queue.silence import silent, words


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.05, "1 s"), (5.0, "5 s"), (9.9, "5 s"), (44.0, "40 s"), (121.0, "2 min"), (7300.0, "2 h")],
)
def test_the_words_change_every_few_seconds(seconds: float, told: str) -> None:
    assert words("/nfs/to", seconds) == f"the disk of /nfs/to has not answered for {told}"


@pytest.mark.parametrize(
    ("asked", "told", "again"),
    [
        ([], [], None),
        ([{"/a": 97.0}], [], 102.0),  # asked three seconds ago: it may be slow
        ([{"/a": 95.0}], ["/a"], 101.0),
        ([{"/a": 99.0}, {"/a": 60.0}], ["/a"], 101.0),  # what has waited longest counts
        ([{"/b": 60.0}, {"/a": 98.0, "/c": 10.0}], ["/b", "/c"], 101.0),
    ],
)
def test_a_disk_is_silent_that_was_asked_five_seconds_ago(
    asked: list[dict[str, float]], told: list[str], again: float | None
) -> None:
    found, look_again = silent(asked, 100.0, 5.0)
    assert list(found) == told
    assert look_again == again
