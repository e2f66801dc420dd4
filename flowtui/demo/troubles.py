"""What may go wrong with any question on this server: failing records, rate limits, odd pages."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from flowtui.demo.catalogue import Catalogue
from flowtui.demo.scenarios import Scenario, Scenarios

EVERY_TENTH = 10
ALLOWED_IN_A_ROW = 25
"""Lists that `rate-limited` answers before one is refused."""


_OUT_OF_SCOPE = {("projects", "owned"), ("projects", "shared"), ("executions", "search")}
"""Lists that `scoped-key` refuses, beside those of a project's or a sample's runs."""


class Troubles:
    """What a question is answered with instead of what it asks for.

    Attributes:
        failing: the ids of samples and executions that `failing-records` cannot give.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        # The second of each project, and every tenth from there.
        self.failing = frozenset(
            record.id
            for project in catalogue.projects.values()
            for records in (project.samples, project.executions)
            for record in records[1::EVERY_TENTH]
        )
        self._lists = 0

    def instead(self, path: str, scenarios: Scenarios) -> Response | None:
        """The answer to a GET of a path below `/api`, or None for the true one."""
        parts = path.strip("/").split("/")
        kind, id_, rest = parts[0], parts[1] if len(parts) > 1 else "", parts[2:]
        if (
            scenarios.has(Scenario.FAILING_RECORDS)
            and id_ in self.failing
            and (kind, rest) in (("samples", []), ("samples", ["data"]), ("executions", []))
        ):
            return JSONResponse({"error": "Server Error"}, 500)
        if scenarios.has(Scenario.SCOPED_KEY) and (
            rest[:1] == ["executions"] or (kind, id_) in _OUT_OF_SCOPE
        ):
            return JSONResponse({"error": "Token not authorised for this endpoint"}, 403)
        if scenarios.has(Scenario.RATE_LIMITED) and kind in ("projects", "samples", "executions"):
            self._lists += 1
            if self._lists % (ALLOWED_IN_A_ROW + 1) == 0:
                return JSONResponse({"error": "Too many requests"}, 429, {"Retry-After": "1"})
        return None
