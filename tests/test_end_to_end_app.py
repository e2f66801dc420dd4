"""The app as a person meets it: a real process on a pseudo-terminal, real keys, a real engine."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from flowtui.config import Folders, folders, save_settings
from flowtui.daemon.client import EngineClient
from flowtui.daemon.connect import connect_engine
from flowtui.daemon.errors import EngineError
from flowtui.demo.serve import DemoServer
from flowtui.flow.client import FlowClient
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.flow.session.credentials import CredentialSource
from flowtui.protocol.messages import TransferRow
from support.terminal import Terminal
from support.waiting import GUARD, until

DOWN = "\x1b[B"


class Person:
    """Somebody with an account on the demo server, at a terminal."""

    def __init__(self, server: DemoServer, home: Path) -> None:
        self.server = server
        self.to = home / "down"
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
        self.environment = {
            **kept,
            "HOME": str(home),
            "FLOWTUI_HOME": str(home / "flowtui"),
            "FLOW_API_URL": server.base_url,
            "FLOW_TOKEN_FILE": str(home / "none"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }
        self.terminals: list[Terminal] = []

    @property
    def folders(self) -> Folders:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FLOWTUI_HOME", self.environment["FLOWTUI_HOME"])
            return folders()

    def sign_in(self) -> None:
        """Have a token in the credentials file, as an earlier `flowtui login` leaves it."""
        client = FlowClient(self.server.base_url)
        client.account.sign_in("demo", "demo")
        assert client.account.credential is not None
        self.folders.config.mkdir(parents=True)
        CredentialStore(self.folders.config).keep(
            client.server, client.account.credential, CredentialSource.FILE
        )
        save_settings({"usernames": {client.server: "demo"}}, self.folders)
        client.close()

    def app(self, columns: int = 80, lines: int = 24, under: Sequence[str] = ()) -> Terminal:
        command = [*under, sys.executable, "-m", "flowtui", "--to", str(self.to)]
        terminal = Terminal(command, self.environment, columns, lines)
        self.terminals.append(terminal)
        return terminal

    def engine(self) -> EngineClient:
        return connect_engine(self.folders, start=False)

    def rows(self) -> list[TransferRow]:
        with self.engine() as engine:
            return list(engine.status(rows=True).transfers)

    def until_rows(self, fit: Callable[[list[TransferRow]], bool]) -> None:
        until(lambda: fit(self.rows()), every=0.05)

    def leave(self) -> None:
        for terminal in self.terminals:
            terminal.close()
        try:
            with self.engine() as engine:
                engine.stop()
        except EngineError:
            pass


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    with DemoServer("both", rate=30_000_000, job_seconds=0.2) as server:
        one = Person(server, tmp_path)
        yield one
        one.leave()


def check(person: Person) -> int:
    """Every file of the queue is there with the md5 that the demo knows of it; how many."""
    catalogue = person.server.service.catalogue
    rows = person.rows()
    for row in rows:
        digest = hashlib.md5((person.to / row.path).read_bytes()).hexdigest()
        assert digest == catalogue.files[row.key.removeprefix("data/")].content.md5, row.path
    return len(rows)


def test_browse_mark_and_download(person: Person) -> None:
    person.sign_in()
    app = person.app()
    app.until("Human cortex")
    app.until("engine: running")
    app.press(DOWN + "\r")
    app.until("cortex_ctrl_1")
    app.press(DOWN + DOWN)
    app.press(" ")  # the first sample, with all below it
    app.until("1 marked")
    app.press("d")
    app.until("enter: one by one")
    assert str(person.to)[:20] in app.text
    app.press("\r")
    person.until_rows(lambda rows: bool(rows) and all(row.state == "done" for row in rows))
    count = len(person.rows())
    app.until(f"{count}/{count} files")
    assert check(person) == count > 4
    assert not [one for one in person.to.rglob("*") if ".part" in one.name]
    app.press("q")
    assert app.ended() == 0


def test_what_is_typed_before_the_first_screen_is_for_the_tree(person: Person) -> None:
    person.sign_in()
    app = person.app()
    for _ in range(40):  # all the while it starts
        app.press("x")
        app.read(0.05)
    app.until("Human cortex")
    app.until("Teaching 2025")


def test_signing_in_by_hand_and_a_wrong_password(person: Person) -> None:
    app = person.app(120, 40)
    app.until("Sign in to Flow")
    app.press("demo\rwrong\r")
    app.until("Wrong user name or password")
    app.press("demo\r")
    app.until("Human cortex")
    assert "demo @" in app.text
    kept = person.folders.credentials_file
    assert kept.stat().st_mode & 0o777 == 0o600 and "wrong" not in kept.read_text()


def test_downloads_go_on_when_the_terminal_is_lost_and_are_seen_again(person: Person) -> None:
    person.sign_in()
    person.server.service.rate = 2_000_000
    app = person.app()
    app.until("engine: running")
    app.until("Human cortex")
    app.press(DOWN + "d")
    app.until("enter: one by one")
    app.press("\r")
    person.until_rows(lambda rows: any(row.done > 0 for row in rows))
    with person.engine() as engine:
        pid = engine.pid
    app.hang_up()
    assert app.process.wait(GUARD) != 0
    person.until_rows(lambda rows: sum(row.done for row in rows) > 3_000_000)
    with person.engine() as engine:
        assert engine.pid == pid
    person.server.service.rate = None
    again = person.app()
    again.until("engine: running")
    again.until("files")
    person.until_rows(lambda rows: all(row.state == "done" for row in rows))
    count = len(person.rows())
    again.until(f"{count}/{count} files")
    assert check(person) == count


def test_a_lost_terminal_ends_the_app_also_where_another_hears_of_it(
    person: Person, tmp_path: Path
) -> None:
    """A script or a make, which waits for the app, is the one who gets the signal."""
    person.sign_in()
    ended = tmp_path / "ended"
    script = f'trap : HUP; "$@"; echo $? > {ended}'
    app = person.app(under=["/bin/sh", "-c", script, "-"])
    app.until("engine: running")
    app.until("Human cortex")
    app.hang_up()
    app.process.wait(GUARD)
    assert ended.read_text() == "129\n"


def test_kill_9_of_everything_and_the_next_start_goes_on(person: Person) -> None:
    person.sign_in()
    person.server.service.rate = 1_500_000
    app = person.app()
    app.until("engine: running")
    app.until("Human cortex")
    app.press(DOWN + "d")
    app.until("enter: one by one")
    app.press("\r")
    person.until_rows(lambda rows: sum(row.done > 1_200_000 for row in rows) >= 2)
    with person.engine() as engine:
        os.kill(engine.pid, signal.SIGKILL)
    app.close()
    person.server.requests.clear()
    person.server.service.rate = None
    person.app().until("engine: running")
    person.until_rows(lambda rows: bool(rows) and all(row.state == "done" for row in rows))
    assert check(person) == len(person.rows())
    assert any(row.resumed_at >= 1_000_000 for row in person.rows())


def test_what_is_written_piece_by_piece_is_what_a_new_painting_shows(person: Person) -> None:
    """Help over the panes, after another size: then all of it anew, by key and by suspension."""
    person.sign_in()
    app = person.app(100, 30)
    app.until("engine: running")
    app.until("Human cortex")
    app.press(DOWN + DOWN)
    app.until("paired")  # of the details, which come last
    app.press("?")
    app.until("A background engine does")
    app.resize(80, 24)
    app.until("╮")  # the one before was beyond these columns
    app.press("\x1b[F")
    app.until("esc: back")  # what was painted for the new size has come before
    app.quiet(0.5)
    shown = app.text
    app.screen.reset()
    app.press("\x0c")
    app.until_like(lambda text: text == shown)
    os.kill(app.process.pid, signal.SIGTSTP)
    until(lambda: Path(f"/proc/{app.process.pid}/stat").read_text().split(") ")[1][0] == "T")
    app.screen.reset()
    os.kill(app.process.pid, signal.SIGCONT)
    app.until_like(lambda text: text == shown)
