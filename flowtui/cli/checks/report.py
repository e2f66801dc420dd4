"""The report: which checks there are, what they are made of, and in which order they are told."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata

from flowtui import config, connect
from flowtui.cli.checks import background, machine, network, service, setup, target
from flowtui.cli.checks.check import Check, Question, ask_all, fail, parted, warn
from flowtui.cli.output import on_terminal
from flowtui.config import ConfigError, Folders, Settings
from flowtui.flow.client import FlowClient

_HOME = "the disk of the home folder may hang; set FLOWTUI_HOME to a folder elsewhere"
_DISK = "its disk hangs; choose another folder with --to, or tell who runs the machine"
_SIGN_IN = "see the lines of server and keyring; where they are well, that of settings"
_NETWORK = "check the network, and the address of the server"


@dataclass(frozen=True)
class Found:
    """What the later checks stand on.

    Attributes:
        where: None where the folders are not known.
        server: the one to look at.
        instead_of: the default one, where that does not answer as Flow and `server` does.
    """

    settings: Settings
    where: Folders | None
    server: str
    instead_of: str = ""

    def open_client(self, server: str) -> FlowClient:
        """A client that is not patient, of nobody's. Raises FlowError."""
        return FlowClient(
            server,
            ca_file=self.settings.ca_file,
            connect_timeout=service.SECONDS,
            read_timeout=service.SECONDS,
            allow_http=self.settings.allow_http,
        )


class _Reading:
    """What was found so far: a thread that is late finds nothing out for those that went on."""

    def __init__(self, server: str | None) -> None:
        self.found = Found(Settings(server=server), None, server or config.DEFAULT_SERVER)
        self._given = server

    def settings(self) -> list[Check]:
        """Read the settings; where they cannot be read the defaults count for what follows."""
        where = None
        try:
            where = config.folders()
            settings = connect.read_settings(self._given)[0]
            unknown = config.unknown_keys(where)
        except ConfigError as error:
            remedy = "correct the file or move it away"
            self.found = Found(self.found.settings, where, self.found.server)
            return [fail("settings", *parted(str(error), remedy))]
        self.found = Found(settings, where, settings.base_url)
        return [setup.settings(where, unknown, os.environ)]

    def server(self) -> list[Check]:
        """Ask the server; where none is named and the default is not Flow, the other one."""
        found = self.found
        asked = service.ask(found.server, found.open_client)
        if asked.error is not None and not is_named(found.settings):
            other = service.ask(config.OTHER_SERVER, found.open_client)
            if other.error is None:
                asked = other
                self.found = Found(found.settings, found.where, other.server, found.server)
        return [service.server(asked, self.found.instead_of), service.clock(asked)]


def is_named(settings: Settings) -> bool:
    """Whether it is settled which server is used."""
    return bool(settings.server or settings.found_server)


def report(
    server: str | None, to: str | None, environment: Mapping[str, str] = os.environ
) -> Iterator[Check]:
    """All checks: first what the others stand on, then the others side by side."""
    reading = _Reading(server)
    on_screen = _terminal()
    yield from ask_all([
        Question("python", lambda: [_python()], "install flowtui again"),
        Question("settings", reading.settings, _HOME),
    ])  # fmt: skip
    ask_server = Question("server", reading.server, _NETWORK, 15.0)
    others = [
        *_own(lambda: reading.found),
        *_network(lambda: reading.found, environment),
        *_machine(lambda: reading.found, to, on_screen, environment),
    ]
    if is_named(reading.found.settings):
        yield from ask_all([ask_server, *others])
    else:
        yield from ask_all([ask_server])
        yield from ask_all(others)


def _own(now: Callable[[], Found]) -> list[Question]:
    return [
        Question("keyring", lambda: [_keyring(now())], "`flowtui login --keep file` needs none"),
        Question("credential", lambda: _credential(now()), _SIGN_IN, 15.0),
        Question("engine", lambda: [_engine(now())], "see `flowtui engine status`"),
    ]


def _network(now: Callable[[], Found], environment: Mapping[str, str]) -> list[Question]:
    def addresses() -> Sequence[Check]:
        try:
            to = network.endpoint(now().server, environment)
        except ValueError:
            return []  # the line of the proxy says so
        return network.addresses(to, network.resolve, network.connect)

    def proxy() -> Check:
        from flowtui.flow.http.http_client import make_client

        return network.proxy(now().server, environment, lambda: make_client().close())

    return [
        Question("dns", addresses, "the name server does not answer; see /etc/resolv.conf", 15.0),
        Question("proxy", lambda: [proxy()], "correct or unset HTTPS_PROXY"),
        Question(
            "certificates",
            lambda: [network.certificates(now().settings.ca_file)],
            "correct ca_file in the settings",
        ),
    ]


def _machine(
    now: Callable[[], Found],
    to: str | None,
    on_screen: machine.Terminal,
    environment: Mapping[str, str],
) -> list[Question]:
    def logout() -> list[Check]:
        from flowtui.daemon.logout import at_logout

        found = at_logout()
        return [machine.logout(found.what, found.remedy)]

    return [
        Question("disk", lambda: _disk(now(), to), _DISK),
        Question("quota", lambda: _quota(now(), to), "`quota` does not answer; try again later"),
        Question("logout", logout, "systemd does not answer; use `flowtui get` in a job"),
        Question("terminal", lambda: [machine.terminal(on_screen, environment)], "set TERM"),
    ]


def _python() -> Check:
    def version_of(name: str) -> str | None:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    try:
        needed = metadata.requires("flowtui") or []
    except metadata.PackageNotFoundError:  # it runs from a folder of its source
        needed = []
    return machine.python(sys.version_info[:3], needed, version_of)


def _terminal() -> machine.Terminal:
    size = shutil.get_terminal_size()
    encoding = getattr(sys.stdout, "encoding", None) or ""
    return machine.Terminal(on_terminal(), encoding, size.columns, size.lines)


def _keyring(found: Found) -> Check:
    from flowtui.flow.session import keyring_access

    def backend() -> str:
        import keyring

        return keyring.get_keyring().name

    return setup.keyring(keyring_access.works(), backend, found.where)


def _credential(found: Found) -> list[Check]:
    from flowtui.flow.session.credential_store import CredentialStore

    if found.where is None:
        return [warn("credential", "not looked for: the settings come first", _HOME)]
    store = CredentialStore(found.where.config, os.environ)
    user = found.settings.usernames.get(found.server)
    check, credential = setup.credential(lambda: store.find(found.server, user), found.server)
    return [check, *service.account(found.server, credential, found.open_client)]


def _engine(found: Found) -> Check:
    from flowtui.daemon.connect import connect_engine

    where = found.where
    if where is None:
        return warn("engine", "not looked for: the settings come first", _HOME)
    return background.engine(lambda: connect_engine(where, start=False))


def _disk(found: Found, to: str | None) -> list[Check]:
    try:
        folder = found.settings.target(to)
    except ConfigError as error:
        return [fail("disk", *parted(str(error), "choose another folder with --to"))]
    return target.target(folder)


def _quota(found: Found, to: str | None) -> list[Check]:
    try:
        return [target.ask_quota(found.settings.target(to))]
    except (ConfigError, OSError):
        return []  # the line of the disk says so
