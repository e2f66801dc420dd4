"""Lists of a server, wherever it has them: paged resources, or what a detail has inlined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from flowtui.flow.errors import FlowError, NotFound, NotOffered, Refused, UnexpectedAnswer
from flowtui.flow.models import Record, UnreadableRecord
from flowtui.flow.pages import PAGE_SIZE, MapPages, Page, Pages, read_page, single_page
from flowtui.retry import API, ONCE, Policy

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Inlined(Generic[R]):
    """What a detail has of a list.

    Attributes:
        items: None where it has nothing of the kind.
        documented: whether it shows that the server speaks the documented dialect, which
            inlines lists instead of offering them.
        unreadable: how many more it has that could not be read.
    """

    items: tuple[R, ...] | None
    documented: bool = True
    unreadable: int = 0


class Reader(Protocol):
    """Asks a server for its records."""

    def get(self, path: str, params: dict[str, Any] | None = None, *, policy: Policy = API) -> Any:
        """The JSON of a GET, tried again by `policy`. Raises FlowError."""


class Listing:
    """Makes the lists of one server, and remembers which of them it does not offer."""

    def __init__(self, reader: Reader, map_pages: MapPages = map) -> None:
        """`map_pages` is how the lists that it makes fetch their pages; see `Pages`."""
        self._reader = reader
        self._map = map_pages
        self._offered: set[str] = set()
        self._inlines: set[str] = set()

    def by(self, reader: Reader, map_pages: MapPages) -> Listing:
        """The lists of the same server, asked for by another reader."""
        other = Listing(reader, map_pages)
        other._offered, other._inlines = self._offered, self._inlines
        return other

    def is_inlined(self, kind: str) -> bool:
        """Whether the server was seen to have no such lists (`projects/executions`)."""
        return kind in self._inlines

    def first_of(
        self,
        paths: tuple[str, ...],
        key: str,
        model: type[R],
        query: Mapping[str, str] | None = None,
    ) -> Pages[R]:
        """A paged list from the first of `paths` that the server has, of what `query` asks for.

        Which one that is stays the same for all pages. Raises NotFound or NotOffered, when pages
        are fetched, where it has none of them.
        """
        chosen: list[str] = []

        def is_past_the_end(number: int) -> bool:
            """Whether there is no such page, as far as the first one tells now."""
            first = self._page(chosen[0], key, model, 1, API, query)
            return first.total is None or (number - 1) * first.size >= first.total

        def fetch(number: int, policy: Policy = API) -> Page[R]:
            for path in tuple(chosen) or paths:
                try:
                    page = self._page(path, key, model, number, policy, query)
                except FlowError as error:
                    if chosen and number > 1 and isinstance(error, NotFound):
                        if policy is ONCE or is_past_the_end(number):
                            return Page((), number, None)  # some answer so past the end
                        raise
                    if path == paths[-1] or chosen or not _is_missing(error):
                        raise
                    continue
                if not chosen:
                    chosen.append(path)
                return page
            raise AssertionError("paths are never empty")

        beyond = partial(fetch, policy=ONCE)
        return Pages(fetch, beyond=beyond, map_pages=self._map)

    def below(
        self,
        path: str,
        key: str,
        model: type[R],
        inlined: Callable[[], Inlined[R]],
        query: Mapping[str, str] | None = None,
    ) -> Pages[R]:
        """A list of what is below something: a sub-resource, else what its detail has inlined.

        A 404 may also mean: not yours to see. So that a server has no such sub-resources is
        remembered only once a detail had the list inlined, and never after it has given one.
        """
        kind = f"{path.split('/')[1]}/{key}"
        listed = self.first_of((path,), key, model, query)
        kept: list[Pages[R]] = []

        def fetch(number: int) -> Page[R]:
            if kept:
                return kept[0].page(number)
            missing: FlowError = NotFound("not found, or not visible to you", status=404)
            if kind not in self._inlines:
                try:
                    page = listed.page(number)
                except (NotFound, NotOffered) as error:
                    if kind in self._offered:
                        raise
                    missing = error
                else:
                    self._offered.add(kind)
                    return page
            found = inlined()
            if found.items is None:
                raise missing
            if found.documented:
                self._inlines.add(kind)
            kept.append(single_page(found.items, found.unreadable))
            return kept[0].page(number)

        def beyond(number: int) -> Page[R]:
            return (kept[0] if kept else listed).beyond(number)

        return Pages(fetch, beyond=beyond, map_pages=self._map)

    def _page(
        self,
        path: str,
        key: str,
        model: type[R],
        number: int,
        policy: Policy,
        query: Mapping[str, str] | None,
    ) -> Page[R]:
        asked = {**(query or {}), "page": number, "count": PAGE_SIZE}
        body = self._reader.get(path, asked, policy=policy)
        try:
            return read_page(body, key, model, number, PAGE_SIZE)
        except ValueError:
            raise UnexpectedAnswer(f"cannot read the server's list of {key}") from None


def filtered_where_missing(
    listed: Pages[R], everything: Pages[R], wanted: Callable[[R], bool]
) -> Pages[R]:
    """`listed`, or where the server lacks that list, those of `everything` that are wanted.

    These come in one piece; where the server lacks that one too, there are none.
    """
    kept: list[Pages[R]] = []

    def fetch(number: int) -> Page[R]:
        if not kept:
            try:
                return listed.page(number)
            except FlowError as error:
                if not _is_missing(error):
                    raise
            try:
                kept.append(single_page(tuple(item for item in everything if wanted(item))))
            except (NotFound, NotOffered):
                kept.append(single_page(()))
        return kept[0].page(number)

    def beyond(number: int) -> Page[R]:
        return (kept[0] if kept else listed).beyond(number)

    return Pages(fetch, beyond=beyond)


def read_record(model: type[R], body: Any) -> R:
    """One record. Raises UnexpectedAnswer, naming the field that does not fit."""
    try:
        return model.read(body)
    except UnreadableRecord as error:
        raise UnexpectedAnswer(
            f"cannot read the server's {model.__name__.lower()} record ({error})"
        ) from None


def _is_missing(error: FlowError) -> bool:
    """Whether this says that the server has no such list.

    One that takes `/projects/shared` for a project of that id may find the id malformed (400). An
    API key may be for other lists only (403, docs/flow-api.md, Signing in).
    """
    return isinstance(error, NotFound | NotOffered | Refused) or error.status == 400
