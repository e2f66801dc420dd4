"""Says which package that is shipped with flowtui has a licence that is not on the list below.

What counts is what `pip install flowtui[demo,socks]` brings, by the metadata of what is installed
here; nothing is asked of the network.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageMetadata, distribution

from packaging.requirements import Requirement

ALLOWED = re.compile(
    r"0BSD|Apache|BSD|ISC|MIT|Mozilla Public License 2\.0|MPL-2\.0|PSF-2\.0|Python Software"
)
"""Licences that let anybody use and pass on what is built on them."""


def needed(name: str, extras: frozenset[str], found: dict[str, PackageMetadata]) -> None:
    """Add the metadata of all that a package needs here. Raises PackageNotFoundError."""
    for text in distribution(name).requires or ():
        wanted = Requirement(text)
        marker = wanted.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            continue
        key = wanted.name.lower().replace("_", "-")
        if key not in found:
            found[key] = distribution(wanted.name).metadata
            needed(wanted.name, frozenset(wanted.extras), found)


def licence_of(metadata: PackageMetadata) -> str:
    """What a package says of its licence, in the order in which it can be relied on."""
    named = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or ()
             if line.startswith("License :: ")]  # fmt: skip
    said = metadata.get("License-Expression") or ", ".join(named) or metadata.get("License") or ""
    return str(said).strip().splitlines()[0] if said else "no licence that is told"


def main() -> None:
    """Exit with 1 where a licence is not allowed."""
    found: dict[str, PackageMetadata] = {}
    needed("flowtui", frozenset({"demo", "socks"}), found)
    wrong = {
        name: said
        for name, metadata in sorted(found.items())
        if not ALLOWED.search(said := licence_of(metadata))
    }
    for name, said in wrong.items():
        print(f"{name}: {said}", file=sys.stderr)
    print(f"{len(found)} packages shipped, {len(wrong)} with a licence that is not allowed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
