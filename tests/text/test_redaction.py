"""What is taken out of texts, in three strengths, and what must stay."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from flowtui.text.printable import printable
from flowtui.text.redaction import (
    MOST_KNOWN,
    REMOVED,
    forget_known,
    has_secret_query,
    know,
    without_known,
    without_known_in,
    without_secrets,
    without_tokens,
)

OPAQUE = "k3y+of/Alice=2027"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjMifQ.c2lnbmF0dXJl"
PRINT = "5f2e8a91c4d75f2e8a91c4d7"


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    forget_known()
    yield
    forget_known()


@pytest.mark.parametrize(
    "text",
    [
        JWT,
        f"a name {JWT[:40]}",
        f"Bearer {PRINT}",
        f"x?X-Amz-Credential=a&X-Amz-Signature={PRINT}",
        f"https://a.example/b?sig={PRINT}&sv=1",
        f"https://a.example/b?access_token={PRINT}#x",
        f"https://a.example/b?Policy=x&Signature={PRINT}&Key-Pair-Id=K",
        f"https://a.example/b?X-Goog-Signature={PRINT}",
        f"https://alice:{PRINT}@a.example/b",
        f"Basic {PRINT}==",
        f"glpat-{PRINT}",
    ],
)
def test_what_can_be_nothing_else_is_shown_nowhere(text: str) -> None:
    shown = printable(text)
    assert REMOVED in shown
    assert PRINT not in shown
    assert JWT[20:40] not in shown
    assert without_tokens(shown) == shown
    assert without_secrets(text) == without_secrets(shown)


@pytest.mark.parametrize(
    "name",
    [
        "token=abc.txt", "sig=0.05.tsv", "Basic Statistics.html", "bearer of bad news.txt",
        "password_hashes.csv", "eyJ.txt", "fdr&sig.tsv", "samples/34?tab=data", "a@b.bam",
        "secret screen_of_2000_guides.csv", "ASIA_POPULATIONS.vcf", "token: abcdefghijkl.txt",
    ],
)  # fmt: skip
def test_a_name_that_merely_looks_like_it_is_shown_as_it_is(name: str) -> None:
    assert printable(name) == name
    assert without_known(name) == name


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {PRINT}", f"Proxy-Authorization: Basic {PRINT}",
        f'{{"access_token": "{PRINT}"}}', f"password={PRINT}", f"secret {PRINT}",
        f"sig={PRINT}", f"Set-Cookie: flow_refresh_token={PRINT}; HttpOnly",
        f"passphrase: '{PRINT} with blanks {PRINT}'",
    ],
)  # fmt: skip
def test_messages_lose_what_is_called_a_secret_too(text: str) -> None:
    assert PRINT not in without_secrets(text)
    assert REMOVED in without_secrets(text)


@pytest.mark.parametrize("form", [OPAQUE, OPAQUE.lower(), "k3y%2Bof%2FAlice%3D2027"])
def test_a_token_of_this_process_is_in_no_name(form: str) -> None:
    know(OPAQUE)
    assert without_known(f"liver_{form}.bam") == f"liver_{REMOVED}.bam"
    assert printable(f"liver {form}") == f"liver {REMOVED}"


def test_a_password_is_in_no_message_and_may_be_in_a_name() -> None:
    know("cortex2027", in_names=False)
    assert printable("cortex2027.bam") == "cortex2027.bam"
    assert without_secrets("no user of cortex2027") == f"no user of {REMOVED}"


def test_a_short_word_is_no_token_and_old_tokens_are_forgotten() -> None:
    know("abc")
    assert without_known("abc") == "abc"
    know("first-token")
    for number in range(MOST_KNOWN):
        know(f"token-number-{number:03}")
    assert without_known("first-token token-number-000") == f"first-token {REMOVED}"


@pytest.mark.parametrize("escape", [False, True])
def test_answers_lose_it_however_it_is_written_and_links_stay(escape: bool) -> None:
    know(OPAQUE)
    body = {"name": f"x {OPAQUE}", OPAQUE: [OPAQUE], "n": 3, "download_url": f"/x?t={OPAQUE}"}
    content = json.dumps(body).encode()
    if escape:
        content = content.replace(b"k3y", b"\\u006b\\u0033y")
    assert without_known_in(json.loads(content), content) == {
        "name": f"x {REMOVED}", REMOVED: [REMOVED], "n": 3, "download_url": f"/x?t={OPAQUE}",
    }  # fmt: skip


def test_which_links_let_in_whoever_has_them() -> None:
    assert has_secret_query("https://s3.example/x?X-Amz-Signature=abc")
    assert has_secret_query("/downloads/1/x?token=abc")
    assert not has_secret_query("/downloads/1/x?download=1")


def test_a_megabyte_takes_one_pass() -> None:
    text = "token- secret=x " * 70_000 + "token=" + PRINT
    assert PRINT not in without_secrets(text)
