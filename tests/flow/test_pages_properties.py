"""Lists page by page, against servers of every kind: an end always, and no item twice."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowtui.flow.models import Data, Project
from flowtui.flow.pages import MAX_UNREADABLE_PAGES, PAGE_SIZE, Pages, read_page

SIZE = 5
"""Items of a full page here; the code takes what comes."""

ENOUGH = 500
"""Pages after which a list that should have come to its end is taken to go round in circles."""


class Server:
    """A list of ids, newest first, of which something may be wrong."""

    def __init__(self, ids: list[int], size: int = SIZE) -> None:
        self.ids = ids
        self.size = size
        self.asked: list[int] = []

    def rows(self, number: int) -> list[Any]:
        part = self.ids[(number - 1) * self.size : number * self.size]
        return [{"id": id_, "name": f"project {id_}"} for id_ in part]

    def count(self, number: int) -> Any:
        return len(self.ids)

    def body(self, number: int) -> Any:
        return {"count": self.count(number), "page": number, "projects": self.rows(number)}

    def pages(self) -> Pages[Project]:
        def fetch(number: int):
            self.asked.append(number)
            assert len(self.asked) < ENOUGH, "it does not come to an end"
            return read_page(self.body(number), "projects", Project, number, SIZE)

        return Pages(fetch)

    def all(self) -> list[int]:
        return [int(one.id) for one in self.pages()]


ids = st.lists(st.integers(0, 200), max_size=40, unique=True)
counts = st.none() | st.integers(-5, 300) | st.sampled_from([True, "12", 1.5, 1e99])
smaller = st.integers(1, SIZE)


@given(ids, smaller)
def test_a_good_server_gives_all_in_order_and_is_asked_no_page_too_many(listed, size):
    server = Server(listed, size)
    assert server.all() == listed
    needed = max(1, -(-len(listed) // size))
    # A full last page says nothing of the count; a first page that is all there is, as asked, does.
    full = bool(listed) and len(listed) % size == 0 and not len(listed) == size < SIZE
    assert server.asked == list(range(1, needed + 1 + full))


@given(ids, smaller)
def test_a_list_is_whole_whose_count_is_of_one_page_alone(listed, size):
    server = Server(listed, SIZE)
    server.count = lambda number: len(server.rows(number))  # type: ignore[method-assign]
    assert server.all() == listed


@given(ids, st.integers(0, 3))
def test_a_list_is_whole_whose_count_is_too_small(listed, pages):
    """Too small by whole pages, or by anything where the pages show that."""
    server = Server(listed, SIZE)
    server.count = lambda number: max(0, min(len(listed), pages * SIZE))  # type: ignore[method-assign]
    assert server.all() == listed


@given(ids, st.lists(st.integers(0, 39), max_size=6), st.integers(1, 6))
def test_what_moves_up_when_others_are_removed_is_not_lost(listed, positions, page):
    server = Server(listed, SIZE)
    real = server.body
    kept = [id_ for n, id_ in enumerate(listed) if n not in positions]

    def body(number):
        if number == page + 1:
            server.ids = kept
        return real(number)

    server.body = body  # type: ignore[method-assign]
    found = server.all()
    assert len(found) == len(set(found))
    assert set(kept) <= set(found) <= set(listed)


@given(ids, smaller, counts)
def test_a_stable_list_is_whole_where_the_count_is_missing_or_too_high(listed, size, count):
    server = Server(listed, size)
    honest = type(count) is int and 0 <= count < len(listed)
    server.count = lambda number: None if honest else count  # type: ignore[method-assign]
    assert server.all() == listed
    assert len(server.asked) <= len(listed) // size + 2


@given(ids, counts, st.integers(1, 20))
def test_an_empty_page_is_the_end_whatever_the_count_says(listed, count, empty):
    server = Server(listed)
    real = server.rows
    server.rows = lambda number: [] if number >= empty else real(number)  # type: ignore[method-assign]
    server.count = lambda number: 10_000 if count is None else count  # type: ignore[method-assign]
    found = server.all()
    assert found == listed[: len(found)]
    assert max(server.asked) <= empty


@given(ids, counts)
def test_a_server_that_takes_no_notice_of_the_page_gives_its_one_page_once(listed, count):
    server = Server(listed)
    server.rows = lambda number: Server.rows(server, 1)  # type: ignore[method-assign]
    server.count = lambda number: count  # type: ignore[method-assign]
    assert server.all() == listed[:SIZE]
    assert len(server.asked) <= 2


@given(ids)
def test_a_bare_list_is_all_there_is(listed):
    server = Server(listed, 1000)
    server.body = lambda number: server.rows(1)  # type: ignore[method-assign]
    assert server.all() == listed
    assert server.asked == [1]


changes = st.lists(
    st.tuples(st.sampled_from(["new", "gone"]), st.integers(0, 40), st.integers(1, 3)), max_size=12
)


@given(ids, changes, st.booleans())
@settings(max_examples=200)
def test_while_the_list_changes_no_item_comes_twice_and_it_ends(listed, happenings, counted):
    """New items come in front and push others to later pages; deleted ones pull them forward."""
    server = Server(list(listed))
    left, fresh = list(happenings), iter(range(1000, 2000))
    gone: set[int] = set()

    def rows(number: int) -> list[Any]:
        if number > 1 and left:
            kind, at, how_many = left.pop(0)
            for _ in range(how_many):
                if kind == "new":
                    server.ids.insert(0, next(fresh))
                elif server.ids:
                    gone.add(server.ids.pop(at % len(server.ids)))
        return Server.rows(server, number)

    server.rows = rows  # type: ignore[method-assign]
    if not counted:
        server.count = lambda number: None  # type: ignore[method-assign]
    found = server.all()
    assert len(set(found)) == len(found)
    if not gone and all(kind == "new" and n < SIZE for kind, _, n in happenings):
        # Fewer than a page came in front between two pages: nothing could slip by.
        assert set(listed) <= set(found)


@given(
    st.lists(st.lists(st.none() | st.integers(0, 30), max_size=SIZE), max_size=12), counts,
    st.booleans(),
)  # fmt: skip
@settings(max_examples=200)
def test_pages_of_any_kind_end_without_an_item_twice(served, count, circles):
    """Duplicates within and across pages, unreadable rows, short pages, the last one for ever."""
    server = Server([])

    def rows(number: int) -> list[Any]:
        if not served or (number > len(served) and not circles):
            return []
        page = served[(number - 1) % len(served)]
        return [{"name": "no id"} if n is None else {"id": n} for n in page]

    server.rows = rows  # type: ignore[method-assign]
    server.count = lambda number: count  # type: ignore[method-assign]
    found = server.all()
    assert len(set(found)) == len(found)
    assert set(found) <= {n for page in served for n in page if n is not None}
    assert len(server.asked) <= len(served) * (MAX_UNREADABLE_PAGES + 1) + MAX_UNREADABLE_PAGES + 2


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30, unique=True), st.integers(1, SIZE))
def test_unreadable_rows_are_counted_and_cost_no_other(listed, every):
    server = Server(listed)

    def rows(number: int) -> list[Any]:
        good = Server.rows(server, number)
        return [row if row["id"] % every else {"name": "no id"} for row in good]

    server.rows = rows  # type: ignore[method-assign]
    pages = server.pages()
    found = [int(one.id) for one in pages]
    if every > 1:
        assert found == [id_ for id_ in listed if id_ % every]
        assert pages.unreadable == len(listed) - len(found)
    else:
        assert found == []
        assert len(server.asked) <= MAX_UNREADABLE_PAGES + 1


@given(st.lists(st.text("ab/", min_size=1, max_size=4), max_size=12))
def test_outputs_without_an_id_are_told_apart_by_their_path(paths):
    body = {"data": [{"filename": path, "execution_id": "4"} for path in paths]}
    pages = Pages(
        lambda number: read_page(
            body if number == 1 else {"data": []}, "data", Data, number, PAGE_SIZE
        )
    )
    assert [one.filename for one in pages] == list(dict.fromkeys(paths))


@given(ids)
def test_each_iteration_begins_anew(listed):
    pages = Server(listed).pages()
    assert [one.id for one in pages] == [one.id for one in pages] == [str(n) for n in listed]
