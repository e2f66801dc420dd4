"""The files that were uploaded to a sample, in the sets that Flow has them in.

`/samples/<id>` has `filesets[].data[]`, each set in the order R1, R2; `/data/<id>` has `paired`
and `fileset` (docs/flow-api.md, Pairing). The documented dialect names no sets.
"""

from __future__ import annotations

from collections.abc import Sequence

from flowtui.flow.fields import parse_id_or_none
from flowtui.flow.models import Data, Sample, readable


def filesets_of(sample: Sample) -> tuple[tuple[Data, ...], ...] | None:
    """The sets of a sample's own record; None where it names none with files."""
    sets = sample.given.get("filesets")
    found = [
        readable(Data, _with_set(fileset["data"], fileset.get("id")))[0]
        for fileset in (sets if isinstance(sets, list) else ())
        if isinstance(fileset, dict) and isinstance(fileset.get("data"), list)
    ]
    found = [rows for rows in found if rows]
    return tuple(found) or None


def _with_set(rows: list[object], id_: object) -> list[object]:
    return [{**row, "fileset": id_} if isinstance(row, dict) else row for row in rows]


def grouped(inputs: Sequence[Data]) -> tuple[tuple[Data, ...], ...] | None:
    """Files in the sets that their own records name; None where some name none."""
    sets: dict[str, list[Data]] = {}
    for data in inputs:
        if data.fileset_id is None:
            return None
        sets.setdefault(data.fileset_id, []).append(data)
    return tuple(map(tuple, sets.values()))


def partner_of(data: Data) -> str | None:
    """The id of the file that Flow calls a pair with this one; only a file's own record tells."""
    paired = data.given.get("paired")
    return parse_id_or_none(paired.get("id") if isinstance(paired, dict) else paired)
