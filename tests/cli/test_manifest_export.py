"""manifest for aria2c and curl: addresses and paths in the list, the token in a file of its own."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowtui.cli.exit_codes import Exit
from flowtui.cli.main import cli
from flowtui.cli.manifest_export import file_url, list_lines, token_line
from flowtui.cli.manifest_table import ManifestRow
from flowtui.flow.remote_file import RemoteFile

BASE = "https://flow.test/api"
MD5 = "0123456789abcdef0123456789abcdef"
TOKEN = "tok-a1b2c3d4e5"


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, ["manifest", "data/1", *args])


@pytest.fixture
def contents(flow: Any) -> None:
    odd = 'a "b" \\ c.fq'
    flow.answers["/data/1"] = (200, {"id": "1", "filename": odd, "size": 7, "md5": MD5})


@pytest.mark.usefixtures("contents", "signed_in")
@pytest.mark.parametrize("kind", ["aria2c", "curl"])
def test_the_token_is_in_a_file_of_its_own_beside_the_list(kind: str, tmp_path: Path) -> None:
    listed, token = tmp_path / "list", tmp_path / "list.token"
    token.write_text("old")
    token.chmod(0o644)
    result = run("--format", kind, "--output", str(listed), "--to", str(tmp_path / "x"))
    assert result.exit_code == 0, result.output
    assert TOKEN in token.read_text()
    assert token.stat().st_mode & 0o777 == 0o600
    assert TOKEN not in listed.read_text() + result.output
    assert "/downloads/1/a%20%22b%22%20%5C%20c.fq" in listed.read_text()
    assert str(token) in result.stderr


@pytest.mark.usefixtures("contents", "signed_in")
def test_the_user_names_the_file_for_the_token_where_the_list_goes_to_stdout(
    flow: Any, tmp_path: Path
) -> None:
    refused = run("--format", "curl")
    assert refused.exit_code == Exit.USAGE
    assert "--token-file FILE" in refused.stderr
    assert not [path for _, path, _ in flow.asked if path.startswith("/data/")]
    result = run("--format", "curl", "--token-file", str(tmp_path / "t"))
    assert result.exit_code == 0, result.output
    assert 'output = "data/a \\"b\\" _ c.fq"' in result.stdout
    assert (tmp_path / "t").read_text() == f'header = "Authorization: Bearer {TOKEN}"\n'


@pytest.mark.usefixtures("contents")
def test_without_a_sign_in_there_is_no_token(flow: Any, tmp_path: Path) -> None:
    flow.needs_token = False
    result = run("--format", "aria2c", "--output", str(tmp_path / "list"))
    assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.glob("list*")] == ["list"]


@pytest.mark.usefixtures("contents", "signed_in")
@pytest.mark.parametrize(
    "args",
    [("--json", "--output", "x"), ("--json", "--format", "curl"), ("--token-file", "x")],
)
def test_options_that_mean_nothing_together_are_refused(args: tuple[str, ...]) -> None:
    assert run(*args).exit_code == Exit.USAGE


@pytest.mark.parametrize(
    ("url", "data_id", "wanted"),
    [
        ("/downloads/1/x", "1", f"{BASE}/downloads/1/x"),
        (f"{BASE}/downloads/1/x", "1", f"{BASE}/downloads/1/x"),
        ("/downloads/1/x?X-Amz-Signature=abc", "1", f"{BASE}/downloads/1/x%20y"),
        ("https://elsewhere.test/x", "1", f"{BASE}/downloads/1/x%20y"),
        ("https://elsewhere.test/x", None, None),
        ('/x"\nheader = "a', "1", f"{BASE}/downloads/1/x%20y"),
        ("/x\thttp://elsewhere.test", "1", f"{BASE}/downloads/1/x%20y"),
        ("/executions/9/a%20b", None, f"{BASE}/executions/9/a%20b"),
        ("record:9/params.json", None, None),
    ],
)
def test_a_list_has_only_flows_own_plain_addresses(
    url: str, data_id: str | None, wanted: str | None
) -> None:
    file = RemoteFile("data/1", "x y", url, data_id=data_id)
    absolute = lambda link: link if "://" in link else BASE + link  # noqa: E731
    assert file_url(file, absolute, lambda link: link.startswith("https://flow.test/")) == wanted


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_reads_a_list_as_it_was_meant(tmp_path: Path) -> None:
    """Names with quotes, `-` and brackets go where they should, in curl's own reading."""
    there = tmp_path / "there"
    there.write_text("bytes")
    rows = [
        ManifestRow(f"data/{n}", path) for n, path in enumerate(('a "b"/[1-2] {c}', "-", "é/x"))
    ]
    lines = list_lines("curl", [(there.as_uri(), row) for row in rows])
    (tmp_path / "list").write_text("\n".join(lines) + "\n")
    (tmp_path / "token").write_text(token_line("curl", "Bearer t"))
    done = subprocess.run(
        ["curl", "-sS", "-K", "token", "-K", "list"], cwd=tmp_path, capture_output=True, check=True
    )
    assert done.stdout == b""
    assert all((tmp_path / row.path).read_text() == "bytes" for row in rows)


def test_a_list_for_aria2c_has_the_checksums() -> None:
    rows = [
        ("https://f/1", ManifestRow("data/1", "a/x y", 1, MD5)),
        ("https://f/2", ManifestRow("data/2", "b")),
    ]
    assert list_lines("aria2c", rows)[1:] == [
        "https://f/1", "  out=a/x y", f"  checksum=md5={MD5}", "https://f/2", "  out=b",
    ]  # fmt: skip
    assert token_line("aria2c", "Bearer t") == "header=Authorization: Bearer t"
