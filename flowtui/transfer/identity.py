"""Which remote file the bytes of a part file belong to."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Identity:
    """What tells whether a remote file is still the same.

    Attributes:
        key: see `RemoteFile.key`.
        size: bytes, or None while unknown.
        md5: as the service says, or None.
        etag: the entity tag as sent, quotes and weakness (`W/`) included, or None.
        modified: the Last-Modified header as sent, or None.
    """

    key: str
    size: int | None = None
    md5: str | None = None
    etag: str | None = None
    modified: str | None = None

    @property
    def validator(self) -> str | None:
        """What to send as If-Range (RFC 9110, 13.1.5): a strong ETag, else Last-Modified."""
        return self.etag if _strong(self) else self.modified

    def is_same_file(self, other: Identity) -> bool:
        """Whether nothing that both know differs."""
        if self.key != other.key:
            return False
        # Each node of a storage may make tags of its own; size and date are the file's.
        as_before = None not in (self.size, self.modified) and (
            (self.size, self.modified) == (other.size, other.modified)
        )
        etag = None if as_before else _opaque(self.etag)
        pairs = [
            (self.size, other.size),
            (self.md5, other.md5),
            (etag, _opaque(other.etag)),
            (self.modified if not (_strong(self) and _strong(other)) else None, other.modified),
        ]
        return all(a == b for a, b in pairs if a is not None and b is not None)

    def goes_on_as(self, answer: Identity, flows_size: int | None = None) -> bool:
        """Whether the bytes that are here may be gone on from with those of an answer.

        An answer of Flow's own size overrules what an earlier one promised.

        Where Flow gives an md5, that decides in the end: a storage that was moved has other tags
        and dates for the same bytes, and only another length proves another file at once.
        """
        if answer.size is not None and answer.size == flows_size != self.size:
            return replace(self, size=None).goes_on_as(answer)
        if self.md5 is not None and answer.md5 is None:
            return self.key == answer.key and (
                None in (self.size, answer.size) or self.size == answer.size
            )
        return self.is_same_file(answer)

    def is_told_by(self, answer: Identity) -> bool:
        """Whether anything tells another file from this one in an answer, or at the end."""
        pairs = [(self.etag, answer.etag), (self.modified, answer.modified)]
        return self.md5 is not None or any(None not in pair for pair in pairs)

    def updated(self, other: Identity) -> Identity:
        """This one with what only `other` knows."""
        return replace(
            self,
            size=self.size if self.size is not None else other.size,
            md5=self.md5 or other.md5,
            etag=self.etag or other.etag,
            modified=self.modified or other.modified,
        )


def _strong(identity: Identity) -> bool:
    """Whether its entity tag stands for every byte (RFC 9110, 8.8.3)."""
    return identity.etag is not None and not identity.etag.startswith("W/")


def _opaque(etag: str | None) -> str | None:
    """An entity tag without its weakness: other tags mean another file, be they weak or not."""
    return etag.removeprefix("W/") if etag else None
