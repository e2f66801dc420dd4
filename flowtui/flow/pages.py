"""Lists of Flow, fetched page by page as they are looked at.

The live service pages by `page` (from 1) and `count` (at most 100), and answers
`{"count": total, "page": n, "<resource>": […]}`, newest first, so that items may move between
pages meanwhile. What it says of itself is not relied on: a list ends at an empty page, when all
that were counted have come, or at a page that brings nothing new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from flowtui.flow.models import Record

PAGE_SIZE = 100
"""Items a page; the live service refuses more."""

MAX_UNREADABLE_PAGES = 3
"""Pages in a row without one readable record, after which a list is taken to be at its end."""

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Page(Generic[R]):
    """One page of a list.

    Attributes:
        items: those that could be read. `number`: from 1. `size`: items of a full page.
        total: items of all pages together, as the service says, or None.
        received: how many came, unreadable ones included.
    """

    items: tuple[R, ...]
    number: int
    total: int | None
    size: int = PAGE_SIZE
    received: int = 0

    @property
    def unreadable(self) -> int:
        """How many came that could not be read and were passed over."""
        return max(0, self.received - len(self.items))


class Pages(Generic[R]):
    """A list of records; `page(n)` fetches one page, iterating fetches all, one after the other.

    Both raise FlowError.

    Attributes:
        unreadable: records that the latest iteration passed over, because they could not be read.
    """

    def __init__(self, fetch: Callable[[int], Page[R]]) -> None:
        self._fetch = fetch
        self.unreadable = 0

    def page(self, number: int) -> Page[R]:
        """Page `number`, from 1."""
        return self._fetch(number)

    def __iter__(self) -> Iterator[R]:
        seen: set[object] = set()
        unreadable_pages = 0
        number = 1
        self.unreadable = 0
        while True:
            page = self._fetch(number)
            self.unreadable += page.unreadable
            before = len(seen)
            for item in page.items:
                key = _identity(item)
                if key not in seen:
                    seen.add(key)
                    yield item
            if page.received == 0 or (page.items and len(seen) == before):
                return
            # Rows that cannot be read have no ids to tell whether the list goes round in circles.
            unreadable_pages = 0 if page.items else unreadable_pages + 1
            # Rows that came twice do not count: as many others may have moved to a later page.
            counted = len(seen) + self.unreadable
            if unreadable_pages > MAX_UNREADABLE_PAGES or (
                page.total is not None and counted >= page.total
            ):
                return
            number += 1


def _identity(item: Record) -> object:
    """What makes an item the same on two pages: its id; for an output without one, its path."""
    id_ = getattr(item, "id", None)
    return id_ if id_ is not None else item


def single_page(items: tuple[R, ...], unreadable: int = 0) -> Pages[R]:
    """A list that came in one piece, and how many of it could not be read."""
    full = Page(items, 1, len(items), max(1, len(items)), len(items) + unreadable)
    empty: Page[R] = Page((), 2, len(items), max(1, len(items)), 0)
    return Pages(lambda number: full if number == 1 else empty)


def read_page(body: Any, key: str, model: type[R], number: int, size: int) -> Page[R]:
    """A page from an answer: a bare list, or a list under `key`, `results` or `items`.

    Records that cannot be read are passed over. Raises ValueError where there is no list.
    """
    total: int | None = None
    rows = body
    if isinstance(body, dict):
        lists = (body.get(name) for name in (key, "results", "items"))
        rows = next((value for value in lists if isinstance(value, list)), None)
        count = body.get("count")
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            total = count
    if not isinstance(rows, list):
        raise ValueError("no list in the answer")
    if isinstance(body, dict):
        if number == 1 and total is not None and 0 < len(rows) < min(size, total):
            size = len(rows)  # the server gives fewer a page than it was asked for
    else:
        total = len(rows)
        size = max(size, len(rows), 1)
        if number > 1:
            rows = []
    items = []
    for row in rows:
        try:
            items.append(model.model_validate(row))
        except ValidationError:
            continue
    return Page(tuple(items), number, total, size, len(rows))
