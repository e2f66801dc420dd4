"""Settings and folders: a TOML file, the environment, and what the command line says.

Folders follow the XDG rules (platformdirs). State is kept per host, because $HOME is often one
NFS folder for many hosts. `FLOWTUI_HOME` puts everything below one folder: the demo and the tests
use it to touch nothing of the user's.

    config    $XDG_CONFIG_HOME/flowtui/settings.toml, credentials.json
    state     $XDG_STATE_HOME/flowtui/<hostname>/  queue.db, engine.log, engine.lock
    runtime   $XDG_RUNTIME_DIR/flowtui, else a 0700 folder under /tmp: engine.sock; where somebody
              else has taken that, run/ of the state

The runtime folder may be another one in the next session; engine.lock says where the engine
that runs has its socket.
"""

from __future__ import annotations

import math
import os
import reprlib
import socket
import tomllib
from collections.abc import MutableMapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from flowtui.system import files
from flowtui.system.files import UnfitFile, read_regular, write_private

DEFAULT_SERVER = "https://api.flow.bio"
"""The guide's service."""

OTHER_SERVER = "https://app.flow.bio/api"
"""What the official client uses; tried where no server was named and the default is not Flow."""


MOST_SETTINGS = 16 << 10
"""Bytes of a settings file at most; a name of so many dots takes tomllib a second already."""

DEEPEST = 20
"""How deep tables may be nested in it; ours are two."""


class Notify(StrEnum):
    """How the app says something to somebody who does not look: `toast` on its screen, `bell` and
    `desktop` (OSC 9, a notification by the terminal) besides."""

    OFF = "off"
    TOAST = "toast"
    BELL = "bell"
    DESKTOP = "desktop"


class ConfigError(Exception):
    """A settings file or variable that cannot be used; the message names it and says why."""


@dataclass(frozen=True)
class Settings:
    """What the user may set, in `settings.toml` under the same names.

    Attributes:
        server: base URL of the service, or None where the user named none.
        found_server: the base that answered where the default did not (written by flowtui).
        download_dir: where downloads go unless `--to` says otherwise; None for `./downloads`.
        jobs: files at a time (the guide: 4).
        connections: connections per file at most; 0 lets the engine choose.
        limit_rate: bytes a second of all transfers together; 0 for no limit.
        bulk_above: from how many files on a bulk job is proposed (the guide: 100).
        bulk_patience: minutes without a sign of life, after which no archive is waited for.
        unpack_archives: unpack the archive of a bulk job and remove it; else it is kept.
        on_change: what happens to a file that flowtui fetched and that was changed here or on Flow:
            `replace` (what is no part of the new one is kept as NAME.old-DATE), `keep` or `fail`.
        link: how data that is at another place below the target already comes to its path: `auto`
            (what the file system can, in this order), `reflink`, `hard`, `copy`; `never` fetches.
        md5sums: keep MD5SUMS beside downloads.log.
        accept_broken: a .gz, .bam or .zip that is broken on Flow itself is no failure for the exit
            status.
        allow_http: send tokens and passwords over http too, to any machine.
        accept_any_type: take what comes as the file, also where it is called a web page or JSON.
        check_containers: try the checksums inside .gz/.bam/.zip where the server gives no md5.
        connect_timeout, read_timeout: seconds.
        ca_file: a PEM file of further certificate authorities, or None.
        notify: how the app says that downloads are through, failed or need somebody, see `Notify`.
        theme: the app's colours by their name; empty for what suits the terminal.
        terminal_title: show in the terminal's title, and as its progress where it has one, how far
            the downloads are.
        refresh_rate: how often a second the app draws what changed in the queue; 0: five times,
            over SSH twice.
        usernames: server → user name of the last sign-in.
        keys: name of a key → keys instead, and `preset`; see `tui.keys`.
        actions: name → program of the user's own, see `tui.own_actions`.
    """

    server: str | None = None
    found_server: str | None = None
    download_dir: str | None = None
    jobs: int = 4
    connections: int = 0
    limit_rate: int = 0
    bulk_above: int = 100
    bulk_patience: int = 30
    unpack_archives: bool = True
    check_containers: bool = True
    on_change: str = "replace"
    link: str = "auto"
    md5sums: bool = True
    allow_http: bool = False
    accept_any_type: bool = False
    accept_broken: bool = False
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    ca_file: str | None = None
    refresh_rate: int = 0
    notify: str = "bell"
    theme: str = ""
    terminal_title: bool = True
    usernames: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    actions: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        """The service to talk to."""
        return self.server or self.found_server or DEFAULT_SERVER

    def target(self, to: str | None = None) -> Path:
        """The absolute target folder: `to`, else `download_dir`, else ./downloads.

        Raises ConfigError.
        """
        return absolute(to or self.download_dir or "downloads")


@dataclass(frozen=True)
class Folders:
    """Where flowtui keeps its own things. Nothing is created by asking."""

    config: Path
    state: Path
    runtime: Path

    @property
    def settings_file(self) -> Path:
        """The user's settings."""
        return self.config / "settings.toml"

    @property
    def credentials_file(self) -> Path:
        """Tokens of users who chose a file (mode 0600)."""
        return self.config / "credentials.json"

    @property
    def database(self) -> Path:
        """The engine's queue."""
        return self.state / "queue.db"

    @property
    def engine_log(self) -> Path:
        """What the background engine has to say."""
        return self.state / "engine.log"

    @property
    def engine_lock(self) -> Path:
        """Held by the one background engine of this user and host."""
        return self.state / "engine.lock"

    @property
    def socket(self) -> Path:
        """Where the background engine listens."""
        return self.runtime / "engine.sock"

    @property
    def fallback_socket(self) -> Path:
        """Where it listens where somebody else has taken the folder of `socket`."""
        return self.state / "run" / "engine.sock"


def host_name() -> str:
    """This host's name, fit for a folder name."""
    name = socket.gethostname() or "localhost"
    return "".join(c if c.isalnum() or c in ".-_" else "-" for c in name).strip(".") or "localhost"


def absolute(path: str) -> Path:
    """A path as a user writes it, `~` included, from the root on. Raises ConfigError."""
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        user = path.split("/", maxsplit=1)[0]
        raise ConfigError(
            f"{path}: no home folder is known for {user}; give the full path"
        ) from None
    except OSError as error:  # the folder that we are in was removed
        raise ConfigError(
            f"{path}: the current folder is gone ({error.strerror}); give the full path"
        ) from None


def folders() -> Folders:
    """The folders in force, from the environment as it is now.

    Raises ConfigError where neither it nor the system knows a home.
    """
    home = os.environ.get("FLOWTUI_HOME")
    if home:
        base = absolute(home)
        state = base / "state" / host_name()
        return Folders(config=base / "config", state=state, runtime=_runtime(str(base)))
    import platformdirs

    try:
        config = Path(platformdirs.user_config_dir("flowtui", appauthor=False))
        state = Path(platformdirs.user_state_dir("flowtui", appauthor=False)) / host_name()
    except RuntimeError:
        config = state = Path()
    if not (config.is_absolute() and state.is_absolute()):
        raise ConfigError(
            "no home folder is known for this user; set HOME, or set FLOWTUI_HOME to a folder for"
            " flowtui's settings and queue"
        )
    return Folders(config=config, state=state, runtime=_runtime(None))


def _runtime(home: str | None) -> Path:
    """The folder of the socket; short, because a Unix socket's path has some 100 bytes at most."""
    import hashlib
    import tempfile

    part = "flowtui"
    if home:
        part += "-" + hashlib.sha256(home.encode()).hexdigest()[:12]
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and Path(given).is_dir() and os.access(given, os.W_OK) and len(given) < 60:
        return Path(given) / part
    try:
        place = tempfile.gettempdir()
    except OSError:  # nowhere to write; the engine will look for another place for its socket
        place = "/tmp"  # noqa: S108
    return Path(place if len(place) < 60 else "/tmp") / f"{part}-{os.getuid()}"  # noqa: S108


def private_folder(path: Path) -> Path:
    """See `system.files.private_folder`. Raises ConfigError where that says NotOurs, OSError."""
    try:
        if path.parent.name in ("flowtui", "state") and path.parent.is_dir():
            files.private_folder(path.parent)  # who may write there can put another in its place
        return files.private_folder(path)
    except files.NotOurs as error:
        raise ConfigError(f"{error}; remove it or set FLOWTUI_HOME") from None


def load_settings(where: Folders | None = None) -> Settings:
    """The settings of the file, with `FLOW_API_URL` over it.

    Raises ConfigError for a file that cannot be read or has a wrong value; unknown keys are
    passed over, so that an older flowtui reads a newer one's file.
    """
    settings = load_file(where)
    url = os.environ.get("FLOW_API_URL")
    if not url:
        return settings
    try:
        return replace(settings, server=check_server(url))
    except ConfigError as error:
        raise ConfigError(f"FLOW_API_URL: {error}") from None


def load_file(where: Folders | None = None) -> Settings:
    """The settings of the file, whatever the environment says. Raises ConfigError."""
    file = (where or folders()).settings_file
    return Settings(**_checked(_read(file)[1], file))


MOST_STATE = 1 << 20
"""Bytes of a file that `read_state` reads."""


def read_state(where: Folders, name: str) -> Any:
    """The JSON value that a program of ours keeps in the state folder; None where there is none
    that makes sense."""
    try:
        return files.parse_json(read_regular(where.state / name, MOST_STATE))
    except (OSError, ValueError):
        return None


def write_state(where: Folders, name: str, value: Any) -> None:
    """Keep a JSON value in the state folder. Raises OSError, ConfigError."""
    import json

    private_folder(where.state)
    write_private(where.state / name, json.dumps(value))


def unknown_keys(where: Folders) -> list[str]:
    """Keys of the settings file that mean nothing here. Raises ConfigError."""
    return sorted(_read(where.settings_file)[1].keys() - {known.name for known in fields(Settings)})


def save_settings(changes: dict[str, Any], where: Folders | None = None) -> None:
    """Write these values into the settings file. None removes a key.

    What else the file holds stays as it is written there: values, comments, order and layout.
    Raises ConfigError for a file that cannot be read: it is left as it is. Raises OSError.
    """
    file = (where or folders()).settings_file
    text, before = _read(file)
    after = {key: value for key, value in (before | changes).items() if value is not None}
    private_folder(file.parent)
    write_private(file, _edited(text, before, after))


def _edited(text: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    """The TOML document `text`, which holds `before`, changed so that it holds `after`."""
    import tomlkit

    try:
        document = tomlkit.parse(text)
        _change(document, before, after)
        edited = document.as_string()
        as_wanted = tomllib.loads(edited) == after
    except Exception:  # noqa: BLE001 - tomlkit stumbles over some layouts, with errors of all kinds
        as_wanted = False
    # Where it cannot be done, the values count for more than how they were written.
    return edited if as_wanted else tomlkit.dumps(after)


def _change(table: MutableMapping[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    """Make a table of a TOML document hold `after` in place of `before`, touching nothing else."""
    from tomlkit.items import InlineTable, Table

    for key in before.keys() - after.keys():
        del table[key]
    for key, value in after.items():
        old = before.get(key)
        if old == value and type(old) is type(value):
            continue
        if isinstance(old, dict) and isinstance(table[key], Table | InlineTable):
            if isinstance(value, dict):
                _change(table[key], old, value)
                continue
        elif isinstance(old, dict):
            del table[key]  # its lines stand in several places of the file
        table[key] = value


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    """The text of a settings file and what it holds; nothing where there is none.

    Raises ConfigError.
    """
    try:
        # With the ends of its lines as they are.
        text = read_regular(file, MOST_SETTINGS).decode("utf-8")
        values = tomllib.loads(text)
        if _is_deeper(values, DEEPEST):
            raise ValueError("nested too deeply")
    except (FileNotFoundError, NotADirectoryError):  # a home may be /dev/null
        return "", {}
    except UnfitFile as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    except OSError as error:
        raise ConfigError(
            f"cannot read {file}: {error.strerror}; correct the file or move it away"
        ) from error
    except RecursionError:
        raise ConfigError(f"{file}: nested too deeply; correct the file or move it away") from None
    except ValueError as error:  # no TOML, no UTF-8, a number of 5,000 digits
        raise ConfigError(f"{file}: {error}; correct the file or move it away") from error
    return text, values


def _is_deeper(values: object, most: int) -> bool:
    """Whether tables and lists are nested more than `most` deep."""
    level = [values]
    while level and most >= 0:
        inner = [[*item.values()] if isinstance(item, dict) else item for item in level]
        level = [value for item in inner if isinstance(item, list) for value in item]
        most -= 1
    return bool(level)


_KINDS: dict[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
}

_BOUNDS: dict[str, tuple[int, int]] = {
    "jobs": (1, 64),
    "connections": (0, 16),
    "limit_rate": (0, 1 << 50),
    "bulk_above": (0, 1 << 50),
    "bulk_patience": (1, 10_080),
    "refresh_rate": (0, 20),
}

ON_CHANGE = ("replace", "keep", "fail")
_CHOICES: dict[str, tuple[str, ...]] = {
    "on_change": ON_CHANGE,
    "link": ("auto", "reflink", "hard", "copy", "never"),
    "notify": tuple(Notify),
}


def _checked(given: dict[str, Any], file: Path) -> dict[str, Any]:
    """The known keys of a settings file, each of the right kind. Raises ConfigError."""
    checked: dict[str, Any] = {}
    for setting in fields(Settings):
        if setting.name in given:
            try:
                checked[setting.name] = _value(setting.name, given[setting.name])
            except ConfigError as error:
                raise ConfigError(f"{file}: {setting.name}: {error}") from None
    return checked


def _value(name: str, value: Any) -> Any:
    """The value of one setting. Raises ConfigError, which says what is wrong with it."""
    default = getattr(Settings(), name)
    if name == "limit_rate" and isinstance(value, str):
        value = parse_rate(value)
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    kind = str if default is None else type(default)
    if type(value) is not kind:
        raise ConfigError(f"must be {_KINDS[kind]}, not {reprlib.repr(value)}")
    if isinstance(value, float) and not (math.isfinite(value) and value > 0):
        raise ConfigError("must be a number of seconds above 0")
    if name in _BOUNDS and isinstance(value, int):
        lowest, highest = _BOUNDS[name]
        if not lowest <= value <= highest:
            raise ConfigError(f"must be from {lowest} to {highest}")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ConfigError(f"must be one of {', '.join(_CHOICES[name])}, not {reprlib.repr(value)}")
    if name == "keys":
        value = _flat(value)
    if name == "actions":
        return {key: _fields_of_action(item) for key, item in value.items()}
    if isinstance(value, dict) and not all(isinstance(item, str) for item in value.values()):
        raise ConfigError("must have text as its values")
    return check_server(value) if name in ("server", "found_server") else value


def _flat(table: dict[str, Any], before: str = "") -> dict[str, Any]:
    """`tree.mark = "x"` and `"tree.mark" = "x"` alike; TOML makes nested tables of the first."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value
    return found


def _fields_of_action(item: Any) -> dict[str, str]:
    """The table of one action; a switch may be written as one. Raises ConfigError."""
    if not isinstance(item, dict):
        raise ConfigError(f"must be tables, [actions.NAME], not {reprlib.repr(item)}")
    fields_ = {name: str(value).lower() if isinstance(value, bool) else value
               for name, value in item.items()}  # fmt: skip
    if not all(isinstance(value, str) for value in fields_.values()):
        raise ConfigError("must have text as its values")
    return fields_


def check_server(url: str) -> str:
    """A base URL without trailing slash. Raises ConfigError for what is not http(s)."""
    from urllib.parse import urlsplit

    text = url.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_ok = urlsplit(""), False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_ok:
        raise ConfigError(f"{url!r} is not a server address; write it like https://api.flow.bio")
    if parts.username or parts.password:
        raise ConfigError("a server address must not contain a user name or password")
    if parts.query or parts.fragment:
        raise ConfigError(f"{url!r}: a server address must not contain ? or #")
    return text


_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_rate(text: str) -> int:
    """Bytes a second of `20M`, `500k`, `1.5G`, `0` (no limit). Raises ConfigError."""
    number = text.strip().upper().removesuffix("/S").removesuffix("B").removesuffix("I")
    unit = number[-1:] if number[-1:] in "KMG" else ""
    try:
        rate = float(number[: len(number) - len(unit)])
    except ValueError:
        rate = -1.0
    if not 0 <= rate * _UNITS[unit] <= 1 << 50:
        raise ConfigError(f"{text!r} is not a rate; write it like 20M, 500k, or 0 for no limit")
    return int(rate * _UNITS[unit])
