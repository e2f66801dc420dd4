"""A file that can be downloaded from Flow, with all that is needed to get it and to place it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import PurePosixPath
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Origin:
    """Where on Flow a file comes from: untrusted names, empty where they are not known.

    Attributes:
        project: its name.
        execution: the id of the run that made it. `run`: what that is called (`mad_curie`).
        pipeline, pipeline_version: what ran. `process`: which step, with its tag
            (`FASTQC (liver_1)`).
    """

    project: str = ""
    execution: str = ""
    run: str = ""
    pipeline: str = ""
    pipeline_version: str = ""
    process: str = ""

    @property
    def length(self) -> int:
        """Characters of all its names."""
        return sum(map(len, _names_of(self)))


_names_of = attrgetter(*Origin.__slots__)

NOWHERE = Origin()

RECORD = "record:"
"""What the address of a record of a run begins with: `record:456/params.json`."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on Flow that someone may want.

    Attributes:
        key: what it is, the same in every run: `data/789`, or
            `execution/456/results/x.tsv` for an output that has no data id.
        filename: as on Flow (untrusted text); inside an execution it may be a path with slashes.
        url: where its bytes are, relative to the server's base (`/downloads/789/x.gz`,
            percent-encoded) or absolute.
        folder: names of the folders it belongs in, from the top (untrusted text), by the guide's
            layout: `("samples", "liver 1")`, `("executions", "456")`, `("data",)`, or
            `("My project", "liver 1")`.
        size: bytes, or None where the service does not say.
        md5: 32 lower-case hex digits, or None.
        data_id: the id that a bulk job takes, or None where there is none.
        sample: the sample's name, for people.
        belongs_to: what the last of `folder` is for, as a REF (`sample/34`): another sample of the
            same name gets a folder of its own. Empty where it is for whatever goes there.
        within: folders below `folder` for an output: of its run, and of the process there.
        origin: see `Origin`.
        fileset: tells the files that were uploaded together from others of the same names in the
            folder; they get the same number. Empty where nobody knows.
    """

    key: str
    filename: str
    url: str
    folder: tuple[str, ...] = ()
    size: Annotated[int, range(1 << 63)] | None = None
    md5: str | None = None
    data_id: str | None = None
    sample: str | None = None
    belongs_to: str = ""
    fileset: str = ""
    within: tuple[str, ...] = ()
    origin: Origin = NOWHERE

    def placed_at(self, path: str) -> RemoteFile:
        """The same file, to be put exactly there, below the target folder."""
        *folder, name = PurePosixPath(path).parts
        return replace(
            self, folder=tuple(folder), filename=name, within=(), belongs_to="", fileset=""
        )

    @property
    def is_record(self) -> bool:
        """Whether it is made of a run's record on Flow, see `run_records`."""
        return self.url.startswith(RECORD)
