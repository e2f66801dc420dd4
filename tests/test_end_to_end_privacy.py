"""A server that gives the token back everywhere: none of it is printed, logged or saved."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flowtui.demo.serve import DemoServer
from support.echoing_flow import SIGNATURE, EchoingFlow, echoing
from support.shell import Shell
from support.terminal import Terminal
from support.waiting import until


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer("both", token_seconds=3600) as running:
        yield running


@pytest.fixture
def flow(server: DemoServer) -> Iterator[EchoingFlow]:
    with echoing(server.base_url) as made:
        yield made


@pytest.fixture
def shell(flow: EchoingFlow, tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path, flow.url)
    yield made
    made.run("engine", "stop")


def files_below(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def secrets_of(shell: Shell) -> list[bytes]:
    """Pieces of the token that are its own, and the signature: what is cut short counts, too."""
    token = shell.environment["FLOW_ACCESS_TOKEN"].encode()
    return [token[-16:], token[-40:-24], token[:16], SIGNATURE.encode()]


def leaks(shell: Shell, texts: dict[str, bytes]) -> list[str]:
    return [
        f"{where}: …{text[max(0, text.find(secret) - 60) : text.find(secret) + 20]!r}…"
        for where, text in texts.items()
        for secret in secrets_of(shell)
        if secret in text
    ]


def kept(shell: Shell) -> dict[str, bytes]:
    """What is on the disk: the names of all files, and what our own hold."""
    home = Path(shell.environment["FLOWTUI_HOME"])
    own = files_below(home) + [
        path
        for path in files_below(shell.to)
        if re.search(r"\.(log|jsonl|journal|lock)", path.name)
    ]
    found = {}
    for path in own:
        with suppress(FileNotFoundError):  # the engine is at work: a journal goes with its end
            found[str(path)] = path.read_bytes()
    found["names"] = "\n".join(map(str, files_below(home, shell.to))).encode()
    return found


COMMANDS: dict[str, tuple[str, ...]] = {
    "whoami": ("whoami",),
    "whoami --json": ("whoami", "--json"),
    "ls": ("ls",),
    "ls --json": ("ls", "--json"),
    "ls of a project": ("ls", "project/12"),
    "ls of a sample": ("ls", "sample/34", "--json"),
    "ls of nothing": ("ls", "sample/999999999"),
    "ls of a run": ("ls", "execution/456"),
    "find": ("find", "cortex"),
    "find --json": ("find", "cortex", "--json"),
    "get --dry-run": ("get", "--dry-run", "sample/34"),
    "get": ("get", "sample/34", "data/789"),
    "get --json": ("get", "--json", "sample/34", "data/789"),
    "get of nothing": ("get", "data/999999999"),
    "get --records": ("get", "--records", "--json", "execution/456"),
    "verify": ("verify",),
    "verify --json": ("verify", "--json"),
    "samplesheet": ("samplesheet", "sample/34", "--for", "generic", "--allow-missing"),
    "add": ("add", "sample/34"),
    "add --json": ("add", "--json", "data/789"),
    "status": ("status",),
    "status --json": ("status", "--json"),
    "engine status": ("engine", "status"),
    "doctor": ("doctor",),
    "doctor --json": ("doctor", "--json"),
    "forget": ("forget", "--all"),
    "logout": ("logout",),
}


def test_no_command_lets_out_what_the_server_gives_back(
    flow: EchoingFlow, shell: Shell, server: DemoServer
) -> None:
    refused = next(iter(server.service.catalogue.samples["34"].files)).id
    flow.refused.add(refused)
    said: dict[str, bytes] = {}
    with_target = {"get", "verify", "add"}
    for name, words in COMMANDS.items():
        more = ("--to", str(shell.to)) if words[0] in with_target - {"verify"} else ()
        if words[0] == "verify":
            more = (str(shell.to),)
        done = shell.run(*words, *more, status=None)
        assert done.returncode in (0, 1, 3, 4), (name, done.stderr)
        said[name] = (done.stdout + done.stderr).encode()
        said |= {f"{name}: {path}": content for path, content in kept(shell).items()}
    assert b"[removed]" in said["ls"]
    assert b"failed" in said["get"]
    assert leaks(shell, {**said, **kept(shell)}) == []


def test_the_files_come_whole_and_what_is_signed_is_fetched_by_its_link(
    flow: EchoingFlow, shell: Shell, server: DemoServer
) -> None:
    events = shell.get("data/789")
    transfers = [event for event in events if event["event"] == "transfer"]
    (done,) = [event for event in transfers if event["state"] == "done"]
    content = server.service.catalogue.files["789"].content
    assert hashlib.md5(Path(done["path"]).read_bytes()).hexdigest() == content.md5


def test_the_app_shows_none(flow: EchoingFlow, shell: Shell) -> None:
    environment = {**shell.environment, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    terminal = Terminal(shell.command("--to", str(shell.to)), environment, 200, 40)
    try:
        terminal.until("[removed]")
        terminal.quiet(0.5)
        shown = terminal.text.encode()
    finally:
        terminal.close()
    assert leaks(shell, {"screen": shown, **kept(shell)}) == []


def engine_of(shell: Shell) -> dict[str, object]:
    status: dict[str, object] = json.loads(shell.run("engine", "status", "--json").stdout)
    return status


def test_the_engine_has_the_token_and_nobody_sees_it_in_its_process(
    flow: EchoingFlow, shell: Shell
) -> None:
    shell.run("add", "data/789", "--to", str(shell.to))
    process = Path("/proc") / str(engine_of(shell)["pid"])
    seen = {name: (process / name).read_bytes() for name in ("environ", "cmdline")}
    assert b"FLOWTUI_HOME" in seen["environ"]
    assert leaks(shell, seen) == []
    until(lambda: [*shell.to.glob("data/*.gz")], "the engine is not signed in")


@pytest.mark.parametrize("was_open", [False, True])
def test_state_is_for_its_user_alone_whatever_the_umask(shell: Shell, was_open: bool) -> None:
    home = Path(shell.environment["FLOWTUI_HOME"])
    if was_open:  # as an earlier version left it
        (home / "state").mkdir(parents=True, mode=0o700)
        home.chmod(0o700)
        (home / "state").chmod(0o777)
    add = shell.command("add", "data/789", "--to", str(shell.to))
    subprocess.run(add, env=shell.environment, umask=0, check=True, timeout=60)
    shell.run("logout")
    socket = Path(str(engine_of(shell)["socket"]))
    until(lambda: (home / "state").is_dir() and [*home.rglob("queue.jsonl")])
    open_to_others = [
        str(path)
        for path in (home, *home.rglob("*"), socket, socket.parent)
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_to_others == []
