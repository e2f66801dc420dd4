"""Which machine this is, whatever it is called, and whether a process that ran on one is dead.

A host may be renamed (DHCP, containers), and one folder may be many hosts' at the same time. So a
name proves nothing, and neither does a lock alone where the folder comes over a network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from flowtui.system.boot import this_boot
from flowtui.system.mounts import LOCAL, MOUNTS, mount_of


@dataclass(frozen=True)
class Mark:
    """Where a process runs: what it leaves behind, for others to know whether it is dead.

    Attributes:
        machine: /etc/machine-id, or empty. Copies of one image may share it.
        boot: the boot's id, which no two kernels share; empty where that is not known.
        started: when the process began, in the kernel's ticks, or empty.
    """

    pid: int
    machine: str = ""
    boot: str = ""
    started: str = ""

    def text(self) -> str:
        """As one line, which `mark_of` reads."""
        return f"{self.machine or '-'} {self.boot or '-'} {self.started or '-'}"


class Fate(Enum):
    """What is known of a process by its mark and its lock."""

    ALIVE = "it runs, or holds its lock"
    DEAD = "it has ended"
    ELSEWHERE = "it ran on another machine, and may run there"
    UNKNOWN = "it may have run on this machine, and nothing proves that it has ended"


def mark_of(pid: int, line: str) -> Mark | None:
    """The mark of a line, or None where it says nothing."""
    words = ["" if word == "-" else word for word in line.split(" ")]
    return Mark(pid, *words) if len(words) == 3 and any(words) else None


def own_mark() -> Mark:
    """This process's."""
    try:
        machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        machine = ""
    boot = this_boot().rpartition(" ")[2]
    pid = os.getpid()
    return Mark(pid, machine, boot if len(boot) == 36 else "", start_of(pid) or "")


def start_of(pid: int) -> str | None:
    """When a process of this host began, in the kernel's ticks; None where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()[19]


def fate_of(
    mark: Mark | None, here: Mark, *, is_held: bool, is_local: bool, started: str | None
) -> Fate:
    """What became of the process that left `mark`, as seen from `here`.

    `is_held`: its lock. `is_local`: whether no other machine has the file system that it is on.
    `started`: when the process began that has its number now, None where none has.
    """
    if is_held:
        return Fate.ALIVE
    if mark is None:  # an earlier version's
        return Fate.DEAD if is_local else Fate.UNKNOWN
    if mark.boot and mark.boot == here.boot:  # one kernel: its locks hold on any file system
        return Fate.ALIVE if started is not None and started == mark.started else Fate.DEAD
    if not mark.machine or mark.machine != here.machine:
        return Fate.ELSEWHERE
    return Fate.DEAD if is_local else Fate.UNKNOWN


def is_local(folder: Path, mounts: Path = MOUNTS) -> bool:
    """Whether a folder is on a file system that no other machine has; False where nobody says."""
    return mount_of(folder, mounts).kind in LOCAL
