"""What the files of a target folder came from, as far as its downloads.log tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowtui.flow.errors import BadReference
from flowtui.flow.refs import Ref, RefKind, parse_ref, ref_of_key
from flowtui.transfer.disk.names import is_numbering, safe_name

if TYPE_CHECKING:
    from flowtui.transfer.task import Recorded


@dataclass
class FolderRefs:
    """What was downloaded to a folder.

    Attributes:
        projects: a project's folder → refs of things that are in it: the log has its name, no id.
        samples: what each sample's folder in that of its project is for, by the project's.
        refs: samples and runs that were downloaded by themselves.
    """

    projects: dict[str, list[Ref]] = field(default_factory=dict)
    samples: defaultdict[str, list[Ref]] = field(default_factory=lambda: defaultdict(list))
    refs: list[Ref] = field(default_factory=list)


MOST_WITNESSES = 3
"""Things in a project of each kind that are asked which one it is."""


def folder_refs(files: Mapping[str, Recorded]) -> FolderRefs:
    """What these paths and records of a log stand for, by the layout of folders.

    `files`: path → what is recorded. A file of `data/`, or one at a place of its own, stands for
    nothing but itself.
    """
    found = FolderRefs()
    refs: dict[Ref, None] = {}
    witnesses: defaultdict[str, dict[Ref, None]] = defaultdict(dict)
    samples: defaultdict[str, dict[Ref, None]] = defaultdict(dict)
    for path, recorded in files.items():
        top, slash, _ = path.partition("/")
        sample = parsed(recorded.belongs_to)
        if sample is not None and sample.kind is not RefKind.SAMPLE:
            sample = None
        run = parsed(f"execution/{recorded.execution}") if recorded.execution else None
        if slash and recorded.project and is_numbering(top, safe_name(recorded.project)):
            if sample is not None:
                samples[top][sample] = None
            for ref in (sample, parsed_key(recorded.key), run):
                kinds = [known.kind for known in witnesses[top]]
                if ref is not None and kinds.count(ref.kind) < MOST_WITNESSES:
                    witnesses[top][ref] = None
        elif sample is not None:
            refs[sample] = None
        elif run is not None and top == "executions":
            refs[run] = None
    found.projects = {top: list(known) for top, known in witnesses.items()}
    for top, known in samples.items():
        found.samples[top] = list(known)
    found.refs = list(refs)
    return found


def parsed_key(key: str) -> Ref | None:
    """What a file's key asks for, where it is one (a log is untrusted)."""
    ref = ref_of_key(key)
    return None if ref is None else parsed(str(ref))


def parsed(text: str) -> Ref | None:
    """A REF of a log; None where it is none."""
    try:
        ref = parse_ref(text, "")
    except BadReference:
        return None
    return ref if str(ref) == text else None
