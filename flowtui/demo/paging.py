"""Lists: filtered, sorted and cut into pages as the live service does."""

from __future__ import annotations

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


def since(request: Request, rows: Sequence[Row], created: Callable[[Row], int]) -> list[Row]:
    """The rows that `created_gt` leaves. Raises Refusal (500) for all but Unix seconds, as live."""
    asked = request.query_params.get("created_gt")
    if not asked:
        return list(rows)
    if not asked.lstrip("-").isdecimal():
        raise Refusal(500, "SERVER_ERROR", "Server Error")
    return [row for row in rows if created(row) > int(asked)]


def in_order(
    request: Request, rows: Sequence[Row], created: Callable[[Row], int], name: Callable[[Row], str]
) -> list[Row]:
    """The rows as `sort` says: `created`, `name` or `filename`, `-` before it for descending."""
    sort = request.query_params.get("sort", "-created")
    if sort.lstrip("-") in {"name", "filename"}:
        return sorted(rows, key=name, reverse=sort.startswith("-"))
    return sorted(rows, key=created, reverse=sort.startswith("-"))
