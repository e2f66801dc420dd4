"""What a sheet is made of: a sample, its uploaded files here, and what Flow says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class InputFile:
    """An uploaded file of a sample.

    Attributes:
        id: its data id. `filename`: as on Flow (untrusted). `path`: where it is here, absolute.
    """

    id: str
    filename: str
    path: str


@dataclass(frozen=True)
class SampleInputs:
    """A sample and its uploaded files.

    Attributes:
        ref: `sample/34`, or what else names it where Flow was not asked.
        name: as on Flow (untrusted).
        metadata: attribute → value (untrusted). `facts`: what else Flow says of it, in the same
            form: `sample_type`, `organism`, `project`.
        filesets: its files, in the order of Flow: those that were uploaded together are a set, and
            a set of two is R1 and R2.
        sets_are_flows: whether Flow told the sets; if not, all files are in one.
        partners: the data ids of files that Flow calls a pair, both ways.
    """

    ref: str
    name: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    filesets: tuple[tuple[InputFile, ...], ...] = ()
    sets_are_flows: bool = True
    partners: Mapping[str, str] = field(default_factory=dict)

    def attribute(self, *names: str) -> str:
        """The value of the first of these attributes that the sample has; metadata before facts."""
        for given in (self.metadata, self.facts):
            known = {plain(key): value.strip() for key, value in given.items()}
            for name in names:
                if value := known.get(name, ""):
                    return value
        return ""


def plain(text: str) -> str:
    """A name or a value as it is compared: `Cell Type` is `cell_type`."""
    return re.sub(r"\W+", "_", text.casefold()).strip("_")
