"""`flowtui doctor`: each line is told by an environment that is broken in its way."""

from __future__ import annotations

import base64
import errno
import json
import re
import socket
import threading
from collections.abc import Callable, Sequence
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from flowtui.cli.checks import background, machine, network, service, setup, target
from flowtui.cli.checks.check import Check, Question, Status, ask_all, ok
from flowtui.cli.exit_codes import Exit
from flowtui.cli.main import cli
from flowtui.config import Folders
from flowtui.daemon.errors import EngineError, EngineNotRunning
from flowtui.flow.client import FlowClient
from flowtui.flow.http.certificates import _trust
from flowtui.flow.http.http_client import make_client
from flowtui.flow.session.credentials import Credential, CredentialSource, SaveError
from flowtui.system.mounts import Mount, mount_of
from flowtui.transfer.disk.space import Room

OK, WARN, FAIL = Status.OK, Status.WARN, Status.FAIL
SERVER = "https://flow.test"
TOKEN = "tok-a1b2c3d4e5"
NOW = 1_800_000_000.0


def only(checks: Sequence[Check], name: str) -> Check:
    (found,) = [each for each in checks if each.name == name]
    return found


def is_told(found: Check, status: Status, *words: str) -> None:
    """Of what is not well there is a remedy; of what is, there is nothing to do."""
    assert found.status is status, found
    assert bool(found.remedy) == (status is not OK), found
    for word in words:
        assert word in f"{found.text} -> {found.remedy}"


# Python, the terminal, logging out


@pytest.mark.parametrize(
    ("version", "installed", "status", "word"),
    [
        ((3, 12, 1), {"httpx": "0.28.1", "textual": "8.0"}, OK, "httpx 0.28.1"),
        ((3, 10, 0), {"httpx": "0.28.1", "textual": "8.0"}, FAIL, "3.11"),
        ((3, 12, 1), {"httpx": "0.28.1"}, FAIL, "not installed: textual"),
        ((3, 12, 1), {"httpx": "0.9.0", "textual": "8.0"}, FAIL, "httpx 0.9.0 (needs 0.28)"),
        ((3, 12, 1), {"httpx": "0.100", "textual": "10.0"}, OK, "textual 10.0"),
    ],
)
def test_python_and_packages(
    version: tuple[int, ...], installed: dict[str, str], status: Status, word: str
) -> None:
    needed = ["httpx>=0.28", "textual>=8.0", 'isal>=1.6; platform_machine in "x86_64"',
              'starlette>=0.40; extra == "demo"']  # fmt: skip
    is_told(machine.python(version, needed, installed.get), status, word)


@pytest.mark.parametrize(
    ("found", "term", "status", "word"),
    [
        (machine.Terminal(True, "utf-8", 120, 40), "xterm-256color", OK, "120x40"),
        (machine.Terminal(False, "UTF-8", 80, 24), "", OK, "none here"),
        (machine.Terminal(True, "utf-8", 120, 40), "dumb", WARN, "TERM is dumb"),
        (machine.Terminal(True, "utf-8", 120, 40), "", WARN, "TERM is not set"),
        (machine.Terminal(True, "utf-8", 79, 40), "xterm", WARN, "80x24"),
        (machine.Terminal(False, "ANSI_X3.4-1968", 80, 24), "xterm", WARN, "LC_ALL=C.UTF-8"),
    ],
)
def test_the_terminal(found: machine.Terminal, term: str, status: Status, word: str) -> None:
    is_told(machine.terminal(found, {"TERM": term}), status, word)


def test_what_a_logout_ends() -> None:
    is_told(machine.logout("", ""), OK)
    is_told(machine.logout("downloads stop then", "run `loginctl`"), WARN, "stop", "loginctl")


# Settings, keyring, credential


def test_settings_with_a_key_that_nobody_knows_or_a_variable_over_them(tmp_path: Path) -> None:
    where = Folders(tmp_path, tmp_path, tmp_path)
    is_told(setup.settings(where, [], {}), OK, "the defaults")
    where.settings_file.write_text("job = 3\n")
    found = setup.settings(where, ["job"], {"FLOW_API_URL": SERVER})
    is_told(found, WARN, "passed over: job", "FLOW_API_URL overrides the server")


def test_a_keyring_that_does_not_work(tmp_path: Path) -> None:
    where = Folders(tmp_path, tmp_path, tmp_path)
    is_told(setup.keyring(True, lambda: "SecretService", where), OK, "SecretService")
    is_told(setup.keyring(False, lambda: "", where), WARN, "--keep file")


def test_a_credential_is_found_and_never_shown() -> None:
    def refused() -> Credential:
        raise SaveError("cannot read the token file /x: Permission denied")

    good = Credential(TOKEN, source=CredentialSource.ENVIRONMENT, detail="FLOW_ACCESS_TOKEN")
    notice = "other users can read /x; run: chmod 600 /x"
    seen = Credential(TOKEN, source=CredentialSource.TOKEN_FILE, detail="/x", notice=notice)
    is_told(setup.credential(lambda: good, SERVER)[0], OK, "FLOW_ACCESS_TOKEN")
    is_told(setup.credential(lambda: seen, SERVER)[0], WARN, "other users", "chmod 600 /x")
    is_told(setup.credential(lambda: None, SERVER)[0], WARN, "flowtui login")
    is_told(setup.credential(refused, SERVER)[0], FAIL, "Permission denied")
    for found in (good, seen):
        assert TOKEN not in repr(setup.credential(lambda found=found: found, SERVER)[0])


# The network

V4: network.Address = (socket.AF_INET, ("192.0.2.1", 443))
V6: network.Address = (socket.AF_INET6, ("2001:db8::1", 443, 0, 0))


def reach(
    *found: network.Address, trouble: dict[network.Address, OSError] | None = None, by: str = ""
) -> list[Check]:
    def connect(address: network.Address) -> None:
        if trouble and address in trouble:
            raise trouble[address]

    return network.addresses(network.Endpoint("flow.test", 443, by), lambda *_: found, connect)


def test_a_name_that_nobody_knows() -> None:
    def unknown(host: str, port: int) -> list[network.Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    (found,) = network.addresses(network.Endpoint("flow.test", 443), unknown, lambda _: None)
    is_told(found, FAIL, "Name or service not known", "resolv.conf")
    is_told(only(reach(V4), "dns"), OK, "192.0.2.1")


def test_addresses_that_nothing_answers_at() -> None:
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    trouble: dict[network.Address, OSError] = {V4: refused, V6: TimeoutError()}
    is_told(only(reach(V6, V4, trouble=trouble), "connection"), FAIL, "refused", "no answer within")
    found = only(reach(V4, trouble=trouble, by="HTTPS_PROXY"), "connection")
    is_told(found, FAIL, "unset HTTPS_PROXY")
    is_told(only(reach(V4), "connection"), OK)


def test_ipv6_that_does_not_answer() -> None:
    is_told(only(reach(V6, V4), "ipv6"), OK, "works")
    is_told(only(reach(V4), "ipv6"), OK, "IPv4")
    unreachable = OSError(errno.ENETUNREACH, "Network is unreachable")
    is_told(only(reach(V6, V4, trouble={V6: unreachable}), "ipv6"), OK, "unreachable")
    is_told(only(reach(V6, V4, trouble={V6: TimeoutError()}), "ipv6"), WARN, "gai.conf")


@pytest.mark.parametrize(
    ("environment", "status", "word"),
    [
        ({}, OK, "none"),
        ({"HTTPS_PROXY": "http://proxy.test:3128"}, OK, "proxy.test:3128, by HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://proxy.test", "NO_PROXY": "flow.test"}, OK, "NO_PROXY"),
        ({"HTTPS_PROXY": "ftp://alice:hunter2@proxy.test"}, FAIL, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://proxy.test:port"}, FAIL, "unset HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://:3128"}, FAIL, "HTTPS_PROXY"),
    ],
)
def test_the_proxy(
    environment: dict[str, str], status: Status, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = network.proxy(SERVER, environment, lambda: make_client().close())
    is_told(found, status, word)
    assert "hunter2" not in repr(found)


def test_certificates_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    is_told(network.certificates(None), OK, "certifi")
    is_told(network.certificates(str(tmp_path / "gone.pem")), FAIL, "gone.pem", "ca_file")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    is_told(network.certificates(None), WARN, "SSL_CERT_FILE", "unset")
    _trust.cache_clear()


# The server

Handler = Callable[[httpx.Request], httpx.Response]


def opener(answer: Handler) -> service.Open:
    def open_client(server: str) -> FlowClient:
        http = httpx.Client(transport=httpx.MockTransport(answer))
        return FlowClient(server, http=http)

    return open_client


def asked(answer: Handler) -> service.Asked:
    return service.ask(SERVER, opener(answer), now=lambda: NOW)


def test_a_server_that_is_not_flow() -> None:
    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)

    def expired(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("certificate verify failed: expired", request=request)

    flow = asked(lambda _: httpx.Response(401, json={"error": "Not authorized"}))
    is_told(service.server(flow), OK, SERVER)
    is_told(service.server(flow, "https://other.test"), WARN, "https://other.test", "settings")
    page = asked(lambda _: httpx.Response(200, html="<html>"))
    is_told(service.server(page), FAIL, "web page", "address")
    is_told(service.server(asked(lambda _: httpx.Response(200, json=[]))), FAIL, "like Flow")
    is_told(service.server(asked(lambda _: httpx.Response(502))), FAIL)
    other = asked(lambda _: httpx.Response(404, json={"error": "no such page"}))
    is_told(service.server(other), FAIL, "not found")
    is_told(service.server(asked(dead)), FAIL, "refused", "network")
    is_told(service.server(asked(expired)), FAIL, "expired", "clock")


@pytest.mark.parametrize(
    ("off", "status", "word"),
    [
        (0, OK, "as the server's"),
        (-30, OK, "as the server's"),
        (600, WARN, "ahead of"),
        (-600, WARN, "behind"),
        (-86_400, FAIL, "timedatectl"),
    ],
)
def test_a_clock_that_is_wrong(off: float, status: Status, word: str) -> None:
    headers = {"Date": formatdate(NOW - off, usegmt=True)}
    said = asked(lambda _: httpx.Response(401, json={}, headers=headers))
    is_told(service.clock(said), status, word)


def test_a_date_that_a_cache_kept_or_that_is_none() -> None:
    old = {"Date": formatdate(NOW - 900, usegmt=True), "Age": "900"}
    is_told(service.clock(asked(lambda _: httpx.Response(401, json={}, headers=old))), OK)
    bad = {"Date": "soon"}
    is_told(service.clock(asked(lambda _: httpx.Response(401, json={}, headers=bad))), WARN)


def account(
    status: int = 200,
    owned: int = 200,
    refresh: str | None = None,
    *,
    token: str = TOKEN,
    signed_in: bool = True,
) -> tuple[list[Check], list[str]]:
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        if request.url.path == "/me":
            body = {"id": "1", "username": "alice"} if status == 200 else {"error": TOKEN}
            return httpx.Response(status, json=body)
        return httpx.Response(owned, json={})

    credential = Credential(token, refresh, "alice") if signed_in else None
    return service.account(SERVER, credential, opener(answer)), paths


def test_a_token_that_the_server_does_not_take() -> None:
    is_told(only(account()[0], "sign-in"), OK, "alice")
    is_told(only(account(401)[0], "sign-in"), FAIL, "does not take", "flowtui login")
    is_told(only(account(503)[0], "sign-in"), FAIL)
    assert TOKEN not in repr(account(503)[0])
    assert [each.name for each in account(signed_in=False)[0]] == ["dialect"]


def test_no_session_is_renewed_by_looking_at_it() -> None:
    checks, paths = account(401, refresh="refresh-a1b2c3", token=ended())
    is_told(only(checks, "sign-in"), OK, "renews")
    assert paths == ["/me", "/projects/owned"]


def ended() -> str:
    """A token that ended long ago, as it says itself."""
    parts = ({"alg": "none"}, {"iat": 1_000_000_000, "exp": 1_000_000_600})
    return (
        ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in parts
        )
        + ".c2ln"
    )


def test_a_token_is_not_sent_where_others_could_read_it() -> None:
    asked_for: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked_for.append(request)
        return httpx.Response(401, json={})

    checks = service.account("http://flow.test", Credential(TOKEN), opener(answer))
    is_told(only(checks, "sign-in"), FAIL, "not encrypted", "https")
    assert not [sent for sent in asked_for if "authorization" in sent.headers]


def test_the_dialect() -> None:
    is_told(only(account(owned=200)[0], "dialect"), OK, "live")
    is_told(only(account(owned=404)[0], "dialect"), OK, "documented")
    is_told(only(account(owned=500)[0], "dialect"), WARN, "500")


# The target folder


def at(folder: Path, **broken: Any) -> list[Check]:
    usual = {
        "room_of": lambda _: Room(1, 1 << 40),
        "mount_at": lambda _: Mount("/dev/sda1", "/", "ext4"),
        "locks": lambda _: True,
        "clones": lambda *_: True,
    }
    return target.target(folder, **(usual | broken))


def test_a_target_folder_that_is_well(tmp_path: Path) -> None:
    checks = at(tmp_path / "new" / "folder")
    assert [each.name for each in checks] == ["disk", "file-system", "locks", "reflinks"]
    assert {each.status for each in checks} == {OK}
    assert not list(tmp_path.iterdir())


def test_a_full_disk(tmp_path: Path) -> None:
    is_told(only(at(tmp_path, room_of=lambda _: Room(1, 0)), "disk"), FAIL, "--to")
    is_told(only(at(tmp_path, room_of=lambda _: Room(1, 1000)), "disk"), WARN, "1.0 kB")


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    def read_only(descriptor: int) -> bool:
        raise OSError(errno.EROFS, "Read-only file system")

    def stale(folder: Path) -> Room:
        raise OSError(errno.ESTALE, "Stale file handle")

    is_told(only(at(tmp_path, locks=read_only), "disk"), FAIL, "Read-only", "--to")
    is_told(only(at(tmp_path, room_of=stale), "disk"), FAIL, "Stale")
    (tmp_path / "file").write_text("")
    is_told(only(at(tmp_path / "file"), "disk"), FAIL, "not a folder")


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [("ext4", OK, "ext4"), ("nfs4", OK, "other machines"), ("vfat", WARN, "4 GiB"),
     ("tmpfs", WARN, "memory"), ("", OK, "no known kind")],
)  # fmt: skip
def test_the_kind_of_file_system(kind: str, status: Status, word: str) -> None:
    is_told(target.file_system(Mount("x", "/data", kind)), status, word)


def test_a_file_system_without_locks_or_reflinks(tmp_path: Path) -> None:
    checks = at(tmp_path, locks=lambda _: False, clones=lambda *_: False)
    is_told(only(checks, "locks"), WARN, "NAME.part.lock")
    is_told(only(checks, "reflinks"), OK, "copied")


def test_the_mount_of_a_folder_is_the_deepest_and_the_latest(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "rootfs / rootfs rw 0 0\nserver:/export /my\\040data nfs4 ro 0 0\nbroken\n"
        "/dev/sda1 / ext4 rw,noatime 0 0\n"
    )
    assert mount_of(Path("/my data/x"), mounts) == Mount(
        "server:/export", "/my data", "nfs4", ("ro",)
    )
    assert mount_of(Path("/my"), mounts).kind == "ext4"
    assert mount_of(Path("/"), tmp_path / "none") == Mount()


QUOTA = """Disk quotas for user alice (uid 1000):
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
home:/export/a  {used}  900000 1000000       0     {files}       0    5000       0
"""


@pytest.mark.parametrize(
    ("used", "files", "status", "word"),
    [
        ("1000", "10", OK, "1.0 MB of 1.0 GB"),
        ("950000*", "10", WARN, "ask for more"),
        ("1000000*", "10", FAIL, "1.0 GB of 1.0 GB"),
        ("1000", "5000*", FAIL, "5,000 of 5,000 files"),
    ],
)
def test_a_quota_that_is_used_up(used: str, files: str, status: Status, word: str) -> None:
    found = target.read_quota(QUOTA.format(used=used, files=files), "home:/export/a")
    is_told(target.quota(found, is_known=True), status, word)


def test_a_quota_that_nobody_tells_of() -> None:
    is_told(target.quota([], is_known=True), OK, "none")
    is_told(target.quota([], is_known=False), OK, "not known")
    assert not target.read_quota(QUOTA.format(used="x", files="y"), "home:/export/a")
    assert not target.read_quota(QUOTA.format(used="1", files="2"), "other:/export")
    lustre = "/lustre 1000 0 2000 - 5 0 0 -\n"
    assert target.read_quota(lustre, "/lustre") == [target.Quota("bytes", 1_024_000, 2_048_000)]


def test_the_system_s_own_tool_is_asked_for_the_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "quota"
    tool.write_text("#!/bin/sh\necho 'dev 100* 50 100 1 1 0 0 0'\nexit 1\n")
    tool.chmod(0o755)
    mount = Mount("dev", "/", "ext4")
    monkeypatch.setenv("PATH", str(tmp_path))
    is_told(target.ask_quota(tmp_path, lambda _: mount), FAIL, "of 102")
    monkeypatch.setattr(target, "TOOL_SECONDS", 0.01)
    tool.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    is_told(target.ask_quota(tmp_path, lambda _: mount), WARN, "did not answer")
    tool.unlink()
    is_told(target.ask_quota(tmp_path, lambda _: mount), OK, "not known")


# The engine


def engine(*, same: bool = True, trouble: str = "", error: Exception | None = None) -> Check:
    def reach() -> Any:
        if error is not None:
            raise error
        status = SimpleNamespace(summary=SimpleNamespace(trouble=trouble))
        return SimpleNamespace(
            is_same_version=same, version="0.0.9", pid=7, status=lambda: status, close=lambda: None
        )

    return background.engine(reach)


def test_an_engine_that_is_not_well() -> None:
    is_told(engine(), OK, "pid 7")
    is_told(engine(error=EngineNotRunning("none")), OK, "when it is needed")
    is_told(engine(same=False), WARN, "0.0.9", "flowtui engine stop")
    is_told(engine(trouble="the disk is full"), WARN, "the disk is full")
    is_told(engine(error=EngineError("does not answer; it may be suspended")), FAIL, "suspended")


# All of them


def test_what_does_not_come_in_time_is_told_and_not_waited_for() -> None:
    hangs, ended = threading.Event(), threading.Event()

    def hang() -> list[Check]:
        hangs.wait(60)
        ended.set()
        return []

    questions = [
        Question("disk", hang, "its disk hangs", seconds=0.0),
        Question("proxy", lambda: [ok("proxy", "none")], "correct it"),
    ]
    late, there = ask_all(questions)
    hangs.set()
    is_told(late, FAIL, "no answer within 0 s", "its disk hangs")
    is_told(there, OK)
    assert ended.wait(60)


def test_all_questions_are_asked_at_the_same_time() -> None:
    together = threading.Barrier(2, timeout=60)

    def meet() -> list[Check]:
        together.wait()
        return [ok("met", "")]

    questions = [Question("a", meet, "x"), Question("b", meet, "x")]
    assert [each.status for each in ask_all(questions)] == [OK, OK]


def test_an_error_that_nobody_expected_is_a_line_without_secrets() -> None:
    def broken() -> list[Check]:
        raise RuntimeError("Authorization: Bearer abcdef0123456789abcdef")

    (found,) = ask_all([Question("keyring", broken, "try again")])
    is_told(found, FAIL, "RuntimeError", "[removed]")
    assert "abcdef0123456789" not in found.text


NAMES = ["python", "settings", "server", "clock", "keyring", "credential", "sign-in", "dialect",
         "engine", "dns", "connection", "ipv6", "proxy", "certificates", "disk", "file-system",
         "locks", "reflinks", "quota", "logout", "terminal"]  # fmt: skip


@pytest.fixture
def healthy(flow: Any, signed_in: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> Any:
    """All is well, or nearly."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(network, "resolve", lambda host, port: [V4, V6])
    monkeypatch.setattr(network, "connect", lambda address: None)
    monkeypatch.setattr("flowtui.flow.session.keyring_access.works", lambda: False)
    monkeypatch.setattr("flowtui.daemon.logout.logout_kills", lambda: False)
    return flow


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *words])


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.usefixtures("healthy")
def test_the_report_as_json_is_a_check_a_line_and_their_sum(tmp_path: Path) -> None:
    result = run("--json", "--to", str(tmp_path / "down"))
    *checks, summary = rows(result)
    assert [row["name"] for row in checks] == NAMES
    assert all(set(row) == {"event", "name", "status", "text", "remedy"} for row in checks)
    assert {row["event"] for row in checks} == {"check"}
    assert not [row for row in checks if row["status"] == "fail"]
    assert (result.exit_code, summary["status"], summary["fail"]) == (0, 0, 0)
    assert summary["ok"] + summary["warn"] == len(NAMES)
    assert str(tmp_path / "down") in only_row(checks, "disk")["text"]
    assert not (tmp_path / "down").exists()
    assert TOKEN not in result.output


def test_the_page_on_trouble_names_every_line() -> None:
    page = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
    table = page.read_text(encoding="utf-8").partition("| line |")[2].partition("\n\n")[0]
    first = [row.split("|")[1] for row in table.splitlines()[2:]]
    assert sorted(re.findall(r"`(.+?)`", "".join(first))) == sorted(NAMES)


def only_row(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (row,) = [row for row in found if row["name"] == name]
    return row


def test_where_something_fails_the_status_is_1_and_its_remedy_is_told(
    healthy: Any, tmp_path: Path
) -> None:
    healthy.answers["/me"] = (401, {"error": f"no such token {TOKEN} \x1b[2J"})
    (tmp_path / "file").write_text("")
    result = run("--to", str(tmp_path / "file"))
    assert result.exit_code == Exit.SOME_FAILED
    assert "fail disk         " in result.stdout
    assert "-> choose another folder with --to" in result.stdout
    assert "fail sign-in" in result.stdout
    assert "2 failed" in result.stderr
    assert TOKEN not in result.output
    assert "\x1b" not in result.output


@pytest.mark.usefixtures("healthy")
def test_settings_that_cannot_be_read_are_a_line_and_the_rest_goes_on(home: Path) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.toml").write_text("jobs = [")
    *checks, _ = rows(run("--json", "--server", SERVER))
    assert only_row(checks, "settings")["status"] == "fail"
    assert "settings.toml" in only_row(checks, "settings")["text"]
    assert only_row(checks, "server")["status"] == "ok"
    assert [row["name"] for row in checks] == NAMES


@pytest.mark.usefixtures("healthy")
def test_a_key_of_the_settings_that_is_misspelt_is_told(home: Path) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.toml").write_text("job = 3\nlimit_rate = 0\n")
    row = only_row(rows(run("--json"))[:-1], "settings")
    assert row["status"] == "warn"
    assert row["remedy"].startswith("correct or remove job ")


@pytest.mark.usefixtures("healthy")
def test_without_a_home_what_needs_one_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWTUI_HOME", "~nobody-of-this-name/x")
    *checks, _ = rows(run("--json", "--server", SERVER))
    assert only_row(checks, "settings")["status"] == "fail"
    assert only_row(checks, "engine")["status"] == "warn"
    assert only_row(checks, "credential")["status"] == "warn"
    assert only_row(checks, "server")["status"] == "ok"


@pytest.mark.usefixtures("healthy")
def test_a_server_that_was_not_named_is_looked_for_and_not_saved(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLOW_API_URL")
    real = service.ask

    def ask(server: str, open_client: service.Open) -> service.Asked:
        if server == "https://api.flow.bio":
            return service.Asked(server, httpx.ConnectError("dead"))
        return real(server, open_client)

    monkeypatch.setattr(service, "ask", ask)
    *checks, _ = rows(run("--json"))
    row = only_row(checks, "server")
    assert row["status"] == "warn"
    assert "https://app.flow.bio/api" in row["text"]
    assert not (home / "config" / "settings.toml").exists()
