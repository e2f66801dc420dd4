"""The sign of a line of the tree: whether it is here, on its way, or failed. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from flowtui.tui.browser.nodes import Load, Node, NodeKind
from flowtui.tui.known_files import KnownFiles, Standing, Sums

Sign = tuple[str, str]
"""One cell, and the name of its style."""

NOTHING: Sign = (" ", "dim")
HERE: Sign = ("✓", "good")
SOME_HERE: Sign = ("◔", "dim")
UNDER_WAY: Sign = ("↓", "active")
FAILED: Sign = ("!", "error")

SIGNS: dict[Standing | None, Sign] = {
    None: NOTHING,
    Standing.UNDER_WAY: UNDER_WAY,
    Standing.FAILED: FAILED,
    Standing.HERE: HERE,
}

MOST_ADDED_UP = 1000
"""Files of one list that are looked up one by one to say that all of them are here."""


Known = tuple[KnownFiles, str]
"""What is known of files, and the server whose files the tree shows."""


def sign_of(node: Node | None, known: Known) -> Sign:
    """The sign of a node: of a file how it stands, of all else the sum of what is below it.

    What is under way goes before what failed, and that before what is here: a thing has `✓` only
    where its list is loaded, and every file of it is here.
    """
    files, server = known
    if node is None:
        return NOTHING
    if node.kind is NodeKind.DATA:
        return SIGNS[files.of_file(server, node.key)]
    listed = _listed(node)
    if node.kind is NodeKind.PROCESS:
        standings = [files.of_file(server, child.key) for child in listed]
        sums = Sums(*(standings.count(standing) for standing in Standing))
    elif (thing := _thing(node)) is not None:
        sums = files.of_thing(server, thing)
    else:
        return NOTHING
    if sums.under_way:
        return UNDER_WAY
    if sums.failed:
        return FAILED
    if not sums.here:
        return NOTHING
    is_all = bool(listed) and all(
        files.of_file(server, child.key) is Standing.HERE for child in listed
    )
    return HERE if is_all else SOME_HERE


def files_of(nodes: Iterable[Node | None]) -> list[str]:
    """The keys of these nodes that are files, and of the files in loaded lists of the others."""
    keys: dict[str, None] = {}
    for node in nodes:
        if node is not None and len(keys) < MOST_ADDED_UP:
            files = [node] if node.kind is NodeKind.DATA else _listed(node)
            keys |= dict.fromkeys(file.key for file in files)
    return list(keys)


def _thing(node: Node) -> str | None:
    """What `KnownFiles.of_thing` calls a node; None for what is no one thing."""
    if node.kind is NodeKind.PROJECT:
        return f"project:{node.name}"
    return node.key if node.kind in (NodeKind.SAMPLE, NodeKind.EXECUTION) else None


def _listed(node: Node) -> list[Node]:
    """The files of a node where these are all there are, and few enough; else none."""
    if node.load is not Load.READY or len(node.children) > MOST_ADDED_UP:
        return []
    files: list[Node] = []
    for child in node.children:
        if child is None:
            return []
        if child.kind is NodeKind.DATA:
            files.append(child)
        elif child.kind is NodeKind.PROCESS:
            files += [below for below in child.children if below is not None]
        elif child.kind is not NodeKind.EXECUTIONS:
            return []
    return files if len(files) <= MOST_ADDED_UP else []
