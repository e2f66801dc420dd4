"""Which member of an archive is which of the files that were asked for.

Flow documents no layout of its archives, so none is relied on. A member is a file's if its size is
the file's (where that is known) and, in this order:

1. the end of its path is the end of the file's path, as many parts as it takes to be the only pair
   (`…/liver 1/reads.fq.gz` and `samples/liver 1/reads.fq.gz`), down to the bare name;
2. its name is the file's with the data id before or behind it (`789_reads.fq.gz`), as a server does
   that puts files of one name into one folder;
3. it has the same name as several files, and its md5 is that of one of them;
4. its name says nothing, but its size and md5 are those of one file only.

Names are compared without case, Unicode form and what servers like to replace. Whatever this
finds is only where the bytes are looked for: that they are right is proven afterwards by md5 or
size and the archive's checksum. What is not found is fetched one by one.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

from flowtui.transfer.archive.rules import Member, parts_of
from flowtui.transfer.task import ExpectedFile

DEEPEST = 8
"""Parts of a path that are compared at most."""


def match(
    members: Sequence[Member], files: Sequence[ExpectedFile], md5_of: Callable[[Member], str | None]
) -> dict[int, ExpectedFile]:
    """Member's index → the file that it is.

    `md5_of` reads a member where only its md5 can tell (None: it cannot be read).
    """
    pairs = _Pairs(members, files)
    paths = {member.index: _folded(parts_of(member.name)) for member in members}
    wanted = {
        expected.file.key: _folded(
            (*expected.file.folder, *expected.file.within, *expected.file.filename.split("/"))
        )
        for expected in files
    }
    for depth in range(DEEPEST, 0, -1):
        pairs.join(
            lambda member, depth=depth: _end(paths[member.index], depth),  # type: ignore[misc]
            lambda expected, depth=depth: (_end(wanted[expected.file.key], depth),),  # type: ignore[misc]
        )
    # A folder is kept as a ZIP, whose ending no list tells.
    pairs.join(
        lambda member: (paths[member.index][-1:], is_zip(member.name)),
        lambda expected: (((f"{part}.zip",), True) for part in wanted[expected.file.key][-1:]),
    )
    pairs.join(
        lambda member: paths[member.index][-1:],
        lambda expected: _with_id(expected, wanted[expected.file.key]),
    )
    pairs.join(
        lambda member: (paths[member.index][-1:], member.size),
        lambda expected: ((wanted[expected.file.key][-1:], expected.file.size),),
    )
    _by_md5(pairs, md5_of)
    return pairs.found


def is_zip(name: str) -> bool:
    """Whether a name is that of a ZIP."""
    return name.lower().endswith(".zip")


def with_ending(member: Member, expected: ExpectedFile) -> ExpectedFile:
    """The file at the path that the member asks for: a folder that comes as a ZIP is called so."""
    if is_zip(member.name) and not is_zip(expected.path):
        return replace(expected, path=f"{expected.path}.zip")
    return expected


class _Pairs:
    """What is not paired yet, and the pairs."""

    def __init__(self, members: Sequence[Member], files: Sequence[ExpectedFile]) -> None:
        self.members = {member.index: member for member in members}
        self.files = {expected.file.key: expected for expected in files}
        self.found: dict[int, ExpectedFile] = {}

    def take(self, member: Member, expected: ExpectedFile) -> None:
        del self.members[member.index]
        del self.files[expected.file.key]
        self.found[member.index] = expected

    def join(
        self,
        key_of: Callable[[Member], Hashable],
        keys_of: Callable[[ExpectedFile], Iterable[Hashable]],
    ) -> None:
        """Pair what alone has a key on both sides, if the sizes agree."""
        left: dict[Hashable, list[Member]] = defaultdict(list)
        right: dict[Hashable, list[ExpectedFile]] = defaultdict(list)
        for member in self.members.values():
            left[key_of(member)].append(member)
        for expected in self.files.values():
            for key in set(keys_of(expected)):
                right[key].append(expected)
        for key, group in left.items():
            others = right.get(key, [])
            if key and len(group) == 1 and len(others) == 1:
                member, expected = group[0], others[0]
                if expected.file.key in self.files and expected.file.size in (None, member.size):
                    self.take(member, expected)


def _by_md5(pairs: _Pairs, md5_of: Callable[[Member], str | None]) -> None:
    """Pair by size and md5, which only members of a size that is looked for are read for."""
    known: dict[tuple[int, str], ExpectedFile | None] = {}
    sizes = set()
    for expected in pairs.files.values():
        if expected.file.size is not None and expected.file.md5 is not None:
            key = (expected.file.size, expected.file.md5)
            known[key] = None if key in known else expected
            sizes.add(expected.file.size)
    for member in list(pairs.members.values()):
        if member.size in sizes and (md5 := md5_of(member)) is not None:
            found = known.get((member.size, md5))
            if found is not None and found.file.key in pairs.files:
                pairs.take(member, found)


def _with_id(expected: ExpectedFile, path: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    id_ = _plain(expected.file.data_id or "")
    if not id_ or not path:
        return ()
    stem, dot, endings = path[-1].partition(".")
    return tuple(
        (name,)
        for mark in "_-."
        for name in (
            f"{id_}{mark}{path[-1]}",
            f"{path[-1]}{mark}{id_}",
            f"{stem}{mark}{id_}{dot}{endings}",
        )
    )


def _end(path: tuple[str, ...], depth: int) -> tuple[str, ...]:
    return path[-depth:] if len(path) >= depth else ()


def _folded(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(_plain(part) for part in parts if part)


def _plain(text: str) -> str:
    """A name without what differs between systems: case, Unicode form, replaced characters."""
    return "".join(
        c if c.isalnum() or c in ".-~" else "_"
        for c in unicodedata.normalize("NFKC", text).casefold()
    )
