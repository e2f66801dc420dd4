"""Which of an execution's outputs a path names, of which some have no more than a name."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from flowtui.flow.models import Data
from flowtui.flow.refs import Ref
from flowtui.text import quantities
from flowtui.text.printable import printable

LISTED = 12
"""Processes that are named where a name is not enough."""


def is_pattern(path: str) -> bool:
    """Whether a path is a glob, by which several are meant."""
    return any(character in path for character in "*?[")


def outputs_named(outputs: Sequence[Data], path: str) -> list[Data]:
    """The outputs that `path` names, or that fit it where it is a glob.

    A path is the one that the server gives, the process and the name (`FASTQC (liver)/x.html`,
    `FASTQC/x.html`), or the name alone: the live service has no paths.
    """
    exact = [data for data in outputs if path in _paths(data)]
    if exact:
        return exact
    if is_pattern(path):
        return [data for data in outputs if any(fnmatchcase(p, path) for p in _paths(data))]
    # A path below results, as people know it from the documented form.
    name = path.rpartition("/")[2]
    return [data for data in outputs if data.filename == name] if "/" in path else []


def outputs_below(outputs: Sequence[Data], path: str) -> list[Data]:
    """The outputs that `path` names, and those of the folder or process that it names."""
    named = outputs_named(outputs, path)
    return named or [
        data
        for data in outputs
        if path in (data.process_label, data.process_name) or data.filename.startswith(f"{path}/")
    ]


def _paths(data: Data) -> set[str]:
    makers = {data.process_label, data.process_name} - {None}
    return {data.filename, *(f"{maker}/{data.filename}" for maker in makers)}


def ambiguity(ref: Ref, chosen: Sequence[Data]) -> str:
    """That several outputs have a name, and how to choose one, in words."""
    name = printable((ref.path or "").rpartition("/")[2])
    labels = dict.fromkeys(data.process_label or data.process_name or "" for data in chosen)
    listed = [printable(label) for label in labels if label]
    which = f": {quantities.named(listed, LISTED)}" if listed else ""
    return (
        f"{len(chosen):,} outputs are called {name}{which}; "
        f"name one as {ref.kind}/{printable(ref.id)}/PROCESS/{name}, or use a pattern such as "
        f"'{ref.kind}/{printable(ref.id)}/*/{name}'"
    )
