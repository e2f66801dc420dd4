"""Links without blanks to files whose paths a pipeline does not take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flowtui.sheets.pipelines import Blanks
from flowtui.sheets.samples import InputFile, SampleInputs
from flowtui.sheets.words import word


def with_links(
    samples: Iterable[SampleInputs], folder: str, blanks: Blanks
) -> tuple[list[SampleInputs], dict[str, str]]:
    """The samples with `folder`/ID/NAME in place of paths that are refused, and link → file."""
    links: dict[str, str] = {}

    def linked(file: InputFile) -> InputFile:
        if not blanks.refuses(file.path):
            return file
        link = f"{folder}/{word(file.id)}/{word(file.path.rpartition('/')[2])}"
        links[link] = file.path
        return replace(file, path=link)

    found = [
        replace(one, filesets=tuple(tuple(map(linked, files)) for files in one.filesets))
        for one in samples
    ]
    return found, links
