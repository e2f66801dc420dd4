"""The cases: what is fetched over which path, who fetches it, and which ratios are the goals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import peers
from peers import Peer
from servers import Farm
from stub import Served

GIB = 1 << 30


@dataclass(frozen=True)
class Case:
    """A comparison.

    Attributes:
        make: makes the files of its sample; `base`: the URL at which they are to be had.
        goals: name of a peer → flowtui's time over its time, at most.
    """

    letter: str
    title: str
    make: Callable[[Farm, str], list[Served]]
    peers: tuple[Peer, ...]
    goals: dict[str, float] = field(default_factory=dict)
    base: Callable[[Farm], str] = lambda farm: farm.url

    @property
    def sample(self) -> str:
        """The sample that holds its files."""
        return self.letter.lower()


_MANY_NEAR = {"aria2c": 0.5, "aria2c, no md5": 0.6, "curl -Z && md5sum": 3.0}
_MANY_FAR = {"aria2c": 0.35, "curl -Z": 1.3}

_PLAIN = (
    Case(
        "A",
        "one 2 GiB file with md5, local, to disk",
        lambda farm, sample: farm.put(sample, 1, 2 * GIB),
        (peers.flowtui, peers.md5sum, peers.curl_and_md5sum, peers.aria2c_md5,
         peers.aria2c_md5_quick_disk),
        {"md5sum": 1.25, "curl && md5sum": 0.65, "aria2c": 0.25},
    ),
    Case(
        "B",
        "one 1 GiB file, 8 MiB/s per connection",
        lambda farm, sample: farm.put(sample, 1, GIB, limited=True),
        (peers.flowtui, peers.aria2c, peers.curl),
        {"aria2c": 1.05, "curl": 0.08},
    ),
    Case(
        "C",
        "2,000 files of 64 KiB, local",
        lambda farm, sample: farm.put(sample, 2000, 64 << 10),
        (peers.flowtui, peers.aria2c_many, peers.aria2c_many_md5, peers.curl_many,
         peers.curl_many_md5),
        _MANY_NEAR,
    ),
    Case(
        "D",
        "2,000 files of 64 KiB, 50 ms round trip",
        lambda farm, sample: farm.put(sample, 2000, 64 << 10),
        (peers.flowtui, peers.aria2c_many_md5, peers.curl_many),
        _MANY_FAR,
        lambda farm: farm.behind(0.05, 1 << 20),
    ),
    Case(
        "E",
        "one 1 GiB file, 80 ms round trip, window of 800 kB",
        lambda farm, sample: farm.put(sample, 1, GIB),
        (peers.flowtui, peers.aria2c, peers.curl),
        {"aria2c": 1.05, "curl": 0.08},
        lambda farm: farm.behind(0.08, 800_000),
    ),
)  # fmt: skip

_OVER_TLS: dict[str, tuple[dict[str, float], Callable[[Farm], str]]] = {
    "A": ({"curl && md5sum": 0.9, "aria2c": 0.5}, lambda farm: farm.tls_url),
    "B": ({"aria2c": 1.02}, lambda farm: farm.tls_url),
    "C": (_MANY_NEAR, lambda farm: farm.tls_url),
    "D": (_MANY_FAR, lambda farm: farm.behind(0.05, 1 << 20, tls=True)),
    "E": ({"aria2c": 0.65}, lambda farm: farm.behind(0.08, 800_000, tls=True)),
}
"""Letter of a case → its goals over TLS, and where that is to be had."""


def _over_tls(case: Case) -> Case:
    goals, base = _OVER_TLS[case.letter]
    return replace(
        case, letter=f"{case.letter}T", title=f"{case.title}, over TLS", goals=goals, base=base
    )


CASES = (*_PLAIN, *(_over_tls(case) for case in _PLAIN))
