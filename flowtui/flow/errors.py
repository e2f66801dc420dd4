"""What can go wrong when talking to Flow, as one tree of exceptions.

Every message says what happened and, where there is something to do, what to do. Messages may
carry words of the server, cleaned of control characters; they never carry a token.

    FlowError
    ├── ServiceUnavailable     no answer, or not Flow's: DNS, refused, timeout, 5xx, HTML
    │   └── RateLimited        429, 503 with Retry-After
    ├── NotSignedIn            401 that a refresh did not mend, or no credential at all
    │   ├── WrongPassword      the sign-in itself was refused
    │   └── SingleSignOnOnly   the instance signs in elsewhere (501)
    ├── Refused                403
    ├── NotFound               404: absent, or not visible to this account
    │   └── NotReady           an archive that is not there yet, or no more (404, 409, 425, 400)
    ├── Gone                   410: the link or the archive has expired
    ├── NotOffered             404/405/501 on a feature this server lacks (bulk downloads)
    ├── TooMuch                413, or 400/422 in such words: one archive is not to hold it all
    ├── BadReference           a REF that names nothing (see `refs`)
    │   └── AmbiguousReference a REF that several outputs have
    ├── InsecureServer         a token or password was to go over http, beyond this machine
    └── UnexpectedAnswer       anything else: other statuses, JSON of another shape
"""

from __future__ import annotations

from flowtui.text.redaction import without_tokens

TOO_MANY_REQUESTS = 429


class FlowError(Exception):
    """The base of all errors of this package.

    Attributes:
        message: what happened and what to do, one or two sentences, safe to print.
        status: the HTTP status that said so, or None.
        code: the service's own code (`UNAUTHENTICATED`, …), or our short name for it.
        retryable: whether the same request may succeed later with nothing changed here.
    """

    default_code = "ERROR"
    retryable = False

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        message = without_tokens(message)
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code or self.default_code


class ServiceUnavailable(FlowError):
    """The service did not answer, or something in front of it answered instead."""

    default_code = "UNAVAILABLE"
    retryable = True


class RateLimited(ServiceUnavailable):
    """The service asks to wait (429, or 503 with Retry-After).

    Attributes:
        retry_after: seconds to wait as the server said, or None where it said nothing.
    """

    default_code = "RATE_LIMITED"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status=status, code=code)
        self.retry_after = retry_after


class NotSignedIn(FlowError):
    """There is no credential, or the one there is no longer works."""

    default_code = "UNAUTHENTICATED"


class WrongPassword(NotSignedIn):
    """The service does not know this user name and password."""

    default_code = "WRONG_PASSWORD"


class SingleSignOnOnly(NotSignedIn):
    """The instance signs in through another service; its device flow or an API key is the way in.

    Attributes:
        client_id, domain_url: of that service, as the instance says; empty where it does not.
    """

    default_code = "SINGLE_SIGN_ON"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        client_id: str = "",
        domain_url: str = "",
    ) -> None:
        super().__init__(message, status=status, code=code)
        self.client_id = client_id
        self.domain_url = domain_url


class Refused(FlowError):
    """Signed in, but not allowed to have this (403)."""

    default_code = "FORBIDDEN"


class NotFound(FlowError):
    """Absent, or not visible to this account: the live service answers 404 for both."""

    default_code = "NOT_FOUND"


class NotReady(NotFound):
    """Nothing is at an archive's address, yet or any more: the live service tells no more."""

    default_code = "NOT_READY"


class Gone(FlowError):
    """The link or the prepared archive has expired (410)."""

    default_code = "EXPIRED"


class NotOffered(FlowError):
    """This server has no such feature (404/405/501 where a feature was asked for)."""

    default_code = "NOT_OFFERED"


class TooMuch(FlowError):
    """The service refuses what was asked for because it is too many or too large."""

    default_code = "TOO_MUCH"


class BadReference(FlowError):
    """A reference such as `sample/34` that cannot be read."""

    default_code = "BAD_REFERENCE"


class AmbiguousReference(BadReference):
    """A REF that several things have; the message says how to name one of them."""

    default_code = "AMBIGUOUS_REFERENCE"


class InsecureServer(FlowError):
    """A token or a password was to go over http to another machine; it was not sent."""

    default_code = "INSECURE"


class UnexpectedAnswer(FlowError):
    """An answer that fits neither dialect of the service."""

    default_code = "UNEXPECTED_ANSWER"


SKIPPABLE = (NotFound, Refused, NotOffered, Gone, AmbiguousReference)
"""What may be so of one part of something larger, which then goes on without it."""

FAILING = (ServiceUnavailable, UnexpectedAnswer)
"""What may be one part's trouble, or the whole server's."""
