"""Where tokens are looked for and kept, with and without a keyring."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.errors
import pytest

from flowtui.flow.session import credential_file, keyring_access
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.flow.session.credentials import Credential, CredentialSource, SaveError
from support.waiting import GUARD

FLOW = "https://api.flow.bio"
OTHER = "https://flow.example:8443/api"


class MemoryKeyring(keyring.backend.KeyringBackend):
    priority = 5

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.trouble: BaseException | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.trouble:
            raise self.trouble
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.trouble:
            raise self.trouble
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise keyring.errors.PasswordDeleteError("none")
        del self.kept[service, username]


@pytest.fixture
def ring() -> MemoryKeyring:
    made = MemoryKeyring()
    keyring.set_keyring(made)
    return made


@pytest.fixture
def store(tmp_path: Path) -> CredentialStore:
    return CredentialStore(tmp_path / "config")


def test_the_order(ring, store, monkeypatch, tmp_path) -> None:
    default = Path(os.environ["HOME"]) / ".config" / "flow" / "api-token"
    default.parent.mkdir(parents=True)
    default.write_text("DEFAULT\n")
    given = tmp_path / "token"
    given.write_text(" GIVEN \n")
    assert store.find(FLOW, "alice") == Credential(
        "DEFAULT", source=CredentialSource.TOKEN_FILE, detail=str(default)
    )
    steps = [("FLOW_TOKEN_FILE", str(given), "GIVEN"), ("FLOW_API_TOKEN", "API", "API"),
             ("FLOW_ACCESS_TOKEN", "ACCESS", "ACCESS")]  # fmt: skip
    for name, value, token in steps:
        monkeypatch.setenv(name, value)
        found = store.find(FLOW, "alice")
        assert found is not None
        assert found.token == token
    assert found.detail == "FLOW_ACCESS_TOKEN"
    ring.kept["flow-api", "alice"] = "RING"  # as the guide writes it: the bare token
    assert store.find(FLOW, "alice") == Credential("RING", None, "alice", CredentialSource.KEYRING)


def test_nothing_anywhere(store) -> None:
    assert store.find(FLOW, "alice") is None
    assert store.find(FLOW, None) is None


def test_the_keyring_keeps_both_tokens_and_forgets_them(ring, store) -> None:
    kept = store.keep(FLOW, Credential("T", "R", "alice"), CredentialSource.KEYRING)
    assert ring.kept == {("flow-api", "alice"): "T", ("flow-api", "alice#refresh"): "R"}
    assert store.find("https://app.flow.bio/api", "alice") == kept
    assert store.forget(FLOW, "alice") == ["removed alice from the keyring"]
    assert ring.kept == {}
    assert store.forget(FLOW, "alice") == []


def test_an_api_key_does_not_inherit_a_refresh_token(ring, store) -> None:
    store.keep(FLOW, Credential("T", "R", "alice"), CredentialSource.KEYRING)
    store.keep(FLOW, Credential("KEY", None, "alice"), CredentialSource.KEYRING)
    found = store.find(FLOW, "alice")
    assert found is not None
    assert found.refresh_token is None


def test_a_token_is_for_one_server(ring, store) -> None:
    store.keep(OTHER, Credential("T", None, "alice"), CredentialSource.KEYRING)
    assert ("flow-api", "alice@flow.example:8443") in ring.kept
    assert store.find(FLOW, "alice") is None
    assert store.find("https://flow.example/api", "alice") is None
    # Not even where a user name at Flow looks like a name and a server.
    assert store.find(FLOW, "alice@flow.example:8443") is None


@pytest.mark.parametrize("first", [CredentialSource.KEYRING, CredentialSource.FILE])
def test_what_was_kept_last_is_found(ring, store, first) -> None:
    second = (
        CredentialSource.FILE if first is CredentialSource.KEYRING else CredentialSource.KEYRING
    )
    store.keep(FLOW, Credential("OLD", "R", "alice"), first)
    kept = store.keep(FLOW, Credential("NEW", "R2", "alice"), second)
    assert store.find(FLOW, "alice") == kept


def test_the_file_is_private_from_the_first_byte(store, tmp_path, monkeypatch) -> None:
    before = os.umask(0)
    modes = []
    real = os.fdopen
    folder = tmp_path / "config"

    def fdopen(*how, **more):
        modes.extend(stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir())
        return real(*how, **more)

    monkeypatch.setattr(os, "fdopen", fdopen)
    try:
        kept = store.keep(OTHER, Credential("T", "R", "alice"), CredentialSource.FILE)
    finally:
        os.umask(before)
    assert modes == [0o600]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [one.name for one in folder.iterdir()] == ["credentials.json"]
    assert stat.S_IMODE((folder / "credentials.json").stat().st_mode) == 0o600
    assert store.find(OTHER, "alice") == store.find(OTHER + "/", None) == kept
    assert store.find(OTHER, "bob") is None
    assert store.find(FLOW, "alice") is None


def test_a_write_that_fails_leaves_the_old_file(store, tmp_path, monkeypatch) -> None:
    store.keep(OTHER, Credential("T", "R", "alice"), CredentialSource.FILE)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SaveError, match="No space left"):
        store.keep(OTHER, Credential("T2", "R", "alice"), CredentialSource.FILE)
    found = store.find(OTHER, "alice")
    assert found is not None
    assert found.token == "T"
    assert len(list((tmp_path / "config").iterdir())) == 1


def test_a_file_that_others_may_read_is_not_used(store, tmp_path) -> None:
    store.keep(OTHER, Credential("tok-secret", "R", "alice"), CredentialSource.FILE)
    file = tmp_path / "config" / "credentials.json"
    file.chmod(0o644)
    with pytest.raises(SaveError, match="chmod 600") as caught:
        store.find(OTHER, "alice")
    assert "secret" not in str(caught.value)
    file.chmod(0o600)
    file.write_text('{"tok-secret')
    with pytest.raises(SaveError, match="move it away") as caught:
        store.find(OTHER, "alice")
    assert "secret" not in str(caught.value)


def test_sign_out_tells_what_remains(store, monkeypatch, tmp_path) -> None:
    store.keep(OTHER, Credential("T", "R", "alice"), CredentialSource.FILE)
    monkeypatch.setenv("FLOW_API_TOKEN", "tok-secret")
    given = tmp_path / "token"
    given.write_text("tok-secret")
    monkeypatch.setenv("FLOW_TOKEN_FILE", str(given))
    said = "\n".join(store.forget(OTHER, None))
    assert "removed the token from" in said
    assert "FLOW_API_TOKEN is still set" in said
    assert f"{given} still exists" in said
    assert "secret" not in said


@pytest.mark.parametrize("backend", ["null", "fail"])
def test_no_keyring_is_an_ordinary_case(store, backend: str) -> None:
    if backend == "fail":
        keyring.set_keyring(keyring.backends.fail.Keyring())
    assert not store.keyring_works()
    assert store.find(FLOW, "alice") is None
    with pytest.raises(SaveError, match="in a file, or in memory only"):
        store.keep(FLOW, Credential("T", None, "alice"), CredentialSource.KEYRING)
    assert (
        store.keep(FLOW, Credential("T", None, "alice"), CredentialSource.MEMORY).source
        is CredentialSource.MEMORY
    )
    assert (
        store.keep(FLOW, Credential("T", None, "alice"), CredentialSource.FILE).source
        is CredentialSource.FILE
    )


def test_a_keyring_that_raises_anything_is_none(ring, store) -> None:
    ring.trouble = RuntimeError("dbus said tok-secret")
    assert not store.keyring_works()


def test_a_keyring_that_fails_later(ring, store, monkeypatch) -> None:
    assert store.keyring_works()
    monkeypatch.setenv("FLOW_API_TOKEN", "ENV")
    ring.trouble = OSError("dbus said tok-secret")
    with pytest.raises(SaveError) as caught:
        store.keep(FLOW, Credential("tok-secret", None, "alice"), CredentialSource.KEYRING)
    assert "secret" not in str(caught.value)
    found = store.find(FLOW, "alice")
    assert found is not None
    assert found.token == "ENV"


def test_a_keyring_that_hangs_is_none(ring, store, monkeypatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(keyring_access, "KEYRING_SECONDS", 0.05)
    monkeypatch.setattr(ring, "get_password", lambda service, name: release.wait(GUARD) and None)
    try:
        assert not store.keyring_works()
        assert store.find(FLOW, "alice") is None
    finally:
        release.set()


def test_an_update_goes_where_the_old_one_is(ring, store) -> None:
    old = store.keep(FLOW, Credential("T", "R", "alice"), CredentialSource.KEYRING)
    store.update(FLOW, old, Credential("T2", "R2", "alice", CredentialSource.KEYRING))
    assert ring.kept["flow-api", "alice"] == "T2"
    store.forget(FLOW, "alice")
    store.update(FLOW, old, Credential("T3", "R3", "alice", CredentialSource.KEYRING))
    assert ring.kept == {}
    store.update(FLOW, Credential("T"), Credential("T2"))
    assert store.find(FLOW, "alice") is None


def test_stores_of_many_processes_do_not_undo_each_other(tmp_path) -> None:
    """Each store stands for a process: they share the file, not the lock in memory."""
    servers = [f"https://flow{n}.example" for n in range(12)]
    (tmp_path / "config").mkdir(mode=0o700)
    together = threading.Barrier(len(servers))

    def keep(server: str) -> None:
        store = CredentialStore(tmp_path / "config")
        together.wait(GUARD)
        store.keep(server, Credential(f"T {server}", "R", "alice"), CredentialSource.FILE)

    with ThreadPoolExecutor(len(servers)) as pool:
        list(pool.map(keep, servers))
    fresh = CredentialStore(tmp_path / "config")
    for server in servers:
        found = fresh.find(server, "alice")
        assert found is not None
        assert found.token == f"T {server}"


def test_a_lock_that_is_never_given_back_does_not_hang_a_sign_in(
    store, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(credential_file, "LOCK_SECONDS", 0.05)
    (tmp_path / "config").mkdir(mode=0o700)
    held = os.open(tmp_path / "config", os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        store.keep(OTHER, Credential("T", None, "alice"), CredentialSource.FILE)
    finally:
        os.close(held)
    assert store.find(OTHER, "alice") is not None


@pytest.mark.parametrize("where", [CredentialSource.FILE, CredentialSource.KEYRING])
def test_an_update_after_another_user_signed_in_changes_nothing(ring, store, where) -> None:
    old = store.keep(OTHER, Credential("T", "R", "alice"), where)
    store.forget(OTHER, "alice")
    store.keep(OTHER, Credential("B", "R", "bob"), where)
    store.update(OTHER, old, Credential("T2", "R2", "alice", where))
    found = store.find(OTHER, "bob")
    assert found is not None
    assert found.token == "B"
    assert store.find(OTHER, "alice") is None


def test_a_sign_out_empties_a_file_that_others_may_read(store, tmp_path) -> None:
    store.keep(OTHER, Credential("tok-secret", "R", "alice"), CredentialSource.FILE)
    file = tmp_path / "config" / "credentials.json"
    file.chmod(0o644)
    assert store.forget(OTHER, "alice") == [f"removed the token from {file}"]
    assert "secret" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_sign_out_clears_the_keyring_though_the_file_is_damaged(ring, store, tmp_path) -> None:
    store.keep(FLOW, Credential("T", "R", "alice"), CredentialSource.KEYRING)
    (tmp_path / "config").mkdir(exist_ok=True)
    file = tmp_path / "config" / "credentials.json"
    file.write_text("{")
    file.chmod(0o600)
    said = store.forget(FLOW, "alice")
    assert ring.kept == {}
    assert "removed alice from the keyring" in said
    assert any("move it away" in one for one in said)
