"""Samples and a pipeline's table → rows, and what has to be told of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from flowtui.sheets.pipelines import Column, Layout, Pipeline, Source
from flowtui.sheets.reads import Lane, lanes_of
from flowtui.sheets.samples import InputFile, SampleInputs, plain
from flowtui.sheets.words import one_line, word


@dataclass(frozen=True)
class Note:
    """Something that whoever uses the sheet has to know.

    Attributes:
        about: a sample's name, or a column.
        is_loss: a row is not there that should be.
    """

    about: str
    text: str
    is_loss: bool = False


@dataclass(frozen=True)
class Sheet:
    """A table for a pipeline.

    Attributes:
        rows: texts in the order of the header. `files`: those that the rows name.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    files: tuple[InputFile, ...]
    notes: tuple[Note, ...]


@dataclass
class _Entry:
    """A sample on its way to rows.

    Attributes:
        name: as it stands in the sheet; no other sample's. `group`: what replicates share.
    """

    sample: SampleInputs
    lanes: list[Lane]
    name: str = ""
    group: str = ""
    replicate: int = 1
    control: _Entry | None = None
    values: dict[str, str] = field(default_factory=dict)


def make_sheet(samples: Sequence[SampleInputs], pipeline: Pipeline) -> Sheet:
    """The rows of the samples, one a lane, in their order."""
    notes: list[Note] = []
    entries = []
    for sample in samples:
        lanes, told = lanes_of(sample)
        if not lanes:
            why = "; ".join(told) or "no file was uploaded to it"
            notes.append(Note(sample.name, f"no row: {why}", True))
            continue
        notes += [Note(sample.name, text) for text in told]
        if lanes := _fitting(sample, lanes, pipeline, notes):
            entries.append(_Entry(sample, lanes))
    _name(entries, pipeline, notes)
    _number(entries, pipeline, notes)
    for column in pipeline.columns:
        _fill(entries, column, pipeline, notes)
    _need(entries, pipeline, notes)
    header = [
        column.name
        for column in pipeline.columns
        if not column.is_optional or any(entry.values.get(column.name) for entry in entries)
    ]
    attributes = _attributes(entries, header) if pipeline.has_metadata else {}
    rows = []
    for entry in entries:
        more = [
            one_line(entry.sample.metadata.get(name, "")) for name in attributes
        ]  # the same for all its lanes
        for number, lane in enumerate(entry.lanes, 1):
            of_lane = _of_lane(lane, number, pipeline)
            rows.append((*((of_lane | entry.values)[name] for name in header), *more))
    files = tuple(file for entry in entries for lane in entry.lanes for file in lane.files)
    return Sheet((*header, *attributes.values()), tuple(rows), files, tuple(notes))


def _of_lane(lane: Lane, number: int, pipeline: Pipeline) -> dict[str, str]:
    """The values that differ from lane to lane."""
    known = {
        Source.FIRST: lane.first.path,
        Source.SECOND: lane.second.path if lane.second else "",
        Source.LANE: f"lane_{number}",
    }
    return {
        column.name: known[column.source] for column in pipeline.columns if column.source in known
    }


# Which reads


def _fitting(
    sample: SampleInputs, lanes: list[Lane], pipeline: Pipeline, notes: list[Note]
) -> list[Lane]:
    """The lanes that the pipeline takes; the others are told."""
    found = []
    for lane in lanes:
        if why := _unfit(lane, pipeline):
            names = ", ".join(file.filename for file in lane.files)
            notes.append(Note(sample.name, f"no row for {names}: {why}", True))
        elif pipeline.layout is Layout.SINGLE and lane.second is not None:
            words = f"left out {lane.second.filename}: {pipeline.name} takes single-end reads"
            notes.append(Note(sample.name, words))
            found.append(Lane(lane.first))
        else:
            found.append(lane)
    if not pipeline.keeps_names and len({lane.second is None for lane in found}) > 1:
        words = f"has pairs and single files, of which {pipeline.name} takes one kind a sample"
        notes.append(Note(sample.name, words))
    return found


def _unfit(lane: Lane, pipeline: Pipeline) -> str:
    """Why a pipeline does not take a lane, or nothing."""
    if pipeline.layout is Layout.PAIRED and lane.second is None:
        return f"{pipeline.name} needs pairs, and Flow has no second file with it"
    for file in lane.files:
        if not file.path.lower().endswith(pipeline.endings):
            return f"{pipeline.name} takes {', '.join(pipeline.endings)} only"
        if pipeline.blanks.refuses(file.path):
            return f"{pipeline.name} takes no blanks in its path; use --links DIR"
    return ""


# What samples are called


def _name(entries: list[_Entry], pipeline: Pipeline, notes: list[Note]) -> None:
    """Give each sample a name that the pipeline takes, and no other one has."""
    taken: dict[str, str] = {}
    for entry in entries:
        given = entry.sample.name or entry.sample.ref
        clean = one_line(given) if pipeline.keeps_names else word(given)
        name, number = clean, 1
        # Two samples of one name on several rows would be joined as lanes of one.
        while name.casefold() in taken:
            number += 1
            name = f"{clean}_{number}"
        taken[name.casefold()] = entry.sample.ref
        entry.name = entry.group = name
        if name != given:
            why = f" ({entry.sample.ref}; another sample is called so)" if number > 1 else ""
            notes.append(Note(given, f"called {name} in the sheet{why}"))


def _number(entries: list[_Entry], pipeline: Pipeline, notes: list[Note]) -> None:
    """Put samples into groups by their attributes, and number the replicates of each from 1."""
    columns = {column.source: column for column in pipeline.columns}
    grouping, column = columns.get(Source.GROUP), columns.get(Source.REPLICATE)
    if column is not None:
        _join_namesakes(entries, column)
    for entry in entries if grouping is not None else ():
        if grouping is not None and (value := entry.sample.attribute(*grouping.attributes)):
            entry.group = word(value)
    if column is None:
        return
    groups: defaultdict[str, list[_Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.group].append(entry)
    unknown = []
    for group, members in groups.items():
        wanted = [_positive(member.sample.attribute(*column.attributes)) for member in members]
        known = [number for number in wanted if number is not None]
        order = sorted(
            range(len(members)), key=lambda at: (wanted[at] is None, wanted[at] or 0, at)
        )
        for number, at in enumerate(order, 1):
            members[at].replicate = number
        if len(known) < len(members):
            unknown += [
                f"{member.name} {member.replicate}" if len(members) > 1 else member.name
                for member, number in zip(members, wanted, strict=True)
                if number is None
            ]
        pairs = zip(members, wanted, strict=True)
        if any(number not in (None, member.replicate) for member, number in pairs):
            told = ", ".join(map(str, known))
            text = f"{told} on Flow, counted from 1 within {group}, as {pipeline.name} wants it"
            notes.append(Note(column.name, text))
    if unknown:
        is_one = all(len(members) == 1 for members in groups.values())
        words = "1" if is_one else "counted"
        notes.append(Note(column.name, f"{words} for {_some(unknown)}: no attribute says it"))


def _join_namesakes(entries: list[_Entry], column: Column) -> None:
    """Have samples of one name be one group where Flow says which replicate each is."""
    namesakes: defaultdict[str, list[_Entry]] = defaultdict(list)
    for entry in entries:
        namesakes[entry.sample.name].append(entry)
    for several in namesakes.values():
        said = {_positive(entry.sample.attribute(*column.attributes)) for entry in several}
        if len(several) == len(said) > 1 and None not in said:
            for entry in several:
                entry.group = several[0].name


# What stands in the columns


def _fill(entries: list[_Entry], column: Column, pipeline: Pipeline, notes: list[Note]) -> None:
    """The values of one column."""
    unknown: list[str] = []
    for entry in entries:
        match column.source:
            case Source.NAME:
                value = entry.name
            case Source.GROUP:
                value = entry.group
            case Source.REPLICATE:
                value = str(entry.replicate)
            case Source.REF:
                value = entry.sample.ref
            case Source.CONTROL:
                value = _control(entry, entries, column, notes)
            case Source.CONTROL_REPLICATE:
                value = str(entry.control.replicate) if entry.control else ""
            case Source.ATTRIBUTE:
                value = _attribute(entry, column, pipeline, notes)
            case Source.FIRST | Source.SECOND | Source.LANE:
                continue
        if not value and column.source in (Source.ATTRIBUTE, Source.CONTROL):
            value = column.default
            unknown.append(entry.name)
        entry.values[column.name] = value
    if unknown and column.is_told:
        default = column.default or "empty"
        notes.append(Note(column.name, f"{default} for {_some(unknown)}: no attribute says it"))


def _attribute(entry: _Entry, column: Column, pipeline: Pipeline, notes: list[Note]) -> str:
    """The value by the attribute that fits; nothing where the pipeline does not know it."""
    given = entry.sample.attribute(*column.attributes)
    if not given:
        return ""
    if not column.values:
        return one_line(given) if pipeline.keeps_names else word(given)
    for value, spellings in column.values.items():
        if plain(given) in spellings:
            return value
    known = ", ".join(column.values)
    notes.append(Note(entry.name, f"{column.name} is {given!r} on Flow, which is none of {known}"))
    return ""


def _control(entry: _Entry, entries: list[_Entry], column: Column, notes: list[Note]) -> str:
    """The group or the sample that a sample is compared with."""
    given = entry.sample.attribute(*column.attributes)
    if not given:
        return ""
    fitting = [
        other
        for other in entries
        if other is not entry
        and given.casefold() in (other.sample.name.casefold(), other.group.casefold(),
                                 other.name.casefold(), other.sample.ref)
    ]  # fmt: skip
    if not fitting:
        words = f"its control is {given!r} on Flow, which is no sample of this sheet"
        notes.append(Note(entry.name, words))
        return ""
    same = [other for other in fitting if other.replicate == entry.replicate]
    entry.control = (same or fitting)[0]
    return entry.control.group


def _need(entries: list[_Entry], pipeline: Pipeline, notes: list[Note]) -> None:
    """Empty what the pipeline takes only beside another value."""
    for column in pipeline.columns:
        lost = [
            entry
            for entry in entries
            if column.needs and entry.values[column.name] and not entry.values[column.needs]
        ]
        for entry in lost:
            entry.values[column.name] = ""
        if lost:
            names = _some([entry.name for entry in lost])
            text = f"empty for {names}: {pipeline.name} takes it only with a {column.needs}"
            notes.append(Note(column.name, text))


def _attributes(entries: list[_Entry], header: list[str]) -> dict[str, str]:
    """All attributes of the samples → their columns, none of which is in the header yet."""
    found: dict[str, str] = {}
    taken = set(header)
    for entry in entries:
        for name in entry.sample.metadata:
            if name in found:
                continue
            base = plain(name) or "attribute"
            column, number = base, 1
            while column in taken:
                number += 1
                column = f"{base}_{number}"
            taken.add(column)
            found[name] = column
    return found


# Words


def _positive(text: str) -> int | None:
    """The number of a replicate, from 1: `2`, `rep2`, `Replicate 2`."""
    digits = text.casefold().removeprefix("replicate").removeprefix("rep").strip(" ._-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 6):
        return None
    return int(digits) or None


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3:,} more"
