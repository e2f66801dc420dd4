"""Settings and folders: round trips, wrong values with their names, and whose folders are used."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowtui import config
from flowtui.config import (
    ConfigError,
    Folders,
    Settings,
    check_server,
    folders,
    host_name,
    load_settings,
    parse_rate,
    private_folder,
    save_settings,
)
from flowtui.system.files import write_private


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FLOW_API_URL", "FLOWTUI_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def where(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "config", tmp_path / "state", tmp_path / "run")


def write(where: Folders, **values: Any) -> None:
    where.config.mkdir(exist_ok=True)
    where.settings_file.write_text(tomlkit.dumps(values))


hosts = st.sampled_from(["https://flow.test", "http://127.0.0.1:8000/api"])
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
every_setting = st.fixed_dictionaries(
    {},
    optional={
        "server": hosts,
        "found_server": hosts,
        "download_dir": texts,
        "jobs": st.integers(1, 64),
        "connections": st.integers(0, 16),
        "limit_rate": st.integers(0, 1 << 50),
        "bulk_above": st.integers(0, 1 << 30),
        "check_containers": st.booleans(),
        "accept_any_type": st.booleans(),
        "accept_broken": st.booleans(),
        "connect_timeout": st.floats(0.1, 1e6),
        "read_timeout": st.floats(0.1, 1e6),
        "ca_file": texts,
        "usernames": st.dictionaries(texts, texts, max_size=2),
    },
)


@given(every_setting)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_settings_come_back_as_they_were_saved(where: Folders, values: dict[str, Any]):
    where.settings_file.unlink(missing_ok=True)
    save_settings(values, where)
    assert load_settings(where) == Settings(**values)
    assert stat.S_IMODE(where.settings_file.stat().st_mode) == 0o600
    assert [one.name for one in where.config.iterdir()] == ["settings.toml"]


def test_without_a_file_all_is_as_usual(where: Folders):
    assert load_settings(where) == Settings()
    assert not where.config.exists()


def test_saving_keeps_what_else_is_there_and_none_removes(where: Folders):
    write(where, jobs=3, from_a_newer_version="kept", usernames={"https://a": "me"})
    save_settings({"found_server": "https://flow.test", "jobs": None}, where)
    loaded = load_settings(where)
    assert (loaded.found_server, loaded.jobs, loaded.usernames) == (
        "https://flow.test", 4, {"https://a": "me"},
    )  # fmt: skip
    assert "from_a_newer_version" in where.settings_file.read_text()


WRITTEN = """\
# My settings.
server = 'https://flow.test'    # the institute's

jobs       = 0x8   # one a core
  limit_rate = "20M"

# Where large files go.
download_dir = "/data"
from_a_newer_version = [
    1,  # kept
    2,
]

[usernames]   # written by flowtui
"https://flow.test" = "alice"   # me
"https://other.test" = "bob"
# the end
"""


def test_what_people_wrote_into_the_file_stays_as_they_wrote_it(where: Folders):
    where.config.mkdir()
    where.settings_file.write_text(WRITTEN)
    names = {"https://flow.test": "carol", "https://other.test": "bob", "https://new.test": "dave"}
    save_settings(
        {"download_dir": "/scratch", "found_server": "https://found.test", "usernames": names},
        where,
    )
    expected = (
        WRITTEN.replace('"/data"', '"/scratch"')
        .replace('"alice"', '"carol"')
        .replace("]\n\n[usernames]", ']\nfound_server = "https://found.test"\n\n[usernames]')
        + '"https://new.test" = "dave"\n'
    )
    assert where.settings_file.read_text() == expected


def test_what_is_saved_as_it_was_changes_no_byte(where: Folders):
    where.config.mkdir()
    where.settings_file.write_text(WRITTEN)
    save_settings({"jobs": 8, "download_dir": "/data", "found_server": None}, where)
    assert where.settings_file.read_text() == WRITTEN


def test_a_value_that_goes_takes_its_line_with_it_and_no_other(where: Folders):
    where.config.mkdir()
    where.settings_file.write_text(WRITTEN)
    save_settings({"jobs": None, "usernames": {"https://other.test": "bob"}}, where)
    gone = ("jobs ", '"https://flow.test"')
    lines = [one for one in WRITTEN.splitlines() if not one.startswith(gone)]
    assert where.settings_file.read_text().splitlines() == lines


@pytest.mark.parametrize(
    "text",
    [
        "# c\r\njobs = 1   # mine\r\n",
        "jobs = 1 # mine",
        "\n\n\tjobs=1#mine\n\n\n",
        '[usernames]\n"https://a" = "me" # mine\n[later]\nx = 1\n',
        "usernames = { 'https://a' = 'me' }  # mine\njobs = 1\n",
        'usernames."https://a" = "me"  # mine\njobs = 1\n',
        'usernames."https://a" = "me"\njobs = 1 # mine\nusernames."https://b" = "you"\n',
        'later.x = 1\n[[list]] # mine\n[[list]]\nnames = """\none\ntwo"""\n',
    ],
)
def test_a_file_of_odd_layout_keeps_its_comments(where: Folders, text: str):
    where.config.mkdir()
    where.settings_file.write_bytes(text.encode())
    before = tomllib.loads(text)
    names = {**before.get("usernames", {}), "https://new": "them"}
    save_settings({"found_server": "https://found", "usernames": names}, where)
    after = where.settings_file.read_bytes().decode()
    assert tomllib.loads(after) == before | {"found_server": "https://found", "usernames": names}
    assert after.count("mine") == text.count("mine")
    assert after.count("\r") == text.count("\r")


lines_of_toml = st.sampled_from(
    ["jobs = 1_0", "  zz=[1,\n 2 , # two\n]", "server   = 'https://a'  # c", "a.b = 1", "a . c = 2",
     'usernames."https://a" = "me"', "usernames.'https://b'='you' # c", "", "# c", "[later] # c",
     "[usernames]", "[[list]]", "[later.sub]", "usernames = {x = 'y'}", "y = 2020-01-01"]
)  # fmt: skip


@given(
    st.lists(lines_of_toml, max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.dictionaries(st.sampled_from(["https://a", "https://b", "x"]) | texts, texts, max_size=2),
    st.none() | st.integers(1, 64),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_the_layout_the_values_are_right(
    where: Folders, lines: list[str], end: str, names: dict[str, str], jobs: int | None
):
    text = end.join(lines)
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    where.config.mkdir(exist_ok=True)
    where.settings_file.write_bytes(text.encode())
    changes = {"found_server": "https://found", "usernames": names, "jobs": jobs}
    save_settings(changes, where)
    after = tomllib.loads(where.settings_file.read_bytes().decode())
    assert after == {key: one for key, one in (before | changes).items() if one is not None}


def test_a_layout_that_cannot_be_changed_costs_the_comments_and_no_value(
    where: Folders, monkeypatch
):
    where.config.mkdir()
    where.settings_file.write_text(WRITTEN)

    def stumble(text: str) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr(tomlkit, "parse", stumble)
    save_settings({"jobs": 2}, where)
    assert tomllib.loads(where.settings_file.read_text()) == tomllib.loads(WRITTEN) | {"jobs": 2}


def test_many_writers_leave_a_whole_file(where: Folders):
    """Of two at the same time the last one counts; nobody ever reads half a file."""
    where.config.mkdir()
    where.settings_file.write_text(WRITTEN)
    keys = ("jobs", "connections", "bulk_above")

    def write_often(key: str) -> None:
        for number in range(1, 11):
            save_settings({key: number}, where)
            load_settings(where)

    with ThreadPoolExecutor(len(keys)) as pool:
        list(pool.map(write_often, keys))
    assert load_settings(where).download_dir == "/data"
    assert "# one a core" in where.settings_file.read_text()
    assert [one.name for one in where.config.iterdir()] == ["settings.toml"]


def test_reading_settings_loads_nothing_that_only_writing_needs():
    code = "import sys; from flowtui import config; config.load_settings(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "tomllib" in done.stdout.split()
    assert "tomlkit" not in done.stdout.split()


@pytest.mark.parametrize(
    "values",
    [
        {"jobs": 0}, {"jobs": 65}, {"jobs": "4"}, {"jobs": 4.5}, {"jobs": True},
        {"connections": -1}, {"connections": 17},
        {"limit_rate": -5}, {"limit_rate": "fast"}, {"limit_rate": True},
        {"bulk_above": -1}, {"check_containers": 1}, {"check_containers": "yes"},
        {"connect_timeout": 0}, {"read_timeout": 0.0}, {"read_timeout": -1},
        {"read_timeout": float("nan")}, {"read_timeout": float("inf")}, {"read_timeout": "30"},
        {"server": "api.flow.bio"}, {"server": 5}, {"found_server": "https://u:p@flow.test"},
        {"download_dir": 5}, {"ca_file": ["x"]},
        {"usernames": "me"}, {"usernames": {"https://a": 5}},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_value_is_refused_with_file_and_key(where: Folders, values: dict[str, Any]):
    write(where, **values)
    with pytest.raises(ConfigError) as caught:
        load_settings(where)
    assert str(where.settings_file) in str(caught.value)
    assert next(iter(values)) in str(caught.value)


@pytest.mark.parametrize("content", [b"jobs = ", b"\xff\xfe", b"jobs = 1\njobs = 2"])
def test_a_file_that_cannot_be_read_is_refused_and_never_overwritten(where: Folders, content):
    where.config.mkdir()
    where.settings_file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"settings\.toml.*correct the file"):
        load_settings(where)
    with pytest.raises(ConfigError, match=r"settings\.toml.*correct the file"):
        save_settings({"jobs": 2}, where)
    assert where.settings_file.read_bytes() == content


def test_whole_seconds_and_rates_in_words_are_taken(where: Folders):
    write(where, read_timeout=30, limit_rate="1.5M", server="https://flow.test/api/ ")
    loaded = load_settings(where)
    assert (loaded.read_timeout, loaded.limit_rate) == (30.0, 3 << 19)
    assert loaded.server == "https://flow.test/api"


def test_the_environment_names_the_server_over_the_file(where: Folders, monkeypatch):
    write(where, server="https://file.test", jobs=2)
    monkeypatch.setenv("FLOW_API_URL", "https://environment.test/")
    loaded = load_settings(where)
    assert (loaded.server, loaded.base_url, loaded.jobs) == (
        "https://environment.test", "https://environment.test", 2,
    )  # fmt: skip
    monkeypatch.setenv("FLOW_API_URL", "nonsense")
    with pytest.raises(ConfigError, match="FLOW_API_URL"):
        load_settings(where)


def test_which_server_is_talked_to():
    assert Settings().base_url == config.DEFAULT_SERVER
    assert Settings(found_server="https://found").base_url == "https://found"
    assert Settings(server="https://named", found_server="https://found").base_url == (
        "https://named"
    )


def test_where_downloads_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert Settings().target() == tmp_path / "downloads"
    assert Settings(download_dir="~/data").target() == Path("/home/me/data")
    assert Settings(download_dir="~/data").target("here") == tmp_path / "here"


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("0", 0), ("1000", 1000), ("500k", 500 << 10), ("20M", 20 << 20), ("1.5G", 3 << 29),
        (" 20 M ", 20 << 20), ("20MB", 20 << 20), ("20MiB/s", 20 << 20), ("20m/s", 20 << 20),
        ("10B", 10),
    ],
)  # fmt: skip
def test_rates(text: str, rate: int):
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "fast", "-1", "1T", "M", "1e400", "nan", "inf", "20MM", "1 2", "999999999G", "0x1"]
)
def test_what_is_no_rate(text: str):
    with pytest.raises(ConfigError, match="is not a rate"):
        parse_rate(text)


@given(st.text(max_size=12) | st.from_regex(r"[0-9.]{1,8}[kKmMgG]?i?[bB]?(/s)?", fullmatch=True))
def test_any_text_is_a_rate_or_refused(text: str):
    try:
        assert 0 <= parse_rate(text) <= 1 << 50
    except ConfigError as error:
        assert "not a rate" in str(error)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://api.flow.bio", "https://api.flow.bio"),
        (" https://api.flow.bio/ ", "https://api.flow.bio"),
        ("http://127.0.0.1:8000/api/", "http://127.0.0.1:8000/api"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_server_addresses(url: str, base: str):
    assert check_server(url) == base


@pytest.mark.parametrize(
    "url",
    ["", "flow.bio", "ftp://flow.bio", "https://", "https://u:secret@flow.bio", "https://a:b",
     "https://a?x=1", "https://a#b", "https://a:99999", "file:///etc/passwd", "http://[::1"],
)  # fmt: skip
def test_what_is_no_server_address(url: str):
    with pytest.raises(ConfigError) as caught:
        check_server(url)
    if "secret" in url:
        assert "secret" not in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_a_server_address_or_refused(url: str):
    try:
        assert check_server(check_server(url)) == check_server(url)
    except ConfigError:
        return


# Folders


def test_all_is_below_flowtui_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path / "home"))
    found = folders()
    assert found.config == tmp_path / "home" / "config"
    assert found.state == tmp_path / "home" / "state" / host_name()
    assert list(tmp_path.iterdir()) == []  # nothing is made by asking
    for one in (found.database, found.engine_log, found.engine_lock):
        assert one.parent == found.state
    assert found.credentials_file.parent == found.settings_file.parent == found.config


def test_a_home_is_the_same_from_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FLOWTUI_HOME", "~/flow")
    meant = folders()
    assert meant.config == tmp_path / "flow" / "config"
    monkeypatch.setenv("FLOWTUI_HOME", "flow")
    assert folders() == meant


def test_each_home_has_a_socket_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    sockets = set()
    for home in ("one", "two"):
        monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path / home))
        sockets.add(folders().socket)
    monkeypatch.delenv("FLOWTUI_HOME")
    sockets.add(folders().socket)
    assert len(sockets) == 3


def test_the_users_folders_follow_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    found = folders()
    assert found.config == tmp_path / "CONFIG" / "flowtui"
    assert found.state == tmp_path / "STATE" / "flowtui" / host_name()
    if len(str(tmp_path)) < 50:
        assert found.runtime == tmp_path / "run" / "flowtui"


@pytest.mark.parametrize("answer", [RuntimeError("no home"), "relative/.config"])
def test_without_a_home_it_says_what_to_set(
    answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an unknown home platformdirs raises, or (older ones) leaves the `~` where it is."""

    def folder(*args: object, **more: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    import platformdirs

    monkeypatch.delenv("FLOWTUI_HOME", raising=False)
    monkeypatch.setattr(platformdirs, "user_config_dir", folder)
    with pytest.raises(ConfigError, match="set HOME, or set FLOWTUI_HOME"):
        folders()


def test_a_home_of_nobody_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no home folder is known for ~nobody-of-that-name"):
        Settings().target("~nobody-of-that-name/x")


def test_without_a_folder_for_temporary_files_it_asks_for_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "gettempdir", none)
    assert folders().runtime.parent == Path("/tmp")


@pytest.mark.parametrize("kind", ["missing", "long", "not writable", "none"])
def test_where_no_runtime_folder_can_be_used_it_is_below_tmp(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
):
    given_folder = tmp_path / ("x" * 100 if kind == "long" else "run")
    if kind != "missing":
        given_folder.mkdir()
    if kind != "none":
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(given_folder))
    if kind == "not writable":
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    found = folders().runtime
    assert found.parent == Path(tempfile.gettempdir())
    assert str(os.getuid()) in found.name


@pytest.mark.parametrize("home", [None, "/somewhere/" + "long/" * 30])
@pytest.mark.parametrize("folder", ["XDG_RUNTIME_DIR", "TMPDIR"])
def test_a_socket_fits_into_its_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str | None, folder: str
):
    """A Unix socket's path has 108 bytes, its end included; 104 on some systems."""
    deep = tmp_path / ("d" * 80)
    deep.mkdir()
    monkeypatch.setenv(folder, str(deep))
    monkeypatch.setattr(tempfile, "tempdir", None)  # look at TMPDIR again
    if home:
        monkeypatch.setenv("FLOWTUI_HOME", home)
    assert len(os.fsencode(folders().socket)) < 104
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_a_host_name_is_fit_for_a_folder(monkeypatch: pytest.MonkeyPatch):
    for name, folder in [
        ("node-12.cluster", "node-12.cluster"), ("a/b", "a-b"), ("..", "localhost"),
        ("", "localhost"), ("x\x1b", "x-"),
    ]:  # fmt: skip
        monkeypatch.setattr(config.socket, "gethostname", lambda name=name: name)
        assert host_name() == folder


def test_a_private_folder_is_made_or_made_private(tmp_path: Path):
    made = private_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    made.chmod(0o755)
    assert private_folder(made) == made
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "another user's"])
def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path, monkeypatch, kind: str):
    path = tmp_path / "f"
    if kind == "file":
        path.write_text("")
    elif kind == "another user's":
        path.mkdir()
        monkeypatch.setattr(os, "getuid", lambda: 4711)
    else:
        if kind == "link":
            (tmp_path / "there").mkdir()
        path.symlink_to(tmp_path / "there")
    with pytest.raises(ConfigError, match="not a folder of yours"):
        private_folder(path)


def test_a_private_file_is_replaced_at_once_or_not_at_all(tmp_path: Path, monkeypatch):
    file = tmp_path / "f"
    write_private(file, "old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(file, "newer")
    assert file.read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["f"]
