"""Crash reports: no secrets, no values, not too many, only for this user."""

import stat
from pathlib import Path

import pytest

from flowtui.config import Folders
from flowtui.crash_report import KEPT, describe, scrub, write_report

TOKEN = "tok-5f2e8a91c4d7"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjMifQ.c2lnbmF0dXJl"


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "config", tmp_path / "state", tmp_path / "run")


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {TOKEN}",
        f"{{'access_token': '{TOKEN}', 'x': 1}}",
        f'{{"refresh_token":"{TOKEN}"}}',
        f"password={TOKEN}",
        f"https://alice:{TOKEN}@example.org/api",
        f"https://s3.example.org/x?X-Amz-Signature={TOKEN}&y=1",
        f"https://s3.example.org/x?a=1&sig={TOKEN}",
        f"Set-Cookie: flow_refresh_token={TOKEN}; HttpOnly",
        f"bad answer {JWT}",
    ],
)
def test_what_looks_like_a_secret_is_removed(text: str) -> None:
    cleaned = scrub(text)
    assert TOKEN not in cleaned
    assert JWT not in cleaned
    assert "[removed]" in cleaned


def test_values_of_token_variables_are_removed_wherever_they_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLOW_ACCESS_TOKEN", "plainlooking words")
    assert "plainlooking" not in scrub("a text with plainlooking words in it")


def test_given_secrets_are_removed_and_escapes_made_visible() -> None:
    assert scrub("x hunter2 \x1b[31m", ["hunter2"]) == "x [removed] \ufffd[31m"


def test_a_report_names_the_code_but_no_values(folders: Folders) -> None:
    def inner() -> None:
        private = "value-of-a-local"
        raise RuntimeError("it broke") from ValueError(len(private))

    with pytest.raises(RuntimeError) as caught:
        inner()
    file = write_report(caught.value, folders)
    text = file.read_text()
    assert file.parent == folders.state / "crashes"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "it broke" in text
    assert "in inner" in text
    assert "ValueError: 16" in text


def test_locals_are_not_in_the_description() -> None:
    try:
        secret_value = "s" + "3cr3t-local"
        raise RuntimeError(len(secret_value))
    except RuntimeError as error:
        assert "s3cr3t-local" not in describe(error)


def test_old_reports_go(folders: Folders) -> None:
    place = folders.state / "crashes"
    place.mkdir(parents=True, mode=0o700)
    for number in range(KEPT + 5):
        (place / f"crash-20200101-{number:06d}-1.txt").write_text("old")
    file = write_report(RuntimeError("new"), folders)
    kept = sorted(place.iterdir())
    assert len(kept) == KEPT
    assert file in kept
