"""A disk whose machine crashes: it knows what was flushed, and can forget the rest.

All that `part_file` and `journal` write goes to the real files and is recorded as well. At any
moment `after_crash` tells what the files would hold after a crash: what was flushed, and of the
rest nothing, all, or any part of it, as disks please.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from flowtui.system import files, folder_fsync, fsync, shared_folder
from flowtui.transfer.disk import journal, part_file

BLOCK = 4096


class Survives(Enum):
    """What of the unflushed survives a crash."""

    NOTHING = "nothing"
    NAMES_AND_JOURNALS = "names and journals, no data"  # what is believed wrongly, if anything
    ANYTHING = "any part of it"


@dataclass
class _File:
    flushed: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: cut to there


class CrashDisk:
    """Records what happens below `root`. `on_step` is called after every recorded step."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.lock = threading.RLock()
        self.files: dict[int, _File] = {}
        self.names: dict[str, int] = {}
        self.flushed_names: dict[str, int] = {}
        self.renames: list[dict[str, int]] = []
        self.on_step: Callable[[], None] = lambda: None
        shim = type("os", (), {})()
        shim.__dict__.update(
            {
                **vars(os),
                "open": self._open,
                "write": self._write,
                "pwrite": self._pwrite,
                "ftruncate": self._ftruncate,
                "fsync": self._fsync,
                "fdatasync": self._fsync,
                "rename": self._rename,
                "unlink": self._unlink,
            }
        )
        monkeypatch.setattr(part_file, "os", shim)
        monkeypatch.setattr(journal, "os", shim)
        monkeypatch.setattr(folder_fsync, "os", shim)
        monkeypatch.setattr(fsync, "os", shim)
        monkeypatch.setattr(files, "os", shim)
        monkeypatch.setattr(shared_folder, "os", shim)

    def after_crash(self, survives: Survives, dice: random.Random) -> dict[str, bytes]:
        """Name → content as a machine that starts again would find it."""
        with self.lock:
            names = dict(self.flushed_names)
            if survives is Survives.NAMES_AND_JOURNALS:
                names = dict(self.names)
            elif survives is Survives.ANYTHING and self.renames:
                names = dice.choice([names, *self.renames])
            found = {}
            for name, inode in names.items():
                file = self.files[inode]
                content = bytearray(file.flushed)
                for offset, data in file.pending:
                    if survives is Survives.NOTHING:
                        break
                    if survives is Survives.NAMES_AND_JOURNALS and not name.endswith(".journal"):
                        # The size is kept in the folder, the bytes are not there.
                        end = offset + len(data or b"")
                        content.extend(bytes(max(0, end - len(content))))
                        continue
                    if survives is Survives.ANYTHING and dice.random() < 0.5:
                        continue
                    _apply(content, offset, data)
                found[name] = bytes(content)
            return found

    def _known(self, descriptor: int) -> _File | None:
        return self.files.get(os.fstat(descriptor).st_ino)

    def _open(self, path: Any, *args: Any, **more: Any) -> int:
        with self.lock:
            descriptor = os.open(path, *args, **more)
            name = _whole(path, more.get("dir_fd"))
            status = os.fstat(descriptor)
            if name.startswith(str(self.root)) and not os.path.isdir(name):
                if self.names.get(name) != status.st_ino:
                    self.names[name] = status.st_ino
                    self.files[status.st_ino] = _File()
                    self._renamed()
                if args and args[0] & os.O_TRUNC:
                    self.files[status.st_ino].pending.append((0, None))
            return descriptor

    def _write(self, descriptor: int, data: Any) -> int:
        with self.lock:
            file = self._known(descriptor)
            count = os.write(descriptor, data)
            if file is not None:
                size = os.fstat(descriptor).st_size
                file.pending.append((size - count, bytes(data[:count])))
            self.on_step()
            return count

    def _pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        with self.lock:
            count = os.pwrite(descriptor, data, offset)
            file = self._known(descriptor)
            if file is not None:
                for at in range(0, count, BLOCK):
                    file.pending.append((offset + at, bytes(data[at : min(count, at + BLOCK)])))
            self.on_step()
            return count

    def _ftruncate(self, descriptor: int, size: int) -> None:
        with self.lock:
            os.ftruncate(descriptor, size)
            file = self._known(descriptor)
            if file is not None:
                file.pending.append((size, None))
            self.on_step()

    def _fsync(self, descriptor: int) -> None:
        with self.lock:
            os.fsync(descriptor)
            if os.path.isdir(f"/proc/self/fd/{descriptor}"):
                self.flushed_names = dict(self.names)
                self.renames.clear()
            elif (file := self._known(descriptor)) is not None:
                content = bytearray(file.flushed)
                for offset, data in file.pending:
                    _apply(content, offset, data)
                file.flushed, file.pending = bytes(content), []
            self.on_step()

    def _rename(self, old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        with self.lock:
            os.rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
            inode = self.names.pop(_whole(old, src_dir_fd), None)
            if inode is not None:
                self.names[_whole(new, dst_dir_fd)] = inode
            self._renamed()
            self.on_step()

    def _unlink(self, name: str, *, dir_fd: int) -> None:
        with self.lock:
            os.unlink(name, dir_fd=dir_fd)
            self.names.pop(_whole(name, dir_fd), None)
            self._renamed()
            self.on_step()

    def _renamed(self) -> None:
        self.renames.append(dict(self.names))


def _whole(path: Any, folder: int | None) -> str:
    """A path from the root on, of one that is relative to an open folder."""
    name = os.fspath(path)
    return name if folder is None else os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(max(0, offset - len(content))))
        return
    content.extend(bytes(max(0, offset + len(data) - len(content))))
    content[offset : offset + len(data)] = data
