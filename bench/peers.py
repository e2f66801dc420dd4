"""The programs that are measured side by side: how each is told to fetch, and how it is timed."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stub import Served

FLOWTUI = str(Path(sys.executable).with_name("flowtui"))

PACKAGES = {"aria2c": "aria2", "curl": "curl", "nginx": "nginx-light"}
"""Program → Debian package."""


class Failed(Exception):
    """A program that did not do what it was told; the message has its words."""


@dataclass(frozen=True)
class Wish:
    """What is to be fetched.

    Attributes:
        base: the server's base URL. `sample`: whose files, as Flow names it.
        folder: an empty folder for the result, and `list` beside it for lists of links.
        ca: who signed the server's certificate.
    """

    base: str
    sample: str
    files: Sequence[Served]
    folder: Path
    files_folder: Path
    ca: Path

    @property
    def list(self) -> Path:
        """Where a list of links for a peer may be put."""
        return self.folder.with_name("list")

    def url(self, file: Served) -> str:
        """Where one file is."""
        return self.base + file.path


Command = Callable[[Wish], list[str]]
"""What a peer is called with."""


@dataclass(frozen=True)
class Peer:
    """A program with its options.

    Attributes:
        shown: as the table names it. `at_most`: runs, for one that takes minutes a run.
        fetches: whether its folder must hold the files at the end.
    """

    name: str
    shown: str
    command: Command
    at_most: int = 99
    fetches: bool = True


@dataclass(frozen=True)
class Run:
    """One run of a whole process, its children included.

    Attributes:
        seconds: by the clock on the wall. `processor`: seconds of processor, user's and system's.
        peak: the most bytes of memory used at once.
    """

    seconds: float
    processor: float
    peak: int


def missing() -> list[str]:
    """The Debian packages that are to be installed."""
    return [package for program, package in PACKAGES.items() if shutil.which(program) is None]


def timed(command: list[str], environment: dict[str, str], words: Path) -> Run:
    """Run a command to its end. Raises Failed."""
    with words.open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = words.read_text(errors="replace")[-800:]
        raise Failed(f"{shlex.join(command)[:300]} ended with {process.returncode}: {tail}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def check(wish: Wish, *, md5: bool) -> None:
    """Raise Failed unless every file is there with its size (and md5)."""
    found = {path.name: path for path in wish.folder.rglob("*.bin")}
    for file in wish.files:
        path = found.get(file.name)
        if path is None or path.stat().st_size != file.size:
            raise Failed(f"{file.name} is not there, or not whole")
        if md5 and file.md5 is not None:
            with path.open("rb") as stream:
                if hashlib.file_digest(stream, "md5").hexdigest() != file.md5:
                    raise Failed(f"{file.name} has wrong bytes")


def versions() -> list[str]:
    """What was measured, a line each."""
    asked = (
        [FLOWTUI, "--version"],
        ["aria2c", "--version"],
        ["curl", "--version"],
        ["nginx", "-v"],
    )
    lines = []
    for command in asked:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        lines.append(" ".join((done.stdout or done.stderr).splitlines()[0].split()[:3]))
    return [*lines, f"Python {sys.version.split()[0]}"]


def _flowtui(wish: Wish) -> list[str]:
    return [FLOWTUI, "get", f"sample/{wish.sample}", "--server", wish.base, "--to",
            str(wish.folder), "--bulk", "never"]  # fmt: skip


def _md5sum(wish: Wish) -> list[str]:
    (file,) = wish.files
    return ["md5sum", str(wish.files_folder / file.id / file.name)]


def _curl(wish: Wish) -> list[str]:
    (file,) = wish.files
    return ["curl", "-sSfo", str(wish.folder / file.name), wish.url(file)]


def _curl_and_md5sum(wish: Wish) -> list[str]:
    (file,) = wish.files
    return ["sh", "-c", f"{shlex.join(_curl(wish))} && md5sum {wish.folder / file.name}"]


def _curl_many(wish: Wish) -> list[str]:
    lines = (f'url = "{wish.url(one)}"\noutput = "{wish.folder / one.name}"' for one in wish.files)
    wish.list.write_text("\n".join(lines))
    return ["curl", "-sSfZ", "--parallel-max", "50", "-K", str(wish.list)]


def _curl_many_md5(wish: Wish) -> list[str]:
    sums = wish.folder.with_name("sums")
    sums.write_text("".join(f"{one.md5}  {one.name}\n" for one in wish.files))
    check = shlex.join(["md5sum", "--quiet", "-c", str(sums)])
    return ["sh", "-c", f"{shlex.join(_curl_many(wish))} && cd {wish.folder} && {check} && sync"]


def _aria2c(*options: str) -> Command:
    def command(wish: Wish) -> list[str]:
        (file,) = wish.files
        return ["aria2c", "--no-conf", "-q", "-x16", "-s16", "-k1M", *options,
                f"--ca-certificate={wish.ca}", "-d", str(wish.folder), "-o", file.name,
                wish.url(file)]  # fmt: skip

    return command


def _aria2c_md5(wish: Wish) -> list[str]:
    return _aria2c(f"--checksum=md5={wish.files[0].md5}")(wish)


def _aria2c_md5_quick_disk(wish: Wish) -> list[str]:
    return _aria2c(f"--checksum=md5={wish.files[0].md5}", "--file-allocation=none")(wish)


def _aria2c_many(wish: Wish) -> list[str]:
    return _aria2c_list(wish, (f"{wish.url(one)}\n  out={one.name}" for one in wish.files))


def _aria2c_many_md5(wish: Wish) -> list[str]:
    lines = (f"{wish.url(one)}\n  out={one.name}\n  checksum=md5={one.md5}" for one in wish.files)
    return _aria2c_list(wish, lines)


def _aria2c_list(wish: Wish, lines: Iterable[str]) -> list[str]:
    wish.list.write_text("\n".join(lines))
    return ["aria2c", "--no-conf", "-q", "-j16", f"--ca-certificate={wish.ca}", "-d",
            str(wish.folder), "-i", str(wish.list)]  # fmt: skip


flowtui = Peer("flowtui", "`flowtui get`", _flowtui)
md5sum = Peer("md5sum", "`md5sum` of the served file", _md5sum, fetches=False)
curl = Peer("curl", "`curl -o`", _curl, at_most=1)
curl_and_md5sum = Peer("curl && md5sum", "`curl -o && md5sum`", _curl_and_md5sum)
curl_many = Peer("curl -Z", "`curl -Z --parallel-max 50`", _curl_many)
aria2c = Peer("aria2c", "`aria2c -x16 -s16 -k1M`", _aria2c())
aria2c_md5 = Peer("aria2c", "`aria2c -x16 -s16 -k1M --checksum=md5=…`", _aria2c_md5)
aria2c_md5_quick_disk = Peer(
    "aria2c, no allocation", "the same with `--file-allocation=none`", _aria2c_md5_quick_disk
)
curl_many_md5 = Peer(
    "curl -Z && md5sum", "`curl -Z --parallel-max 50 && md5sum -c && sync`", _curl_many_md5
)
aria2c_many = Peer("aria2c, no md5", "`aria2c -j16 -i LIST`", _aria2c_many)
aria2c_many_md5 = Peer("aria2c", "`aria2c -j16 -i LIST` with `checksum=md5=…`", _aria2c_many_md5)
