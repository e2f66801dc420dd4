"""What may happen on this server, to bulk jobs or to any question, chosen when it is started.

Several may be chosen at once; `docs/demo.md` tells what each is good for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from flowtui.demo.service import Refusal, forbidden, not_found

MOST_FILES = 40
"""That one job may have with `too-large` or `too-many`, unless told."""


class Scenario(StrEnum):
    """One thing that may happen; `DESCRIPTIONS` has its line in the help."""

    NONE = "none"
    FORBIDDEN = "forbidden"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"
    SLOW = "slow"
    TROUBLED = "troubled"
    FAILING = "failing"
    FAILING_ONCE = "failing-once"
    EXPIRING = "expiring"
    EXPIRED_ONCE = "expired-once"
    CUT_ONCE = "cut-once"
    TAR = "tar"
    FLAT = "flat"
    MISSING = "missing"
    DAMAGED = "damaged"
    HOSTILE = "hostile"
    REFUSED_400 = "refused-400"
    REFUSED_422 = "refused-422"
    EMPTY_ANSWER = "empty-answer"
    PAGE_ANSWER = "page-answer"
    NO_BODY = "no-body"
    REDIRECTED = "redirected"
    SERVER_ERROR = "server-error"
    ONLY_LOCATION = "only-location"
    NOT_READY = "not-ready"
    CONFLICT = "conflict"
    NEVER_READY = "never-ready"
    FAILING_RECORDS = "failing-records"
    ENDED_IS_NOBODY = "ended-is-nobody"
    OPAQUE_TOKENS = "opaque-tokens"
    SINGLE_SIGN_ON = "single-sign-on"
    RATE_LIMITED = "rate-limited"
    PAGE_COUNTS = "page-counts"
    ERROR_BEYOND = "error-beyond"
    SCOPED_KEY = "scoped-key"
    LOOSE_VALUES = "loose-values"
    ODD_VALUES = "odd-values"


DESCRIPTIONS: dict[Scenario, str] = {
    Scenario.NONE: "no bulk downloads at all (404)",
    Scenario.FORBIDDEN: "no bulk downloads for this kind of token (403)",
    Scenario.TOO_LARGE: f"413 for more than {MOST_FILES} files",
    Scenario.TOO_MANY: f"422 with an explanation for more than {MOST_FILES} files",
    Scenario.SLOW: "a job takes ten minutes",
    Scenario.TROUBLED: "every second poll of a job is answered with 503 and Retry-After",
    Scenario.FAILING: "every job fails",
    Scenario.FAILING_ONCE: "the first job fails",
    Scenario.EXPIRING: "archives expire a minute after they are ready",
    Scenario.EXPIRED_ONCE: "the first archive has expired when it is fetched (410)",
    Scenario.CUT_ONCE: "the first archive expires halfway through its download (410)",
    Scenario.TAR: "archives are tar.gz, as in the live dialect",
    Scenario.FLAT: "all members in one folder, named <id>_<name>",
    Scenario.MISSING: "the archive lacks its second file",
    Scenario.DAMAGED: "one byte of the archive's first file is wrong",
    Scenario.HOSTILE: "the archive holds a path that leads outside the target folder",
    Scenario.REFUSED_400: "400 for every request for an archive, with errors by field",
    Scenario.REFUSED_422: "422 for every request for an archive, as problem+json",
    Scenario.EMPTY_ANSWER: "{} for every request for an archive",
    Scenario.PAGE_ANSWER: "a web page for every request for an archive",
    Scenario.NO_BODY: "201 without a body for every request for an archive",
    Scenario.REDIRECTED: "a redirect for every request for an archive",
    Scenario.SERVER_ERROR: "500 for every request for an archive",
    Scenario.ONLY_LOCATION: "a new job is named by the Location header alone",
    Scenario.NOT_READY: "an archive is a bare 404 until it is ready, then it is there",
    Scenario.CONFLICT: "the same with 409",
    Scenario.NEVER_READY: "the same for ever",
    Scenario.FAILING_RECORDS: "each project's second sample and run, and every tenth, answer 500",
    Scenario.ENDED_IS_NOBODY: "a token that has ended counts as none: private things are 404",
    Scenario.OPAQUE_TOKENS: "tokens do not say when they end",
    Scenario.SINGLE_SIGN_ON: "no passwords: a code is entered elsewhere (here by itself)",
    Scenario.RATE_LIMITED: "after 25 questions one is answered with 429 and Retry-After",
    Scenario.PAGE_COUNTS: "lists count the items of one page instead of all",
    Scenario.SCOPED_KEY: "the token is for searches and files only: other lists answer 403",
    Scenario.LOOSE_VALUES: "numbers as text, yes and no as 1 and 0, null for an empty list",
    Scenario.ODD_VALUES: "lists with rows that are no records, beside the right ones",
    Scenario.ERROR_BEYOND: "a page past the end of a list is answered with 500",
}
"""Each scenario, for people."""

_PROBLEM = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "code": "validation_error",
    "errors": [{"pointer": "/data", "code": "required", "detail": "This field is required."}],
}

_ODD_ANSWERS: dict[Scenario, Callable[[], Response]] = {
    Scenario.REFUSED_400: lambda: JSONResponse({"error": {"data": ["This is required."]}}, 400),
    Scenario.REFUSED_422: lambda: JSONResponse(_PROBLEM, 422,
                                               media_type="application/problem+json"),
    Scenario.EMPTY_ANSWER: lambda: JSONResponse({}),
    Scenario.PAGE_ANSWER: lambda: HTMLResponse("<!DOCTYPE html><div id=root></div>"),
    Scenario.NO_BODY: lambda: Response(status_code=201),
    Scenario.REDIRECTED: lambda: Response(status_code=302, headers={"Location": "/api/login"}),
    Scenario.SERVER_ERROR: lambda: JSONResponse({"error": "Server Error"}, 500),
}  # fmt: skip

SLOW_SECONDS = 600.0
EXPIRING_SECONDS = 60.0


@dataclass(frozen=True)
class Scenarios:
    """What was chosen.

    Attributes:
        most_files: that one job may have with `too-large` or `too-many`.
    """

    chosen: frozenset[Scenario] = frozenset()
    most_files: int = MOST_FILES

    def has(self, scenario: Scenario) -> bool:
        """Whether this one was."""
        return scenario in self.chosen

    def refuse(self, files: int) -> None:
        """Raise Refusal where a job of so many files is not taken."""
        if self.has(Scenario.NONE):
            raise not_found()
        if self.has(Scenario.FORBIDDEN):
            raise forbidden("Token not authorised for this endpoint")
        if files > self.most_files and self.has(Scenario.TOO_LARGE):
            raise Refusal(413, "TOO_LARGE", "Request entity too large")
        if files > self.most_files and self.has(Scenario.TOO_MANY):
            message = f"Cannot request more than {self.most_files} files"
            raise Refusal(422, "VALIDATION_ERROR", message)

    def odd_answer(self) -> Response | None:
        """What a request for an archive is answered with instead of a job."""
        return next((make() for name, make in _ODD_ANSWERS.items() if self.has(name)), None)

    @property
    def hides_states(self) -> bool:
        """Whether a job's address has its archive, or nothing."""
        return self.has(Scenario.NOT_READY) or self.has(Scenario.CONFLICT)

    def not_ready(self, *, ready: bool) -> Response | None:
        """What a poll is answered with instead of a job's state."""
        if self.has(Scenario.NEVER_READY) or (self.has(Scenario.NOT_READY) and not ready):
            return Response(status_code=404)
        return Response(status_code=409) if self.has(Scenario.CONFLICT) and not ready else None

    def fails(self, number: int) -> bool:
        """Whether the `number`th job fails, counted from 0."""
        return self.has(Scenario.FAILING) or (number == 0 and self.has(Scenario.FAILING_ONCE))

    def trouble(self, poll: int) -> Response | None:
        """What the `poll`th poll of a job, counted from 0, is answered with instead."""
        if self.has(Scenario.TROUBLED) and poll % 2 == 0:
            return Response("busy", 503, {"Retry-After": "1"}, "text/plain")
        return None

    def cuts(self, number: int, request: Request) -> bool:
        """Whether the `number`th archive goes in the middle of this request for it."""
        return number == 0 and self.has(Scenario.CUT_ONCE) and request.method == "GET"


NO_SCENARIOS = Scenarios()


def scenarios_of(names: Iterable[str]) -> Scenarios:
    """The scenarios of these names. Raises ValueError."""
    return Scenarios(frozenset(Scenario(name) for name in names))
