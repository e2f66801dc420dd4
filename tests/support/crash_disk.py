"""A disk whose machine crashes: it knows what was flushed, and can forget the rest.

All that goes through `os` (and `Path`, which does) to files below a folder is recorded, and done.
At any moment `after_crash` tells what the files would hold after a crash: what was flushed, and of
the rest nothing, all, or any part of it, as disks please. Only `open(…).write` is not seen.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BLOCK = 4096

RECORDS = (".journal", "downloads.log", "MD5SUMS")
"""Files that tell of others."""

Names = dict[str, "_File"]


class Survives(Enum):
    """What of the unflushed survives a crash."""

    NOTHING = "nothing"
    NAMES_AND_RECORDS = (
        "names and what tells of files, no data"  # what is believed wrongly, if anything
    )
    ANYTHING = "any part of it"


@dataclass(eq=False)
class _File:
    flushed: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: cut to there


class CrashDisk:
    """Records what happens below `root`. `on_step` is called after every recorded step."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.lock = threading.RLock()
        self.inodes: dict[int, _File] = {}
        self.names: Names = {}
        self.flushed_names: Names = {}
        self.states: list[Names] = []  # in which a crash may find the names, besides the flushed
        self.on_step: Callable[[], None] = lambda: None
        self.real = SimpleNamespace(**vars(os))
        shims: dict[str, Callable[..., Any]] = {
            "open": self._open,
            "write": self._write,
            "pwrite": self._pwrite,
            "ftruncate": self._ftruncate,
            "fsync": self._fsync,
            "fdatasync": self._fsync,
            "rename": self._renaming(os.rename),
            "replace": self._renaming(os.replace),
            "link": self._renaming(os.link, keeps=True),
            "unlink": self._unlinking(os.unlink),
            "remove": self._unlinking(os.remove),
        }
        for name, shim in shims.items():
            monkeypatch.setattr(os, name, shim)

    def after_crash(self, survives: Survives, dice: random.Random) -> dict[str, bytes]:
        """Name → content as a machine that starts again would find it."""
        with self.lock:
            names = self.flushed_names
            if survives is Survives.NAMES_AND_RECORDS:
                names = self.names
            elif survives is Survives.ANYTHING:
                names = self._any_names(dice)
            return {
                name: self._content(file, name.endswith(RECORDS), survives, dice)
                for name, file in names.items()
            }

    def _any_names(self, dice: random.Random) -> Names:
        """Each folder as it was at some time since it was flushed, whatever the others are like."""
        states = [self.flushed_names, *self.states]
        folders = sorted({os.path.dirname(name) for state in states for name in state})
        chosen = {folder: dice.choice(states) for folder in folders}
        return {
            name: file
            for folder, state in chosen.items()
            for name, file in state.items()
            if os.path.dirname(name) == folder
        }

    def _content(
        self, file: _File, is_record: bool, survives: Survives, dice: random.Random
    ) -> bytes:
        content = bytearray(file.flushed)
        for offset, data in file.pending:
            if survives is Survives.NOTHING:
                break
            if survives is Survives.NAMES_AND_RECORDS and not is_record:
                # The size is kept in the folder, the bytes are not there.
                end = offset + len(data or b"")
                content.extend(bytes(max(0, end - len(content))))
                continue
            if survives is Survives.ANYTHING and dice.random() < 0.5:
                continue
            _apply(content, offset, data)
        return bytes(content)

    def _known(self, descriptor: int) -> _File | None:
        return self.inodes.get(os.fstat(descriptor).st_ino)

    def _name(self, path: Any, folder: int | None = None) -> str:
        """The whole name of a path below `root`, else an empty text."""
        name = os.fspath(path) if not isinstance(path, int) else ""
        if isinstance(name, bytes):
            name = os.fsdecode(name)
        if folder is not None and not os.path.isabs(name):
            name = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)
        return name if name.startswith(f"{self.root}/") else ""

    def _open(self, path: Any, flags: int, *args: Any, **more: Any) -> int:
        with self.lock:
            descriptor: int = self.real.open(path, flags, *args, **more)
            name = self._name(path, more.get("dir_fd"))
            if name and not os.path.isdir(name):
                inode = os.fstat(descriptor).st_ino
                if name not in self.names:
                    self.names[name] = self.inodes[inode] = _File()
                    self._named()
                elif flags & os.O_TRUNC:
                    self.names[name].pending.append((0, None))
            return descriptor

    def _write(self, descriptor: int, data: Any) -> int:
        with self.lock:
            count: int = self.real.write(descriptor, data)
            if (file := self._known(descriptor)) is not None:
                size = os.fstat(descriptor).st_size
                file.pending.append((size - count, bytes(data[:count])))
                self.on_step()
            return count

    def _pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        with self.lock:
            count: int = self.real.pwrite(descriptor, data, offset)
            if (file := self._known(descriptor)) is not None:
                for at in range(0, count, BLOCK):
                    file.pending.append((offset + at, bytes(data[at : min(count, at + BLOCK)])))
                self.on_step()
            return count

    def _ftruncate(self, descriptor: int, size: int) -> None:
        with self.lock:
            self.real.ftruncate(descriptor, size)
            if (file := self._known(descriptor)) is not None:
                file.pending.append((size, None))
                self.on_step()

    def _fsync(self, descriptor: int) -> None:
        with self.lock:
            self.real.fsync(descriptor)
            if os.path.isdir(f"/proc/self/fd/{descriptor}"):
                self._flush_names(os.readlink(f"/proc/self/fd/{descriptor}"))
            elif (file := self._known(descriptor)) is not None:
                content = bytearray(file.flushed)
                for offset, data in file.pending:
                    _apply(content, offset, data)
                file.flushed, file.pending = bytes(content), []
            else:
                return
            self.on_step()

    def _flush_names(self, folder: str) -> None:
        """The names in one folder are as they are now, whatever those in others are."""
        now = {name: file for name, file in self.names.items() if os.path.dirname(name) == folder}
        for state in (self.flushed_names, *self.states):
            for name in [name for name in state if os.path.dirname(name) == folder]:
                del state[name]
            state.update(now)
        self.states = [state for state in self.states if state != self.flushed_names]

    def _renaming(self, real: Callable[..., Any], *, keeps: bool = False) -> Callable[..., Any]:
        def act(source: Any, target: Any, **more: Any) -> None:
            with self.lock:
                before = self._name(source, more.get("src_dir_fd"))
                real(source, target, **more)
                file = self.names.get(before) if keeps else self.names.pop(before, None)
                if after := self._name(target, more.get("dst_dir_fd")):
                    if file is None:
                        self.names.pop(after, None)
                    else:
                        self.names[after] = file
                if before or after:
                    self._named()
                    self.on_step()

        return act

    def _unlinking(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def act(path: Any, **more: Any) -> None:
            with self.lock:
                name = self._name(path, more.get("dir_fd"))
                real(path, **more)
                if self.names.pop(name, None) is not None:
                    self._named()
                    self.on_step()

        return act

    def _named(self) -> None:
        self.states.append(dict(self.names))


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(max(0, offset - len(content))))
        return
    content.extend(bytes(max(0, offset + len(data) - len(content))))
    content[offset : offset + len(data)] = data
