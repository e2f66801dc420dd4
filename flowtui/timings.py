"""How often the engine does what, and how patient it is: one object that its parts are handed.

The defaults are what users get. A test hands over others, so that it need not wait, and so that
nobody has to change a module's constants behind its back.
"""

from __future__ import annotations

from dataclasses import dataclass

from flowtui import retry
from flowtui.retry import Policy


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds, retry policies, and the two sizes that go with them.

    Attributes:
        transfer: how patient a file is with its server. `bulk_job`: the same of an archive's job.
        lost_share, full_disk, busy_file, signed_out: what is waited for, and how often it is tried.
        tick: seconds between two times that clients are told what moves.
        mistake_rest: seconds of rest after a turn that failed, so that a lasting mistake does not
            burn a core.
        flush_every: seconds between two times that the bytes of an unfinished file are put on the
            disk. `flush_check`: seconds between two looks which files are due.
        space_every: seconds between two measurements of the free space of the folders in use.
        room_retry: seconds after which a batch that did not fit is measured against it again.
        poll: seconds between two looks at a young bulk job (the guide's number).
        bulk_patience: seconds without a sign of life, after which a bulk job is given up.
        poll_turn: seconds between two looks whether an archive may be asked for yet.
        measure: seconds over which a file's rate is measured before connections are added.
        smallest_segment: bytes of a file that a connection fetches at once, at least.
        note_every: bytes between two entries in the journal, at most.
    """

    transfer: Policy = retry.TRANSFER
    bulk_job: Policy = retry.BULK_JOB
    lost_share: Policy = retry.LOST_SHARE
    full_disk: Policy = retry.FULL_DISK
    busy_file: Policy = retry.BUSY_FILE
    signed_out: Policy = retry.SIGNED_OUT
    tick: float = 0.1
    mistake_rest: float = 1.0
    flush_every: float = 5.0
    flush_check: float = 0.1
    space_every: float = 2.0
    room_retry: float = 5.0
    poll: float = 5.0
    bulk_patience: float = 1800.0
    poll_turn: float = 2.0
    measure: float = 0.15
    smallest_segment: int = 2 << 20
    note_every: int = 1 << 20
