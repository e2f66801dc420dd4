"""The forms in which an md5 comes, and those that are none."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.flow.fields import parse_md5
from flowtui.flow.models import Data
from flowtui.flow.refs import Ref, RefKind
from flowtui.flow.walk.walk import LeftOut, Walk

HEX = "d41d8cd98f00b204e9800998ecf8427e"
CODED = base64.b64encode(bytes.fromhex(HEX)).decode()


@pytest.mark.parametrize(
    "given",
    [HEX, HEX.upper(), f" {HEX}\n", f"md5:{HEX}", f"MD5={HEX.upper()}", f"md5: {HEX}", f"md5-{HEX}",
     f'"{HEX}"', CODED, f"md5:{CODED}", f"{HEX}  reads_R1.fastq.gz", f"{HEX} *a b.bam\n",
     f"\\{HEX}  back\\\\slash", f"MD5 (reads (1).bam) = {HEX}"],
)  # fmt: skip
def test_what_is_an_md5(given: str) -> None:
    assert parse_md5(given) == HEX


@pytest.mark.parametrize(
    "given",
    [None, "", 7, HEX[:-1], HEX + "0", "sha256:" + HEX, "z" * 32, CODED[:-1], "A" * 24, HEX * 200,
     f"sha1:{HEX}  x"],
)  # fmt: skip
def test_what_is_none(given: object) -> None:
    assert parse_md5(given) is None


@given(st.binary())
def test_every_digest_is_read_in_hex_and_base64(content: bytes) -> None:
    digest = hashlib.md5(content)
    coded = base64.b64encode(digest.digest()).decode()
    assert parse_md5(coded) == parse_md5(digest.hexdigest()) == digest.hexdigest()


@given(st.text())
def test_any_text_is_an_md5_or_none(text: str) -> None:
    found = parse_md5(text)
    assert found is None or len(found) == 32


@pytest.mark.parametrize("given", ["sha256:abc", 12, "\x1b[31m" + HEX + "0"])
def test_one_that_cannot_be_read_is_kept_to_be_told(flow, given: object) -> None:
    record = {"id": "1", "filename": "x.gz", "size": 3, "md5": given}
    assert Data.read(record).unreadable_md5
    flow.answers["/data/1"] = record
    said: list[LeftOut] = []
    with Walk(flow.client(), warned=said.append) as walk:
        (file,) = walk.files(Ref(RefKind.DATA, "1"))
    assert file.md5 is None
    assert [what.name for what in said] == ["x.gz"]
    assert said[0].why.isprintable()
    assert "cannot read its md5" in said[0].why


def test_no_md5_is_nothing_to_tell(flow) -> None:
    flow.answers["/data/1"] = {"id": "1", "filename": "x.gz", "size": 3, "md5": None}
    said: list[LeftOut] = []
    with Walk(flow.client(), warned=said.append) as walk:
        assert len(list(walk.files(Ref(RefKind.DATA, "1")))) == 1
    assert said == []
