"""From REFs and folders to what a sample sheet is made of: what Flow says, and where files are."""

from __future__ import annotations

import os
import stat
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.output import counted
from flowtui.sheets.reads import is_reads, stem_of
from flowtui.sheets.samples import InputFile, SampleInputs
from flowtui.transfer.disk.paths import TargetPaths

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.errors import FlowError
    from flowtui.flow.models import Data, Sample
    from flowtui.flow.refs import Ref
    from flowtui.flow.remote_file import RemoteFile


@dataclass
class LocalFolder:
    """A target folder and what its log says is in it.

    Attributes:
        inputs: key → path below `root` → size as recorded, for all files that no run made.
    """

    root: Path
    inputs: dict[str, dict[str, int | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the log. Raises OSError."""
        self._paths = TargetPaths(self.root)
        self._planned: dict[str, str] = {}
        for path, recorded in self._paths.recorded.items():
            if not recorded.execution and _is_below(path):
                self.inputs.setdefault(recorded.key, {})[path] = recorded.size

    def samples(self) -> dict[str, list[str]]:
        """The samples of the files here → their keys; those of no known sample are under ""."""
        found: dict[str, list[str]] = {}
        for path, recorded in self._paths.recorded.items():
            if recorded.key in self.inputs and path in self.inputs[recorded.key]:
                keys = found.setdefault(recorded.belongs_to, [])
                if recorded.key not in keys:
                    keys.append(recorded.key)
        return found

    def name_of(self, key: str) -> str:
        """The sample's name as the log has it, or nothing."""
        path = next(iter(self.inputs[key]))
        return self._paths.recorded[path].sample

    def where(self, key: str) -> Path | None:
        """Where the whole file is here; None where it is not."""
        for path, size in reversed(self.inputs.get(key, {}).items()):
            try:
                found = (self.root / path).stat()
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode) and size in (None, found.st_size):
                return self.root / path
        return None

    def plan(self, pieces: Iterable[Piece]) -> dict[str, str]:
        """Take note of where a download puts what is not here; key → why, where it cannot.

        All at once, as a download does it: who has which name goes by the keys of all.
        """
        from flowtui.flow.walk.walk import remote_file

        files: list[RemoteFile] = []
        unfit: dict[str, str] = {}
        for piece in pieces:
            sample = piece.known.sample
            whose = f"sample/{sample.id}"
            for data, fileset in _named_sets(piece.known.filesets):
                key = f"data/{data.id}"
                if data.id is None or data.is_removed or key in self.inputs:
                    continue
                try:
                    files.append(remote_file(data, piece.folder, sample.name, whose, fileset))
                except ValueError as error:
                    unfit[key] = str(error)
        self._planned |= self._paths.assign_all({file.key: file for file in files}.values())
        return unfit

    def planned(self, key: str) -> Path | None:
        """Where a file that is not here was, or else goes; None where it was not planned."""
        known = self.inputs.get(key)
        path = next(reversed(known)) if known else self._planned.get(key)
        return None if path is None else self.root / path


def _is_below(path: str) -> bool:
    parts = PurePosixPath(path)
    return bool(parts.parts) and not parts.is_absolute() and ".." not in parts.parts


@dataclass
class Gathered:
    """What was found for the words of a command line.

    Attributes:
        missing: the paths of files that are not here (yet).
        told: what has to be said. `lost`: of these, what means that a sample lacks.
    """

    samples: list[SampleInputs] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)

    def add(self, sample: SampleInputs) -> None:
        """Add a sample, or further sets of one that is there already."""
        place = self._places.get(sample.ref) if sample.ref.startswith("sample/") else None
        if place is None:
            self._places[sample.ref] = len(self.samples)
            self.samples.append(sample)
            return
        known = self.samples[place]
        ids = {file.id for files in known.filesets for file in files}
        more = [files for files in sample.filesets if not ids & {file.id for file in files}]
        self.samples[place] = replace(known, filesets=(*known.filesets, *more))


# From Flow


@dataclass(frozen=True)
class WantedSample:
    """A sample that was asked for.

    Attributes:
        folder: where a download puts its files. `only`: of which file's set; of all for "".
    """

    id: str
    folder: tuple[str, ...] = ()
    only: str = ""


def wanted_samples(client: FlowClient, refs: Sequence[Ref]) -> Iterator[WantedSample]:
    """The samples that REFs name. Raises FlowError, CommandError for a run without a sample."""
    from flowtui.flow.refs import RefKind

    for ref in refs:
        if ref.kind is RefKind.PROJECT:
            project = client.project(ref.id)
            top = project.name or project.id
            for sample in client.project_samples(ref.id):
                yield WantedSample(sample.id, (top, sample.name or sample.id))
        elif ref.kind is RefKind.SAMPLE:
            yield WantedSample(ref.id)
        else:
            is_data = ref.kind is RefKind.DATA
            record = client.data(ref.id) if is_data else client.execution(ref.id)
            if record.sample_id is None:
                raise CommandError(
                    f"{ref} is of no one sample; name samples or a project",
                    exit=Exit.USAGE, code="USAGE",
                )  # fmt: skip
            yield WantedSample(record.sample_id, only=ref.id if is_data else "")


def from_flow(
    client: FlowClient, wanted: Iterable[WantedSample], local: LocalFolder, found: Gathered
) -> None:
    """Add the samples with all their uploaded files; a sample that cannot be had is told.

    Raises FlowError where the session or the service as a whole ends.
    """
    from flowtui.flow.errors import SKIPPABLE, FlowError
    from flowtui.flow.walk.lookahead import Lookahead

    def ask(one: WantedSample) -> tuple[WantedSample, _Known | FlowError]:
        try:
            return one, _known(client, one.id)
        except FlowError as error:
            return one, error

    whole: set[str] = set()
    pieces: list[Piece] = []
    with closing(Lookahead()) as lookahead:
        for one, known in lookahead.map(ask, wanted):
            if one.id in whole:
                continue
            if not one.only:
                whole.add(one.id)
            if isinstance(known, SKIPPABLE):
                found.lost.append(f"sample/{one.id}: {known.message}")
            elif isinstance(known, FlowError):
                raise known
            else:
                sets = [rows for rows in known.filesets
                        if not one.only or one.only in {data.id for data in rows}]  # fmt: skip
                named = known.sample.name or known.sample.id
                pieces.append(Piece(known, sets, one.folder or ("samples", named)))
    _place(pieces, local, found)


@dataclass(frozen=True)
class _Known:
    """What Flow says of a sample's uploaded files; see `SampleInputs`."""

    sample: Sample
    filesets: tuple[tuple[Data, ...], ...]
    sets_are_flows: bool
    partners: dict[str, str]


def _known(client: FlowClient, id_: str) -> _Known:
    """Ask for one sample. Raises FlowError."""
    from flowtui.flow.filesets import filesets_of, grouped
    from flowtui.flow.walk.runs import is_output

    sample = client.sample(id_)
    sets = filesets_of(sample)
    if sets is not None:
        open_ones = [data for rows in sets for data in rows if _reads_in(rows) > 2]
        return _Known(sample, sets, True, _partners(_details(client, open_ones)))
    listed = sample.data if sample.data is not None else client.sample_data(id_)
    # The documented dialect does not tell what a run made; its reads are the nearest.
    inputs = [data for data in listed if not data.is_removed and not is_output(data)]
    inputs = [data for data in inputs if is_reads(data.filename)]
    details = _details(client, inputs) if grouped(inputs) is None and len(inputs) > 1 else inputs
    sets = grouped(details)
    if sets is None:
        return _Known(
            sample, (tuple(inputs),) if inputs else (), len(inputs) < 2, _partners(details)
        )
    return _Known(sample, sets, True, _partners(details))


def _details(client: FlowClient, rows: Sequence[Data]) -> list[Data]:
    """The files' own records, as far as they are to be had. Raises FlowError."""
    from flowtui.flow.errors import SKIPPABLE

    found = []
    for data in rows:
        try:
            found.append(data if data.id is None else client.data(data.id))
        except SKIPPABLE:
            found.append(data)
    return found


def _partners(details: Iterable[Data]) -> dict[str, str]:
    from flowtui.flow.filesets import partner_of

    pairs = {data.id: other for data in details if data.id and (other := partner_of(data))}
    return pairs | {other: id_ for id_, other in pairs.items()}


def _reads_in(rows: Sequence[Data]) -> int:
    return sum(is_reads(data.filename) for data in rows)


@dataclass(frozen=True)
class Piece:
    """A sample, or some sets of it, that goes into the sheet.

    Attributes:
        folder: where a download puts its files.
    """

    known: _Known
    sets: list[tuple[Data, ...]]
    folder: tuple[str, ...]


def _named_sets(filesets: Iterable[Sequence[Data]]) -> Iterator[tuple[Data, str]]:
    """Each file with its set where that shares a name with another one, else "", as in a walk."""
    sets = list(filesets)
    names = Counter(data.filename.casefold() for rows in sets for data in rows)
    for rows in sets:
        is_shared = any(names[data.filename.casefold()] > 1 for data in rows)
        for data in rows:
            yield data, (data.fileset_id or "") if is_shared else ""


def _place(pieces: Sequence[Piece], local: LocalFolder, found: Gathered) -> None:
    """Add samples with the places of their files; takes note of those that are not here."""
    unfit = local.plan(pieces)
    for piece in pieces:
        found.add(_placed(piece, local, unfit, found))


def _placed(
    piece: Piece, local: LocalFolder, unfit: Mapping[str, str], found: Gathered
) -> SampleInputs:
    known, sample = piece.known, piece.known.sample
    filesets = []
    for rows in piece.sets:
        files = []
        for data in rows:
            key = f"data/{data.id}"
            if key in unfit:
                found.lost.append(f"{sample.name}: {data.filename}: {unfit[key]}")
                continue
            path = local.where(key)
            if path is None:
                path = local.planned(key)
                if path is not None and is_reads(data.filename):
                    found.missing.append(str(path))
            if path is not None and data.id is not None:
                files.append(InputFile(data.id, data.filename, os.path.abspath(path)))
        if files:
            filesets.append(tuple(files))
    facts = {"sample_type": sample.sample_type, "organism": sample.organism,
             "project": sample.project_name}  # fmt: skip
    return SampleInputs(
        ref=f"sample/{sample.id}",
        name=sample.name,
        metadata=sample.metadata,
        facts={name: value for name, value in facts.items() if value},
        filesets=tuple(filesets),
        sets_are_flows=known.sets_are_flows,
        partners=known.partners,
    )


# From a folder


def from_folder(local: LocalFolder, client: FlowClient | None, found: Gathered) -> None:
    """Add the samples of which uploaded files were downloaded there.

    Flow tells their sets and metadata; without `client`, or where it cannot be asked, names do, and
    that is told.
    """
    from flowtui.flow.errors import FlowError
    from flowtui.flow.walk.lookahead import Lookahead

    samples = local.samples()
    for key in list(samples.pop("", ())):
        ref = ""
        if client is not None and key.startswith("data/"):
            try:
                sample_id = client.data(key.removeprefix("data/")).sample_id
                ref = f"sample/{sample_id}" if sample_id else ""
            except FlowError as error:
                client = client if _goes_on(error, found) else None
        samples.setdefault(ref or f"?{local.name_of(key) or stem_of(_filename(local, key))}",
                           []).append(key)  # fmt: skip
    alone = []
    known_as = {ref: ref[1:] if ref.startswith("?") else local.name_of(keys[0])
                for ref, keys in samples.items()}  # fmt: skip
    gone = threading.Event()
    if client is None:
        gone.set()

    def ask(item: tuple[str, list[str]]) -> tuple[str, list[str], _Known | FlowError | None]:
        ref, keys = item
        if client is None or gone.is_set() or not ref.startswith("sample/"):
            return ref, keys, None
        try:
            return ref, keys, _known(client, ref.removeprefix("sample/"))
        except FlowError as error:
            return ref, keys, error

    in_order = sorted(samples.items(), key=lambda item: (known_as[item[0]], item[0]))
    with closing(Lookahead()) as lookahead:
        for ref, keys, known in lookahead.map(ask, in_order):
            is_new = not gone.is_set()
            if isinstance(known, FlowError) and is_new and not _goes_on(known, found, ref):
                gone.set()  # what was asked ahead fails alike, and is not told again
            if known is None or isinstance(known, FlowError):
                alone.append(ref)
                found.add(_recorded(local, ref, keys, found))
                continue
            ids = {key.removeprefix("data/") for key in keys}
            sets = [rows for rows in known.filesets if ids & {data.id for data in rows}]
            beside = PurePosixPath(next(reversed(local.inputs[keys[0]]))).parent.parts
            _place([Piece(known, sets, beside)], local, found)
    if alone:
        found.told.append(
            f"{counted(len(alone), 'sample')} told by downloads.log alone: no metadata, and pairs"
            " by the names of files"
        )


def _goes_on(error: FlowError, found: Gathered, ref: str = "") -> bool:
    """Tell that Flow did not say; whether it may say more of others."""
    from flowtui.flow.errors import SKIPPABLE

    found.told.append(f"{ref}: {error.message}" if ref else error.message)
    return isinstance(error, SKIPPABLE)


def _recorded(local: LocalFolder, ref: str, keys: Sequence[str], found: Gathered) -> SampleInputs:
    """A sample as the log has it."""
    files = []
    for key in sorted(keys, key=lambda key: _filename(local, key)):
        path = local.where(key)
        if path is None:
            path = local.root / next(reversed(local.inputs[key]))
            if is_reads(path.name):
                found.missing.append(str(path))
        files.append(InputFile(key.removeprefix("data/"), path.name, os.path.abspath(path)))
    name = ref[1:] if ref.startswith("?") else local.name_of(keys[0])
    return SampleInputs(
        ref=ref.lstrip("?"),
        name=name or ref,
        filesets=(tuple(files),),
        sets_are_flows=len(files) < 2,
    )


def _filename(local: LocalFolder, key: str) -> str:
    return PurePosixPath(next(reversed(local.inputs[key]))).name
