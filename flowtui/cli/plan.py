"""What a command is about to download: the batch that the engine gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowtui.cli.exit_codes import CommandError
from flowtui.protocol.feeding import BulkRule

if TYPE_CHECKING:
    from flowtui.cli.selection import RequestedFiles
    from flowtui.cli.session import Session
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.protocol.messages import Batch


@dataclass(frozen=True)
class Plan:
    """How files are to be downloaded, and where to.

    Attributes:
        name: what a person calls it all together.
    """

    server: str
    root: str
    name: str
    rule: BulkRule
    unpack: bool

    def batch(self, files: list[RemoteFile], as_archive: bool) -> Batch:
        """These files as a batch. Raises CommandError where Flow can archive none of them."""
        from flowtui.protocol.messages import Batch

        # Flow archives only what has a data id.
        if as_archive and not any(file.data_id is not None for file in files):
            raise CommandError(
                "Flow cannot archive any of these files; leave out --bulk always",
                code="NOT_OFFERED",
            )
        return Batch(
            server=self.server,
            root=self.root,
            name=self.name,
            files=tuple(files),
            bulk=as_archive,
            # Where only a few are missing, an archive would take longer than it saves.
            one_by_one_up_to=self.rule.above if self.rule.bulk == "auto" else 0,
            unpack=self.unpack,
        )

    def whole(self, files: list[RemoteFile]) -> Batch:
        """All files as one batch. Raises CommandError, see `batch`."""
        return self.batch(files, self.rule.divide(files, 0, 0.0, over=True)[1])


def make_plan(
    session: Session, found: RequestedFiles, to: str | None, bulk: str, unpack: bool | None = None
) -> Plan:
    """The plan of a command line.

    `bulk` is auto, always or never; `unpack` None is the settings'.
    """
    settings = session.settings
    return Plan(
        server=session.client.server,
        root=str(settings.target(to)),
        name=found.name,
        rule=BulkRule(bulk, settings.bulk_above),
        unpack=settings.unpack_archives if unpack is None else unpack,
    )
