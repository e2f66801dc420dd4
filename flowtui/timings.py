"""How often the engine does what, and how patient it is: one object that its parts are handed.

The defaults are what users get. A test hands over others, so that it need not wait, and so that
nobody has to change a module's constants behind its back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from flowtui import retry
from flowtui.retry import Policy


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long one answer of a server may take, in seconds, however steadily it drips.

    Attributes:
        head: from the start of the request to the end of the answer's headers.
        grace: for its body, beside what `least_rate` (bytes a second) gives for what has come.
        longest: for the whole body.
    """

    head: float = 60.0
    grace: float = 30.0
    least_rate: float = 4096.0
    longest: float = 900.0

    def body(self, received: int) -> float:
        """How long a body may take of which so many bytes have come."""
        return min(self.longest, self.grace + received / self.least_rate)

    def beyond(self, silence: float | None) -> Deadlines:
        """These, but longer than the time for which no byte at all may come."""
        if silence is None:
            return self
        return replace(
            self,
            head=max(self.head, 2 * silence),
            grace=max(self.grace, silence),
            longest=max(self.longest, silence),
        )


ANSWERS = Deadlines()
"""For what Flow, or the storage behind it, is asked."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds, retry policies, and the two sizes that go with them.

    Attributes:
        transfer: how patient a file is with its server. `bulk_job`: the same of an archive's job.
        lost_share, full_disk, too_many_open, busy_file, signed_out: what is waited for, and how
            often it is tried.
        tick: seconds between two times that clients are told what moves.
        mistake_rest: seconds of rest after a turn that failed, so that a lasting mistake does not
            burn a core.
        flush_every: seconds between two times that the bytes of an unfinished file are put on the
            disk. `flush_check`: seconds between two looks which files are due.
        disk_patience: seconds after which a disk that has not answered is told of, and nothing more
            is begun on it.
        space_every: seconds between two measurements of the free space of the folders in use.
        room_retry: seconds after which a batch that did not fit is measured against it again.
        poll: seconds between two looks at a young bulk job (the guide's number).
        bulk_patience: seconds without a sign of life, after which a bulk job is given up.
        poll_turn: seconds between two looks whether an archive may be asked for yet.
        measure: seconds over which a file's rate is measured before connections are added.
        smallest_segment: bytes of a file that a connection fetches at once, at least.
        note_every: bytes between two entries in the journal, at most.
        answers: how long an answer to a request for bytes of a file may take to begin.
    """

    transfer: Policy = retry.TRANSFER
    bulk_job: Policy = retry.BULK_JOB
    lost_share: Policy = retry.LOST_SHARE
    full_disk: Policy = retry.FULL_DISK
    too_many_open: Policy = retry.TOO_MANY_OPEN
    busy_file: Policy = retry.BUSY_FILE
    signed_out: Policy = retry.SIGNED_OUT
    tick: float = 0.1
    mistake_rest: float = 1.0
    flush_every: float = 5.0
    flush_check: float = 0.1
    disk_patience: float = 5.0
    space_every: float = 2.0
    room_retry: float = 5.0
    poll: float = 5.0
    bulk_patience: float = 1800.0
    poll_turn: float = 2.0
    measure: float = 0.15
    smallest_segment: int = 2 << 20
    note_every: int = 1 << 20
    answers: Deadlines = ANSWERS
