"""Search on Flow: by what is asked for, where the server can; else by a walk over what is there.

The live service has `/samples/search`, `/data/search`, `/executions/search` and `/projects/search`
and passes over parameters that it does not know (docs/flow-api.md, Search). So what comes is looked
at once more here, and what it does not tell is said.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowtui.flow.errors import FAILING, SKIPPABLE, FlowError, NotFound, NotOffered, Refused
from flowtui.flow.models import Sample
from flowtui.flow.pages import PAGE_SIZE, Page, Pages
from flowtui.flow.search.criteria import (
    MODELS,
    Criteria,
    FoundRecord,
    Judgement,
    Kind,
    Words,
    judge,
)
from flowtui.flow.search.search_notices import (
    Lacking,
    LeftOut,
    Notify,
    Unchecked,
    Unreadable,
    Waiting,
    Walking,
    tell_nobody,
)
from flowtui.flow.search.search_walk import SearchWalk
from flowtui.flow.search.vocabulary import Term, attribute, chosen
from flowtui.flow.walk.lookahead import Lookahead
from flowtui.flow.walk.parts import in_order

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

MOST_DETAILS = 1000
"""Samples of one search whose own records are asked for, for metadata that no list tells."""


def words_of(client: FlowClient, kind: Kind, wanted: Criteria) -> Words:
    """The server's words for what is asked for. Raises FlowError; BadReference where it has none.

    A file's type may also be its ending, which no list tells.
    """
    types: tuple[Term, ...] = ()
    if wanted.type and kind is Kind.SAMPLES:
        types = chosen(client.vocabulary("/samples/types"), wanted.type, "sample type")
    elif wanted.type and kind is Kind.DATA:
        types = tuple(t for t in client.vocabulary("/data/types") if t.is_called(wanted.type))
    organisms: tuple[Term, ...] = ()
    meta: tuple[tuple[Term, str], ...] = ()
    if wanted.organism:
        organisms = chosen(client.vocabulary("/organisms"), wanted.organism, "organism")
    if wanted.meta:
        known = client.vocabulary("/samples/metadata")
        meta = tuple((attribute(known, key), value) for key, value in wanted.meta)
    return Words(types, organisms, meta, _my_names(client) if wanted.mine else frozenset())


def _my_names(client: FlowClient) -> frozenset[str]:
    """Raises NotSignedIn; none where the server or this token has no `/me`."""
    if client.account.credential is None:
        try:
            client.account.me()
        except (NotFound, NotOffered, Refused):
            return frozenset()
    return client.account.names()


def parameters(kind: Kind, wanted: Criteria, words: Words) -> dict[str, str]:
    """The query of a search. Times go as Unix seconds: an ISO date is a 500 on the live service."""
    text = wanted.name or max(wanted.words, key=len, default="")
    query: dict[str, str] = {}
    if kind is Kind.SAMPLES:
        # First: an attribute may be called as one of the others.
        query |= {term.id: value for term, value in words.meta}
        query |= {"sample_types": _ids(words.types) or wanted.type, "full_metadata": "true"}
        query |= {"organism": _ids(words.organisms) or wanted.organism}
    elif kind is Kind.DATA:
        query |= {
            "filename": text,  # the documentation has both names for it
            "pipeline": wanted.pipeline,
            "size_gt": "" if wanted.larger is None else str(wanted.larger),
            "uploaded": "true" if wanted.uploaded else "",
        }
        if words.types:
            query["data_types"] = _ids(words.types)
        elif wanted.type:
            query["pattern"] = rf"\.{re.escape(wanted.type.lstrip('.'))}(\.|$)"
    elif kind is Kind.EXECUTIONS:
        query |= {"pipeline": wanted.pipeline, "organism": _ids(words.organisms) or wanted.organism}
    query |= {
        "name": text,
        "owner": wanted.owner,
        "owned": "true" if wanted.mine else "",
        "created_gt": str(int(wanted.since.timestamp()) - 1) if wanted.since else "",
    }
    return {name: value for name, value in query.items() if value}


def _ids(found: tuple[Term, ...]) -> str:
    return ",".join(term.id for term in found)


class Search:
    """One search for one kind; iterate it for what fits, as it is found.

    Iterating raises FlowError where the server as a whole, or the search, cannot be had;
    BadReference for a type, an organism or an attribute that there is not. What costs only a part
    is told, and the rest comes.

    Attributes:
        counted: how many there are as the server counts them, once the first has come; or None.
        passed_over: how many came that did not fit.
        owners: owners' names, where nothing else speaks against what they own.
    """

    def __init__(
        self, client: FlowClient, kind: Kind, wanted: Criteria, notify: Notify = tell_nobody
    ) -> None:
        """`notify` is told of all that the search cannot do; also from other threads."""
        self.kind = kind
        self.counted: int | None = None
        self.passed_over = 0
        self.owners: set[str] = set()
        self._wanted = wanted
        self._notify = notify
        self._untold: Counter[str] = Counter()
        self._details = itertools.count()
        self._lists, self._parts = Lookahead(), Lookahead()
        lists = client.walking(self._waiting, self._lists.map)
        self._client, self._wait = lists[0], lists[1].wait
        self._searching = client.walking(self._waiting, self._each_page)[0]
        self._lost_pages = 0

    def close(self) -> None:
        """Ask for nothing more."""
        self._lists.close()
        self._parts.close()

    def __iter__(self) -> Iterator[FoundRecord]:
        words = words_of(self._client, self.kind, self._wanted)
        with closing(self):
            for record, judgement in self._judged(words):
                if judgement.fits:
                    self._untold.update(judgement.untold)
                    yield record
                    continue
                self.passed_over += 1
                if judgement.against == {"owner"} and record.owner_name:
                    self.owners.add(record.owner_name)
            if self._untold:
                self._notify(Unchecked(self.kind, dict(self._untold)))

    # What comes

    def _judged(self, words: Words) -> Iterator[tuple[FoundRecord, Judgement]]:
        if self.kind is Kind.PROJECTS and self._wanted.mine:
            yield from self._walked(words)  # the search knows no `owned`
            return
        query = parameters(self.kind, self._wanted, words)
        path, model = f"/{self.kind}/search", MODELS[self.kind]
        pages: Pages[Any] = self._searching.searched(path, str(self.kind), model, query)
        found = iter(pages)
        try:
            first = next(found, None)
        except (NotFound, NotOffered, Refused) as error:
            self._notify(Walking(error, mine=self._wanted.mine))
            yield from self._walked(words)
            return
        self.counted = pages.total
        records = found if first is None else itertools.chain([first], found)
        yield from self._with_details(records, words)
        self._tell_lacking(pages)

    def _walked(self, words: Words) -> Iterator[tuple[FoundRecord, Judgement]]:
        walk = SearchWalk(self._client, self.kind, self._notify, mine=self._wanted.mine)
        records = walk.records(self._parts, self._wait)
        for record, judgement in self._with_details(records, words, walked=True):
            # What is in one's own lists and projects is one's own where it does not say otherwise.
            untold = judgement.untold - ({"owner"} if self._wanted.mine else set())
            yield record, Judgement(untold, judgement.against)

    def _with_details(
        self, records: Iterable[FoundRecord], words: Words, *, walked: bool = False
    ) -> Iterator[tuple[FoundRecord, Judgement]]:
        """Each record judged; a sample by its own record where lists lack its metadata."""

        def judged(record: FoundRecord) -> tuple[FoundRecord, Judgement]:
            # A project's list has all metadata, or none; a search may have a part of it.
            is_whole = walked and isinstance(record, Sample) and bool(record.metadata)
            judgement = judge(record, self._wanted, words, is_whole=is_whole)
            if not judgement.fits or "metadata" not in judgement.untold:
                return record, judgement
            if next(self._details) >= MOST_DETAILS:
                return record, judgement
            try:
                sample = self._client.sample(record.id or "")
            except (*SKIPPABLE, *FAILING):
                return record, judgement  # told, as what could not be checked
            detail = judge(sample, self._wanted, Words(meta=words.meta), is_whole=True)
            if "metadata" in detail.against:
                return record, detail
            return record, Judgement(judgement.untold - {"metadata"})

        if self.kind is Kind.SAMPLES and self._wanted.meta:
            yield from self._lists.map(judged, records)
        else:
            yield from map(judged, records)

    # What does not come

    def _each_page(
        self, fetch: Callable[[int], Page[Any]], numbers: Iterable[int]
    ) -> Iterator[Page[Any]]:
        """The pages of the search after the first; one that cannot be had is left out and told."""
        for page, answer in in_order(
            (_NumberedPage(number, fetch) for number in numbers), self._parts, self._wait
        ):
            if not isinstance(answer, FlowError):
                yield answer
            elif isinstance(answer, (*SKIPPABLE, *FAILING)):
                first = (page.number - 1) * PAGE_SIZE + 1
                name = f"{self.kind} {first:,} to {first + PAGE_SIZE - 1:,} of the search"
                self._notify(LeftOut(name, answer))
                self._lost_pages += 1
                yield Page((), page.number, None, received=PAGE_SIZE)
            else:
                raise answer

    def _tell_lacking(self, pages: Pages[Any]) -> None:
        unreadable = pages.unreadable - self._lost_pages * PAGE_SIZE
        if unreadable > 0:
            self._notify(Unreadable(self.kind, "", unreadable))
        if pages.lacking and not self._lost_pages:
            self._notify(Lacking(self.kind, pages.lacking))

    def _waiting(self, why: str, seconds: float) -> None:
        self._notify(Waiting(why, seconds))


@dataclass(frozen=True)
class _NumberedPage:
    number: int
    fetch: Callable[[int], Page[Any]]

    def answer(self) -> Page[Any] | FlowError:
        """The page, or why it cannot be had."""
        try:
            return self.fetch(self.number)
        except FlowError as error:
            return error
