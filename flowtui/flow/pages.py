"""Lists of Flow, fetched page by page as they are looked at.

The live service pages by `page` (from 1) and `count` (at most 100), and answers
`{"count": total, "page": n, "<resource>": […]}`, newest first, so that items may move between
pages meanwhile. What it says of itself is not relied on: a list ends at an empty page, at a page
that brings nothing new, or at one that is not full when all that were counted have come. Where the
last one is full, a further page is asked for: the count may be one page's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flowtui.flow.errors import FlowError, NotFound, ServiceUnavailable, UnexpectedAnswer
from flowtui.flow.fields import parse_count
from flowtui.flow.models import Record, readable

PAGE_SIZE = 100
"""Items a page; the live service refuses more."""

MAX_UNREADABLE_PAGES = 3
"""Pages in a row without one readable record, after which a list is taken to be at its end."""

MOST_PAGES = 10_000
"""Pages of a list, of which the longest that is public has some hundred; one that goes on with new
items beyond this has no end."""

MOST_READINGS = 3
"""How often a list is read that becomes shorter while it is read."""

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


MapPages = Callable[[Callable[[int], Any], Iterable[int]], Iterator[Any]]
"""Calls a function with each number and gives what comes of it, in order: `map`, or one that asks
for the next ones while the last is read (`Lookahead.map`)."""


class Pages(Generic[R]):
    """A list of records; `page(n)` fetches one page, iterating fetches all.

    Both raise FlowError.

    Attributes:
        unreadable: records that the latest iteration passed over, because they could not be read.
        total: how many there are as the server counted them when it was last asked, or None.
        lacking: how many fewer came in the latest iteration, now ended, than the server counted.
    """

    def __init__(
        self,
        fetch: Callable[[int], Page[R]],
        *,
        beyond: Callable[[int], Page[R]] | None = None,
        map_pages: MapPages = map,
    ) -> None:
        """`beyond` fetches a page that should not be there; `fetch` where it is not given."""
        self._fetch = fetch
        self._beyond = beyond or fetch
        self._map = map_pages
        self.unreadable = self.lacking = 0
        self.total: int | None = None

    def page(self, number: int) -> Page[R]:
        """Page `number`, from 1."""
        return self._fetch(number)

    def beyond(self, number: int) -> Page[R]:
        """Page `number`, which should not be there: empty where the server calls that an error.

        Some answer it by 404 or 400, others by 500.
        """
        try:
            return self._beyond(number)
        except FlowError as error:
            if isinstance(error, NotFound | ServiceUnavailable) or error.status == 400:
                return Page((), number, None)
            raise

    def __iter__(self) -> Iterator[R]:
        self.unreadable = self.lacking = 0
        seen: set[object] = set()
        for _ in range(MOST_READINGS):
            reading = Reading(seen)
            for page in self._pages(reading):
                self.total = page.total if page.total is not None else self.total
                yield from reading.take(page)
                self.unreadable = reading.unreadable
            self.lacking = reading.lacking
            if not reading.may_lack_some:
                return

    def _pages(self, reading: Reading) -> Iterator[Page[R]]:
        """Pages until the reading is over."""
        first = self._fetch(1)
        yield first
        if reading.is_over:
            return
        last = 1 if first.total is None else -(-first.total // first.size)
        number = max(last, 1)
        if last > 1:
            for page in self._map(self._fetch, range(2, min(last, MOST_PAGES) + 1)):
                yield page
                if reading.is_over:
                    return
        while not reading.is_over:
            number += 1
            if number > MOST_PAGES:
                raise UnexpectedAnswer(
                    f"a list of the server does not come to an end ({MOST_PAGES:,} pages read);"
                    " tell the server's administrator"
                )
            yield self.beyond(number) if reading.seems_whole else self._fetch(number)


class Reading:
    """When a reading of a list is over, by what came of it so far.

    Attributes:
        unreadable: records that could not be read.
        is_over: nothing more is to be expected.
        seems_whole: all that was counted has come; it is only not sure that the count is true.
    """

    def __init__(self, seen: set[object]) -> None:
        """`seen` is what earlier readings of the list have brought; it grows."""
        self.unreadable = 0
        self.is_over = self.seems_whole = False
        self._known = seen
        self._seen: set[object] = set()
        self._unreadable_pages = 0
        self._size = 0
        self._first_total: int | None = None
        self._least_total: int | None = None

    @property
    def may_lack_some(self) -> bool:
        """Whether the list became shorter meanwhile: what follows then moved up, unseen."""
        first, least = self._first_total, self._least_total
        return first is not None and least is not None and least < first >= len(self._seen)

    @property
    def lacking(self) -> int:
        """How many fewer came than the smallest of the server's counts."""
        return max(0, (self._least_total or 0) - len(self._seen) - self.unreadable)

    def take(self, page: Page[R]) -> list[R]:
        """The page's items that had not come yet."""
        if page.number == 1:
            self._size, self._first_total = page.size, page.total
        if page.total is not None:
            least = page.total if self._least_total is None else self._least_total
            self._least_total = min(page.total, least)
        self.unreadable += page.unreadable
        before = len(self._seen)
        new: list[R] = []
        for item in page.items:
            key = _identity(item)
            self._seen.add(key)
            if key not in self._known:
                self._known.add(key)
                new.append(item)
        # Rows that cannot be read have no ids to tell whether the list goes round in circles.
        self._unreadable_pages = 0 if page.items else self._unreadable_pages + 1
        # Rows that came twice do not count: as many others may have moved to a later page.
        counted = len(self._seen) + self.unreadable
        is_short = page.received < self._size
        # A count that is too small is one page's, or of another time: it says nothing.
        is_true = page.total is not None and counted <= page.total
        self.seems_whole = is_short if not is_true else counted == page.total
        self.is_over = (
            page.received == 0
            or (bool(page.items) and len(self._seen) == before)
            or self._unreadable_pages > MAX_UNREADABLE_PAGES
            or (is_true and self.seems_whole and is_short)
        )
        return new


def _identity(item: Record) -> object:
    """What makes an item the same on two pages: its id; for an output without one, its path."""
    id_ = getattr(item, "id", None)
    return id_ if id_ is not None else item


def single_page(items: tuple[R, ...], unreadable: int = 0) -> Pages[R]:
    """A list that came in one piece, and how many of it could not be read."""
    received = len(items) + unreadable
    full = Page(items, 1, len(items), received + 1, received)
    empty: Page[R] = Page((), 2, len(items), received + 1, 0)
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
        if rows is None and body.get(key, ...) is None:
            rows = []  # null for an empty list
        total = parse_count(body.get("count"))
        if total is not None and total > MOST_PAGES * PAGE_SIZE:
            total = None  # a lie: no list is that long
    if not isinstance(rows, list):
        raise ValueError("no list in the answer")
    if isinstance(body, dict):
        if number == 1 and total is not None and 0 < len(rows) < min(size, total):
            size = len(rows)  # the server gives fewer a page than it was asked for
    else:
        total = len(rows)
        size = max(size, len(rows) + 1)  # all there is, so never a full page
        if number > 1:
            rows = []
    items, _ = readable(model, rows)
    return Page(items, number, total, size, len(rows))
