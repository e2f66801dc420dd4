"""Why a transfer stopped before its end, as one tree; each says what happened and what helps.

TransferError
├── TransientError        passing: cut connection, timeout, 408/429/5xx
│   ├── ShareLost   the network file system went away
│   └── TooManyOpen   no file or connection more can be opened just now
├── RemoteChanged       the remote file is another one now, or the server cannot resume
├── FreshLink       the link has expired, or may have: ask for a new one
├── AuthRequired    401 that a refresh did not mend
├── DiskFull          the disk or the quota is full
├── Busy            another process holds this file's part
├── TargetExists        a different file stands under the final name
└── PermanentError          nothing helps by itself: 403, 404, a folder in the way, …
    └── BeyondSize          more is said or sent than the file can have
Stopped             someone paused, cancelled, or the engine ends
"""

from __future__ import annotations

import errno
from pathlib import Path

from flowtui.system import descriptors
from flowtui.system.files import UnfitFile
from flowtui.text import quantities
from flowtui.text.redaction import without_tokens

_LOST_SHARE = {
    errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH,
    errno.EREMOTEIO, errno.ENOLINK,
}  # fmt: skip
"""What a network file system answers while its server is away or was started anew."""


class TransferError(Exception):
    """The base. `message` is for people; `code` is its short name for programs."""

    code = "ERROR"
    retryable = True
    crowded = False

    def __init__(self, message: str, *, code: str | None = None) -> None:
        message = without_tokens(message)
        super().__init__(message)
        self.message = message
        if code:
            self.code = code


class TransientError(TransferError):
    """Passing trouble on the network or at the server.

    Attributes:
        retry_after: seconds to wait before the next try, or None for the usual ones.
        asked: seconds that the server itself asks to wait, or None.
        crowded: the server has too many connections (429, 503, refused): take one back.
        outage: nobody answers for the whole server; it is waited for, not given up at once.
    """

    code = "CONNECTION"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        asked: float | None = None,
        crowded: bool = False,
        outage: bool = False,
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after if retry_after is not None else asked
        self.asked = asked
        self.crowded = crowded
        self.outage = outage

    def postponed(self, delay: float) -> TransientError:
        """The same trouble, to be tried again in `delay` seconds."""
        return TransientError(
            self.message,
            code=self.code,
            retry_after=delay,
            asked=self.asked,
            crowded=self.crowded,
            outage=self.outage,
        )

    def waiting(self, delay: float) -> str:
        """What to say while it is waited `delay` seconds."""
        if self.asked is None:
            return f"{self.message}; trying again in {quantities.wait(delay)}"
        if delay >= self.asked - 1:
            return f"the server asked to wait {quantities.wait(delay)} ({self.message})"
        return (
            f"the server asked to wait {quantities.wait(self.asked)} ({self.message}); "
            f"trying again in {quantities.wait(delay)}"
        )


class ShareLost(TransientError):
    """The network file system of the target went away; it is waited for."""


class TooManyOpen(TransientError):
    """No file or connection more can be opened: others are waited for that have theirs open."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=descriptors.CODE)


class RemoteChanged(TransferError):
    """What is on disk is of no use for what the server sends now."""

    code = "CHANGED"


class FreshLink(TransferError):
    """The link has expired, or its storage says what may mean that.

    Attributes:
        refusal: what the storage's answer means where no fresh link helps.
        generation: which of the source's links it was; another thread may have got a fresh one.
        redirected: the storage was reached by a redirect from that link.
    """

    code = "EXPIRED"

    def __init__(self, refusal: PermanentError, generation: int, *, redirected: bool) -> None:
        super().__init__("the link has expired")
        self.refusal = refusal
        self.generation = generation
        self.redirected = redirected


class AuthRequired(TransferError):
    """The session has ended."""

    code = "UNAUTHENTICATED"


class DiskFull(TransferError):
    """The disk is full, or the user's part of it is used up."""

    code = "NO_SPACE"


class Busy(TransferError):
    """Another flowtui fetches the same file."""

    code = "BUSY"


class TargetExists(TransferError):
    """A file of that name is there and is a different one; it is never overwritten."""

    code = "OCCUPIED"


class PermanentError(TransferError):
    """No repetition helps unless something changes first.

    Attributes:
        crowded: as of the passing errors that it ends a row of.
    """

    code = "FAILED"
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retryable: bool = False,
        crowded: bool = False,
    ) -> None:
        super().__init__(message, code=code)
        self.retryable = retryable
        self.crowded = crowded


class BeyondSize(PermanentError):
    """The server says or sends more than the file can have; what came is of no use."""

    code = "SIZE"

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class Stopped(Exception):
    """Someone paused or cancelled the transfer, or the engine ends. Nothing is lost."""


def internal_error(error: BaseException) -> PermanentError:
    """A mistake of ours, in whatever thread: it ends its file with these words, nothing else."""
    return PermanentError(
        f"internal error: {type(error).__name__}: {error}", code="INTERNAL", retryable=True
    )


def disk_trouble(error: OSError, path: Path) -> TransferError:
    """What an error of the file system means for a transfer to `path`."""
    words = error.strerror or str(error)
    if shortage := descriptors.shortage(error):
        return TooManyOpen(shortage)
    if isinstance(error, UnfitFile):
        return PermanentError(
            f"cannot use {error.filename}: {words}", code="IN_THE_WAY", retryable=True
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = "the quota is used up" if error.errno == errno.EDQUOT else "the disk is full"
        return DiskFull(f"{what} at {path.parent}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PermanentError(
            f"cannot write in {path.parent}: {words}; make it writable or choose another folder",
            code="NOT_WRITABLE",
            retryable=True,
        )
    if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST):
        return PermanentError(
            f"something is in the way at {path} ({words}); move it and retry",
            code="IN_THE_WAY",
            retryable=True,
        )
    if error.errno == errno.ENAMETOOLONG:
        return PermanentError(f"the path is too long: {path}", code="NAME_TOO_LONG")
    if error.errno == errno.EFBIG:
        return PermanentError(
            f"{path.parent} takes no file of this size: {words}; choose a folder on another file"
            " system (FAT32 ends at 4 GiB), or raise `ulimit -f`",
            code="FILE_TOO_LARGE",
            retryable=True,
        )
    if error.errno in _LOST_SHARE:
        return ShareLost(
            f"the network file system of {path.parent} does not answer: {words}", code="DISK"
        )
    if error.errno == errno.ENOENT:
        return PermanentError(
            f"the folder {path.parent} was removed", code="REMOVED", retryable=True
        )
    return PermanentError(f"the disk failed at {path}: {words}", code="DISK", retryable=True)


class Damaged(Exception):
    """A container whose own checksums do not fit its bytes."""
