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
    paths = {one.index: _folded(parts_of(one.name)) for one in members}
    wanted = {
        one.file.key: _folded((*one.file.folder, *one.file.within, *one.file.filename.split("/")))
        for one in files
    }
    for depth in range(DEEPEST, 0, -1):
        pairs.join(
            lambda member, depth=depth: _end(paths[member.index], depth),  # type: ignore[misc]
            lambda one, depth=depth: (_end(wanted[one.file.key], depth),),  # type: ignore[misc]
        )
    # A folder is kept as a ZIP, whose ending no list tells.
    pairs.join(
        lambda member: (paths[member.index][-1:], is_zip(member.name)),
        lambda one: (((f"{part}.zip",), True) for part in wanted[one.file.key][-1:]),
    )
    pairs.join(
        lambda member: paths[member.index][-1:],
        lambda one: _with_id(one, wanted[one.file.key]),
    )
    pairs.join(
        lambda member: (paths[member.index][-1:], member.size),
        lambda one: ((wanted[one.file.key][-1:], one.file.size),),
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
        self.members = {one.index: one for one in members}
        self.files = {one.file.key: one for one in files}
        self.found: dict[int, ExpectedFile] = {}

    def take(self, member: Member, one: ExpectedFile) -> None:
        del self.members[member.index]
        del self.files[one.file.key]
        self.found[member.index] = one

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
        for one in self.files.values():
            for key in set(keys_of(one)):
                right[key].append(one)
        for key, group in left.items():
            others = right.get(key, [])
            if key and len(group) == 1 and len(others) == 1:
                member, one = group[0], others[0]
                if one.file.key in self.files and one.file.size in (None, member.size):
                    self.take(member, one)


def _by_md5(pairs: _Pairs, md5_of: Callable[[Member], str | None]) -> None:
    """Pair by size and md5, which only members of a size that is looked for are read for."""
    known: dict[tuple[int, str], ExpectedFile | None] = {}
    sizes = set()
    for one in pairs.files.values():
        if one.file.size is not None and one.file.md5 is not None:
            key = (one.file.size, one.file.md5)
            known[key] = None if key in known else one
            sizes.add(one.file.size)
    for member in list(pairs.members.values()):
        if member.size in sizes and (md5 := md5_of(member)) is not None:
            found = known.get((member.size, md5))
            if found is not None and found.file.key in pairs.files:
                pairs.take(member, found)


def _with_id(one: ExpectedFile, path: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    id_ = _plain(one.file.data_id or "")
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
    return tuple(_plain(one) for one in parts if one)


def _plain(text: str) -> str:
    """A name without what differs between systems: case, Unicode form, replaced characters."""
    return "".join(
        c if c.isalnum() or c in ".-~" else "_"
        for c in unicodedata.normalize("NFKC", text).casefold()
    )
