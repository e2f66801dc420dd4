"""What exists on the demo's Flow, and who may see it: projects, samples, executions, files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from flowtui.demo.byte_source import Content


@dataclass(frozen=True)
class User:
    """An account; only one with a password can sign in."""

    id: str
    username: str
    name: str
    email: str
    password: str | None = None


@dataclass(eq=False)
class File:
    """A file. `refused` is the status its download is answered with instead, or None.

    `fileset` is what an input was uploaded with, its sample's only one where it is empty. A file
    of a genome has that instead (`genome`). `category` is Flow's: 1 generic, 2 annotation, 3
    multiplexed, 4 demultiplexed.
    A folder (`is_folder`) is kept as a ZIP, and downloaded by its name with `.zip` behind it.

    `path` is the path below its execution for an output, else just the file's name.
    """

    id: str
    path: str
    make: Callable[[], Content] = field(repr=False)
    created: int
    project: Project
    sample: Sample | None = None
    execution: Execution | None = None
    process: str | None = None
    refused: int | None = None
    is_folder: bool = False
    fileset: str = ""
    category: int = 1
    data_type: str = ""
    genome: Fileset | None = None

    @property
    def filename(self) -> str:
        """The last part of an output's path; an uploaded file's name whole, slashes included."""
        return self.path.rsplit("/", 1)[-1] if self.execution else self.path

    @property
    def filetype(self) -> str:
        """The ending, a compression's included: `fastq.gz`."""
        parts = self.filename.split(".")
        if len(parts) < 2:
            return ""
        return ".".join(parts[-2:]) if parts[-1] == "gz" and len(parts) > 2 else parts[-1]

    @property
    def kind(self) -> str:
        """The identifier of its data type, empty where it has none."""
        return self.data_type or ("fastq" if self.filetype == "fastq.gz" else "")

    @cached_property
    def content(self) -> Content:
        """Its bytes."""
        return self.make()

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.content.size

    @property
    def etag(self) -> str:
        """A strong entity tag, quotes included."""
        return f'"{self.id}-{self.size:x}"'


@dataclass(eq=False)
class Sample:
    """A sample; `files` are the uploaded ones and what executions made for it."""

    id: str
    name: str
    created: int
    project: Project
    sample_type: str
    organism: str
    metadata: dict[str, str]
    files: list[File] = field(default_factory=list, repr=False)
    executions: list[Execution] = field(default_factory=list, repr=False)


@dataclass(eq=False)
class Execution:
    """A run of a pipeline. `status` is Flow's word: `OK`, `ERROR`, `RUNNING`, or empty."""

    id: str
    identifier: str
    pipeline: str
    version: str
    status: str
    created: int
    started: int | None
    finished: int | None
    project: Project
    sample: Sample | None = None
    fileset: Fileset | None = None
    outputs: list[File] = field(default_factory=list, repr=False)


@dataclass(eq=False)
class Fileset:
    """A genome of an organism: the files that pipelines take for it."""

    id: str
    name: str
    organism: str
    created: int
    url: str = ""
    files: list[File] = field(default_factory=list, repr=False)


@dataclass(eq=False)
class Project:
    """A project; whoever is in `shared_with` (user names) may see it beside its owner.

    One that is not `listed` is none on Flow: it holds what its owner has outside of projects.
    """

    id: str
    name: str
    description: str
    created: int
    owner: User
    public: bool = False
    shared_with: frozenset[str] = frozenset()
    listed: bool = True
    samples: list[Sample] = field(default_factory=list, repr=False)
    executions: list[Execution] = field(default_factory=list, repr=False)
    files: list[File] = field(default_factory=list, repr=False)

    def visible_to(self, username: str | None) -> bool:
        """Whether this user (None: nobody is signed in) may see it."""
        return self.public or (
            username is not None
            and (username == self.owner.username or username in self.shared_with)
        )

    @cached_property
    def total_size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)


Kept = TypeVar("Kept", Project, Sample, Execution, File, Fileset)


class Catalogue:
    """Everything that exists, by id. Filled once, then only read."""

    def __init__(self, users: list[User]) -> None:
        self.users = {user.username: user for user in users}
        self.projects: dict[str, Project] = {}
        self.samples: dict[str, Sample] = {}
        self.executions: dict[str, Execution] = {}
        self.files: dict[str, File] = {}
        self.filesets: dict[str, Fileset] = {}

    def add_project(self, project: Project) -> Project:
        """Take in a project, still empty; one that is not listed stays out of `projects`."""
        return _keep(self.projects, project) if project.listed else project

    def add_sample(self, sample: Sample) -> Sample:
        """Take in a sample, still without files."""
        sample.project.samples.append(sample)
        return _keep(self.samples, sample)

    def add_execution(self, execution: Execution) -> Execution:
        """Take in an execution, still without outputs."""
        execution.project.executions.append(execution)
        if execution.sample:
            execution.sample.executions.append(execution)
        return _keep(self.executions, execution)

    def add_file(self, file: File) -> File:
        """Take in a file, and list it where it belongs."""
        file.project.files.append(file)
        if file.sample:
            file.sample.files.append(file)
        if file.execution:
            file.execution.outputs.append(file)
        if file.genome:
            file.genome.files.append(file)
        return _keep(self.files, file)

    def add_fileset(self, fileset: Fileset) -> Fileset:
        """Take in a fileset, still without files."""
        return _keep(self.filesets, fileset)


def _keep(records: dict[str, Kept], record: Kept) -> Kept:
    if record.id in records:
        raise ValueError(f"the id {record.id} is given twice")
    records[record.id] = record
    return record
