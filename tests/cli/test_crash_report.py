"""Crash reports: no secrets, no values, not too many, only for this user."""

import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtui.cli.main import watch_threads
from flowtui.config import Folders
from flowtui.crash_report import KEPT, describe, scrub, write_report
from flowtui.flow.session.credentials import Credential
from flowtui.text.redaction import forget_known, know

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


@pytest.fixture
def secrets() -> Iterator[list[str]]:
    """A token, a password and a signature as this process has met them."""
    Credential("opaque/token+9", "refresh-token-8")
    know("cortex2027", in_names=False)
    yield ["opaque/token+9", "opaque%2Ftoken%2B9", "refresh-token-8", "cortex2027", "5160ed5160ed"]
    forget_known()


def test_what_an_error_says_of_this_process_is_in_no_report(
    folders: Folders, secrets: list[str]
) -> None:
    words = f"{secrets[:-1]}: not found: https://s3.example/x?X-Amz-Signature=5160ed5160ed&y=1"
    try:
        try:
            raise ValueError(words)
        except ValueError as cause:
            raise RuntimeError(words) from cause
    except RuntimeError as error:
        text = write_report(error, folders).read_text()
    assert "not found" in text
    assert [secret for secret in secrets if secret in text] == []


def test_what_fails_in_a_thread_is_reported_without_its_words(
    secrets: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # to be put back
    watch_threads()

    def fail() -> None:
        raise RuntimeError(f"it broke with {secrets[:-1]}")

    thread = threading.Thread(target=fail, name="worker-3")
    thread.start()
    thread.join()
    said = capsys.readouterr().err
    (report,) = tmp_path.glob("state/*/crashes/crash-*.txt")
    assert "unexpected error: RuntimeError: it broke with" in said and str(report) in said
    assert "it broke" in report.read_text()
    assert [secret for secret in secrets if secret in said + report.read_text()] == []
