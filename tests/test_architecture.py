"""The arrows between the packages, and modules that hold one idea each."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import flowtui
from flowtui.protocol import messages

ROOT = Path(__file__).parent.parent
PACKAGE = Path(flowtui.__file__).parent

LONGEST = 450
"""Lines of a module; a longer one is a sign that it holds two ideas."""


def modules(package: str) -> list[str]:
    """A package and all that is in it, by name."""
    folder = PACKAGE.joinpath(*package.split(".")[1:])
    return [
        package,
        *(one.name for one in pkgutil.walk_packages([str(folder)], prefix=f"{package}.")),
    ]


def imported(code: str) -> set[str]:
    """What is loaded after this code ran, in a process of its own."""
    code += "\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_import_contracts_are_kept():
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [lint, "--no-cache"], capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    "package",
    ["flowtui.flow", "flowtui.transfer", "flowtui.engine", "flowtui.daemon", "flowtui.cli"],
)
def test_nothing_but_the_app_loads_textual(package: str):
    """A job script, and the engine in the background, pay for no screen."""
    names = modules(package)
    assert len(names) > 8
    loaded = imported("\n".join(f"import {one}" for one in names))
    assert set(names) <= loaded
    assert not {one for one in loaded if one.split(".")[0] == "textual"}


def test_a_client_of_the_engine_is_light():
    """`flowtui status` opens neither httpx nor a database."""
    loaded = imported("import flowtui.daemon.client, flowtui.protocol.messages")
    assert not loaded & {"httpx", "pydantic", "sqlite3", "flowtui.engine.engine"}


def test_flows_client_and_the_demo_stand_alone():
    loaded = imported("\n".join(f"import {one}" for one in modules("flowtui.flow")))
    assert not {
        one
        for one in loaded
        if one.startswith(("flowtui.engine", "flowtui.transfer", "flowtui.cli"))
    }


@pytest.mark.parametrize("package", ["flowtui", "flowtui.flow.client", "flowtui.connect"])
def test_whoever_imports_flowtui_finds_httpx_as_it_was(package: str):
    look = (
        "import sys, httpx; print({name: str(module) for name, module in sys.modules.items()"
        " if name.split('.')[0] == 'httpx'}, sorted(vars(httpx)), type(httpx.main))"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", before + look], capture_output=True, text=True, check=True,
            timeout=60, cwd=ROOT,
        ).stdout
        for before in ("", f"import {package}; ")
    ]  # fmt: skip
    assert said[0] == said[1]


def test_the_program_does_without_httpx_s_own_command():
    """Its imports take longer than all others of `flowtui ls` together."""
    loaded = imported(
        "import sys; sys.argv = ['flowtui', '--version']\n"
        "from flowtui.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    import httpx\n"
    )
    assert "httpx" in loaded
    assert not loaded & {"rich", "pygments"}


def python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_modules_hold_one_idea_each():
    lengths = {
        str(one.relative_to(ROOT)): len(one.read_text(encoding="utf-8").splitlines())
        for one in python_files()
    }
    assert len(lengths) > 50
    long = {name: count for name, count in lengths.items() if count > LONGEST}
    assert not long, f"more than {LONGEST} lines are a sign of two ideas; split {long}"


@pytest.mark.parametrize("word", ["utils", "util", "helpers", "helper", "common", "misc"])
def test_no_module_is_a_drawer_for_anything(word: str):
    assert not [one for one in python_files() if one.stem == word]


def test_every_module_says_what_it_is_for():
    for one in python_files():
        assert ast.get_docstring(ast.parse(one.read_text(encoding="utf-8"))), one


def test_every_request_of_the_protocol_is_told_in_its_own_words():
    """The list in protocol.py is what a reader goes by: it names what the client can ask."""
    from flowtui.daemon.client import EngineClient

    text = messages.__doc__ or ""
    lines = [one for one in text.splitlines() if one.startswith("    ")]
    listed = {one.split()[0] for one in lines}
    public = {name for name in vars(EngineClient) if not name.startswith("_")}
    asked = public - {"connect", "events", "close", "is_same_version"}
    assert asked <= listed
