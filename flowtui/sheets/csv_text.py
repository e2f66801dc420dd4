"""Rows as CSV (RFC 4180), with the line ends of Unix."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str]], *, quotes_all: bool) -> str:
    """The whole text; `quotes_all` has every value in quotes, else those that need them."""
    text = io.StringIO()
    writer = csv.writer(
        text,
        quoting=csv.QUOTE_ALL if quotes_all else csv.QUOTE_MINIMAL,
        lineterminator="\n",
    )
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
