"""Lists: filtered, sorted and cut into pages as the live service does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flowtui.demo.scenarios import Scenario, Scenarios
from flowtui.demo.service import Refusal

DEFAULT_COUNT = 10
MOST = 100

Row = TypeVar("Row")


def paged(
    request: Request,
    key: str,
    rows: Sequence[Row],
    serialize: Callable[[Row], dict[str, Any]],
) -> Response:
    """One page of rows as `{"count": total, "page": n, key: […]}`; past the end it is empty.

    Only the rows of the page are serialized. Raises Refusal (400) for a page of more than 100, and
    what the scenarios of the app's state say.
    """
    scenarios: Scenarios = request.app.state.scenarios()
    page = _number(request, "page", 1)
    size = _number(request, "count", DEFAULT_COUNT)
    if size > MOST:
        raise Refusal(400, "BAD_REQUEST", f"Cannot request more than {MOST} items")
    first = (page - 1) * size
    part = rows[first : first + size]
    if page > 1 and not part and scenarios.has(Scenario.ERROR_BEYOND):
        raise Refusal(500, "SERVER_ERROR", "Server Error")
    count = len(part) if scenarios.has(Scenario.PAGE_COUNTS) else len(rows)
    return JSONResponse({"count": count, "page": page, key: [serialize(row) for row in part]})


def _number(request: Request, name: str, default: int) -> int:
    given = request.query_params.get(name)
    if given is None:
        return default
    if not given.isdecimal() or int(given) < 1:
        raise Refusal(400, "BAD_REQUEST", f"{name} must be a whole number from 1")
    return int(given)


def matching(request: Request, rows: Sequence[Row], **filters: Callable[[Row], str]) -> list[Row]:
    """The rows whose text has what the query asks for, whatever the case of letters.

    Each filter is the name of a query parameter and the text of a row that it is looked for in.
    """
    kept = list(rows)
    for name, text in filters.items():
        asked = request.query_params.get(name, "").casefold()
        if asked:
            kept = [row for row in kept if asked in text(row).casefold()]
    return kept


def compared(request: Request, rows: Sequence[Row], **numbers: Callable[[Row], int]) -> list[Row]:
    """The rows whose number is above `NAME_gt` and below `NAME_lt` of the query.

    Raises Refusal (500) for what is no number, as the live service does for a date.
    """
    kept = list(rows)
    for name, number in numbers.items():
        above, below = _bound(request, f"{name}_gt"), _bound(request, f"{name}_lt")
        kept = [
            row
            for row in kept
            if (above is None or number(row) > above) and (below is None or number(row) < below)
        ]
    return kept


def _bound(request: Request, name: str) -> float | None:
    given = request.query_params.get(name)
    try:
        return float(given) if given else None
    except ValueError as error:
        raise Refusal(500, "SERVER_ERROR", "Server Error (500)") from error


def one_of(request: Request, rows: Sequence[Row], **texts: Callable[[Row], str]) -> list[Row]:
    """The rows whose text is among those that the query asks for, separated by commas."""
    kept = list(rows)
    for name, text in texts.items():
        wanted = {part.strip() for part in request.query_params.get(name, "").split(",")} - {""}
        if wanted:
            kept = [row for row in kept if text(row) in wanted]
    return kept


def of_pattern(request: Request, rows: Sequence[Row], text: Callable[[Row], str]) -> list[Row]:
    """The rows whose text has the regular expression `pattern`. Raises Refusal (400)."""
    given = request.query_params.get("pattern", "")
    try:
        pattern = re.compile(given)
    except re.error as error:
        raise Refusal(400, "BAD_REQUEST", "pattern is not a regular expression") from error
    return [row for row in rows if pattern.search(text(row))]


def in_order(
    request: Request, rows: Sequence[Row], created: Callable[[Row], int], name: Callable[[Row], str]
) -> list[Row]:
    """The rows as `sort` says: `created`, `name` or `filename`, `-` before it for descending."""
    sort = request.query_params.get("sort", "-created")
    if sort.lstrip("-") in {"name", "filename"}:
        return sorted(rows, key=name, reverse=sort.startswith("-"))
    return sorted(rows, key=created, reverse=sort.startswith("-"))
