"""What commands print: no token, whatever the terminal can show."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest

from flowtui.cli.output import Output
from flowtui.text.redaction import forget_known, know

TOKEN = "opaque-token-99"


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    know(TOKEN)
    yield
    forget_known()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_no_token_comes_out_in_any_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that has to be escaped is written another way: without the token, too."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stderr", stream)
    Output().say(f"cannot read 肝臓.bam with {TOKEN}")
    stream.seek(0)
    said = stream.read()
    assert TOKEN not in said and "cannot read" in said
    assert ("肝臓" in said) == (encoding == "utf-8")
