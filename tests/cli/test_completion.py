"""Completion: what the shells themselves offer with the printed script."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowtui.cli.main import COMMANDS, cli
from support.waiting import GUARD

BIN = Path(sys.executable).parent


def offered(words: str, home: Path) -> set[str]:
    """What the program offers where the last of the words is being typed, as bash asks it."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "FLOWTUI_HOME": str(home),
        "_FLOWTUI_COMPLETE": "bash_complete", "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1), "FLOW_API_URL": "http://127.0.0.1:1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "flowtui"], env=environment, capture_output=True, text=True,
        timeout=GUARD, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return {line.partition(",")[2] for line in done.stdout.splitlines()}


def test_commands_options_and_choices_are_offered(tmp_path: Path) -> None:
    assert offered("flowtui ", tmp_path) == set(COMMANDS)
    assert offered("flowtui ma", tmp_path) == {"man", "manifest"}
    assert offered("flowtui get --ex", tmp_path) == {"--exclude", "--exclude-from"}
    assert offered("flowtui get --bulk a", tmp_path) == {"auto", "always"}
    assert offered("flowtui completion ", tmp_path) == {"bash", "zsh", "fish"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_reads(shell: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert "_FLOWTUI_COMPLETE" in result.stdout
    (tmp_path / "script").write_text(result.stdout)
    if (program := shutil.which(shell)) is not None:
        subprocess.run([program, "-n", tmp_path / "script"], check=True, timeout=GUARD)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes(tmp_path: Path) -> None:
    script = CliRunner().invoke(cli, ["completion", "bash"]).stdout
    asks = f"""{script}
COMP_WORDS=(flowtui get --ignore); COMP_CWORD=2
_flowtui_completion flowtui --ignore get
echo "${{COMPREPLY[@]}}"
"""
    environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "FLOWTUI_HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", asks], env=environment, capture_output=True, text=True, timeout=GUARD,
        check=True,
    )  # fmt: skip
    assert done.stdout == "--ignore-case\n"
