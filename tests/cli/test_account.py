"""login, logout, whoami."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flowtui.cli.exit_codes import Exit
from flowtui.cli.main import cli
from flowtui.config import folders, load_settings, save_settings
from flowtui.flow.session.credential_keyring import CredentialKeyring
from flowtui.flow.session.credentials import Credential

TOKEN = "tok-a1b2c3d4e5"


def run(*args: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli, args, input=typed)


@pytest.fixture
def someone_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowtui.cli.account._can_ask", lambda: True)


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A keyring that works."""
    kept: dict[str, str] = {}

    def put(self: CredentialKeyring, server: str, username: str, one: Credential) -> None:
        kept[username] = one.token

    monkeypatch.setattr(CredentialKeyring, "works", lambda self: True)
    monkeypatch.setattr(CredentialKeyring, "put", put)
    return kept


@pytest.mark.usefixtures("flow", "someone_there")
def test_login_keeps_the_token_in_a_private_file_where_no_keyring_works() -> None:
    result = run("login", typed="y\nalice\nsecret\n")
    assert result.exit_code == 0, result.output
    file = folders().credentials_file
    assert TOKEN in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_settings().usernames == {"https://flow.test": "alice"}
    # Where it goes is said before the password is asked for.
    assert result.stderr.index(str(file)) < result.stderr.index("Password")
    assert "alice (Alice Adams)" in result.stdout
    assert TOKEN not in result.output
    assert "secret" not in result.output


@pytest.mark.usefixtures("flow", "someone_there")
def test_login_keeps_nothing_when_the_file_is_not_wanted(home: Path) -> None:
    result = run("login", typed="n\nalice\nsecret\n")
    assert result.exit_code == Exit.NOT_ALLOWED
    assert not folders().credentials_file.exists()


@pytest.mark.usefixtures("flow", "someone_there")
def test_login_takes_the_keyring_where_one_works(keyring: dict[str, str]) -> None:
    result = run("login", typed="alice\nsecret\n")
    assert result.exit_code == 0, result.output
    assert keyring == {"alice": TOKEN}
    assert not folders().credentials_file.exists()


@pytest.mark.usefixtures("flow", "someone_there")
def test_a_keyring_that_was_asked_for_is_not_swapped_for_a_file() -> None:
    result = run("login", "--keep", "keyring", typed="alice\nsecret\n")
    assert result.exit_code == Exit.SOME_FAILED
    assert "keyring" in result.stderr
    assert not folders().credentials_file.exists()


@pytest.mark.usefixtures("flow", "someone_there")
def test_a_wrong_password_is_status_3() -> None:
    result = run("login", "--keep", "file", typed="alice\nhunter99\n")
    assert result.exit_code == Exit.NOT_ALLOWED
    assert "hunter99" not in result.output
    assert not folders().credentials_file.exists()


@pytest.mark.usefixtures("flow")
def test_a_token_from_standard_input() -> None:
    assert run("login", "--token-stdin", typed="bad\n").exit_code == Exit.NOT_ALLOWED
    result = run("login", "--token-stdin", typed=f"{TOKEN}\n")
    assert result.exit_code == 0, result.output
    assert TOKEN not in result.output
    assert "alice" in run("whoami").output
    assert run("login", "--token-stdin", typed="\n").exit_code == Exit.USAGE


@pytest.mark.usefixtures("flow")
def test_a_script_without_a_terminal_is_told_what_to_use() -> None:
    result = run("login", typed="y\nalice\nsecret\n")
    assert result.exit_code == Exit.USAGE
    assert "--token-stdin" in result.stderr


@pytest.mark.usefixtures("flow", "signed_in")
def test_whoami_says_who_where_and_from_what() -> None:
    result = run("whoami")
    assert "alice (Alice Adams) at https://flow.test" in result.output
    assert "FLOW_ACCESS_TOKEN" in result.output
    assert TOKEN not in result.output
    said = json.loads(run("whoami", "--json").output)
    assert (said["username"], said["source"]) == ("alice", "environment")


@pytest.mark.usefixtures("flow")
def test_whoami_without_a_sign_in_is_status_3(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("whoami").exit_code == Exit.NOT_ALLOWED
    monkeypatch.setenv("FLOW_ACCESS_TOKEN", "expired")
    assert run("whoami").exit_code == Exit.NOT_ALLOWED


@pytest.mark.usefixtures("flow")
def test_logout_removes_what_is_kept_and_says_what_remains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run("login", "--token-stdin", typed=f"{TOKEN}\n")
    monkeypatch.setenv("FLOW_API_TOKEN", "another")
    result = run("logout")
    assert result.exit_code == 0
    assert "removed the token" in result.output
    assert "FLOW_API_TOKEN is still set" in result.output
    assert TOKEN not in folders().credentials_file.read_text()
    assert load_settings().usernames == {}


@pytest.mark.usefixtures("flow")
def test_a_token_file_that_others_can_read_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key.txt"
    file.write_text(TOKEN)
    file.chmod(0o644)
    monkeypatch.setenv("FLOW_TOKEN_FILE", str(file))
    result = run("whoami")
    assert result.exit_code == 0
    assert result.stderr.count(f"flowtui: other users can read {file}; run: chmod 600 {file}") == 1
    file.chmod(0o600)
    assert run("whoami").stderr == ""


@pytest.mark.usefixtures("flow")
def test_login_remembers_its_server_and_the_tokens_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FLOW_API_URL")
    for server in ("https://flow.test", "https://other.test"):
        result = run("login", "--server", server, "--token-stdin", typed=f"{TOKEN}\n")
        assert result.exit_code == 0, result.output
        assert f"{server} is the default server now" in result.stderr
    assert "use --server https://flow.test for the one before" in result.stderr
    assert load_settings().server == "https://other.test"
    assert "at https://other.test" in run("whoami").stdout
    assert "at https://flow.test" in run("whoami", "--server", "https://flow.test").stdout
    again = run("login", "--server", "https://other.test", "--token-stdin", typed=f"{TOKEN}\n")
    assert "default server" not in again.stderr
    assert run("logout").exit_code == 0
    assert run("whoami", "--server", "https://flow.test").exit_code == 0


@pytest.mark.usefixtures("flow")
def test_what_goes_before_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOW_ACCESS_TOKEN", "another-token-1")
    save_settings({"server": "https://other.test"})
    result = run("login", "--token-stdin", typed=f"{TOKEN}\n")
    said = (
        "flowtui: FLOW_API_URL is set: commands use https://flow.test, not https://other.test\n"
        "flowtui: FLOW_ACCESS_TOKEN is set, but the stored token goes before it; `flowtui logout`"
        " removes that\n"
    )
    assert result.stderr.endswith(said)
    assert run("whoami").stderr == said
    assert "another-token-1" not in result.output
    monkeypatch.delenv("FLOW_ACCESS_TOKEN")
    save_settings({"server": "https://flow.test"})
    assert run("whoami").stderr == ""
