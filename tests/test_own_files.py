"""Files of our own that others or accidents have changed: words, never a crash or a hang."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from flowtui.config import MOST_SETTINGS, ConfigError, Folders, load_settings, save_settings
from flowtui.daemon.errors import EngineError
from flowtui.daemon.launcher import start_detached
from flowtui.daemon.log import EngineLog, LogTrouble
from flowtui.daemon.pidfile import EngineAddress, read_address
from flowtui.flow.http.certificates import BadCertificateFile, tls_context
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.flow.session.credentials import Credential, CredentialSource, SaveError
from flowtui.system import locks
from flowtui.system.files import UnfitFile
from support.odd_files import IRREGULAR, ODD, put

SERVER = "https://flow.example.org"


@pytest.fixture
def where(tmp_path: Path) -> Folders:
    state = tmp_path / "state" / "host"
    state.mkdir(parents=True, mode=0o700)
    return Folders(config=tmp_path / "config", state=state, runtime=tmp_path / "run")


@pytest.mark.parametrize("kind", sorted(ODD.keys() - {"nothing"}))
@pytest.mark.parametrize("act", [load_settings, lambda where: save_settings({"jobs": 2}, where)])
def test_settings_that_are_none_are_refused_with_their_name(
    act: Callable[[Folders], object], kind: str, where: Folders
) -> None:
    file = put(kind, where.settings_file)
    with pytest.raises(ConfigError) as caught:
        act(where)
    assert str(file) in str(caught.value)
    assert "move it away" in str(caught.value)
    assert len(str(caught.value)) < 400


ODD_SETTINGS = {
    "brackets": "jobs = " + "[" * 5_000,
    "dotted name": "jobs" + ".a" * 1_000 + " = 1",
    "dotted table": "[" + "a." * 1_000 + "a]",
    "deep user names": "usernames = {" + "a." * 300 + "a = 1}",
    "a long number": "jobs = " + "9" * 5_000,
    "text for a number": "jobs = '" + "x" * 10_000 + "'",
    "no choice": "link = '" + "x" * 10_000 + "'",
    "infinity": "connect_timeout = inf",
    "too long": "x = '" + "x" * MOST_SETTINGS + "'",
}


@pytest.mark.parametrize("what", ODD_SETTINGS)
def test_settings_of_odd_values_are_refused_in_few_words(what: str, where: Folders) -> None:
    put("nothing", where.settings_file).write_text(ODD_SETTINGS[what])
    with pytest.raises(ConfigError) as caught:
        load_settings(where)
    assert str(where.settings_file) in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("kind", ODD)
def test_credentials_that_are_none_are_refused_with_their_name(kind: str, where: Folders) -> None:
    file = put(kind, where.config / "credentials.json")
    store = CredentialStore(where.config, {})
    with pytest.raises(SaveError) as caught:
        store.find(SERVER, None)
    assert f"{file}: it" in str(caught.value)
    assert "move it away" in str(caught.value)
    with pytest.raises(SaveError):
        store.keep(SERVER, Credential("T", None, "a"), CredentialSource.FILE)
    assert any("move it away" in words for words in store.forget(SERVER, None))


@pytest.mark.parametrize(
    "kind",
    sorted(ODD.keys() - {"nothing", "an infinite number", "a huge number"}),  # these may be tokens
)
def test_a_token_file_that_is_none_is_refused_with_its_name(
    kind: str, where: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(kind, tmp_path / "token")
    monkeypatch.setenv("FLOW_TOKEN_FILE", str(file))
    with pytest.raises(SaveError, match=str(file)):
        CredentialStore(where.config, {}).find(SERVER, None)


@pytest.mark.parametrize("kind", ODD)
def test_a_lock_that_says_nothing_names_no_engine(kind: str, where: Folders) -> None:
    put(kind, where.engine_lock)
    assert read_address(where.engine_lock) == EngineAddress()


@pytest.mark.parametrize(
    "text", ["0\n", "-1\n", f"{1 << 70}\n", "4711\n/run/\0/x\n", "4711\nx\n"], ids=repr
)
def test_a_lock_of_odd_values_names_nothing_to_kill_or_to_connect_to(
    text: str, where: Folders
) -> None:
    put("nothing", where.engine_lock).write_text(text)
    address = read_address(where.engine_lock)
    assert address.socket is None
    assert address.pid in (None, 4711)


@pytest.mark.parametrize("kind", IRREGULAR)
def test_a_lock_that_is_no_file_is_told_before_an_engine_starts(kind: str, where: Folders) -> None:
    put(kind, where.engine_lock)
    with pytest.raises(EngineError, match="not a regular file; move it away") as caught:
        start_detached(where)
    assert str(where.engine_lock) in str(caught.value)
    with pytest.raises(UnfitFile):
        locks.is_held(where.engine_lock)


ODD_HOLDERS = {
    "brackets": "[" * 4_000,
    "infinity": '{"boot": "x", "pid": Infinity}',
    "no number": '{"boot": "x", "pid": NaN}',
    "other kinds": '{"boot": [], "pid": {}}',
    "a list": "[]",
    "a number": "7",
    "NULs": "\0" * 100,
}


@pytest.mark.parametrize("what", ODD_HOLDERS)
def test_a_lock_beside_a_file_that_makes_no_sense_is_somebody_s(what: str, tmp_path: Path) -> None:
    (tmp_path / "x.lock").write_text(ODD_HOLDERS[what])
    with pytest.raises(locks.Held, match="if that is wrong, remove"):
        locks._lock_beside(tmp_path / "x.lock", None)


@pytest.mark.parametrize("kind", [*IRREGULAR, "a gigabyte"])
def test_a_lock_beside_a_file_that_is_none_is_told(kind: str, tmp_path: Path) -> None:
    put(kind, tmp_path / "x.lock")
    with pytest.raises(UnfitFile, match="move it away"):
        locks._lock_beside(tmp_path / "x.lock", None)


@pytest.mark.parametrize("kind", IRREGULAR)
def test_an_engine_log_that_is_no_file_is_told_and_not_waited_for(
    kind: str, where: Folders
) -> None:
    file = put(kind, where.engine_log)
    trouble = LogTrouble()
    log = EngineLog(file, trouble)
    log.emit(logging.makeLogRecord({"msg": "hello"}))
    assert trouble.words.startswith(f"cannot write {file}: it is ")
    file.rmdir() if file.is_dir() else file.unlink()
    log.emit(logging.makeLogRecord({"msg": "hello"}))
    log.close()
    assert trouble.words == ""
    assert "hello" in file.read_text()


@pytest.mark.parametrize("kind", [*IRREGULAR, "a gigabyte"])
def test_a_file_of_certificates_that_is_none_is_refused_with_its_name(
    kind: str, tmp_path: Path
) -> None:
    file = put(kind, tmp_path / "ca.pem")
    with pytest.raises(BadCertificateFile, match=f"cannot use the CA file {file}: it "):
        tls_context(str(file))
