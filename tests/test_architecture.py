"""The arrows between the packages, and modules that hold one idea each."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import flowtui
from flowtui.protocol import messages

ROOT = Path(__file__).parent.parent
PACKAGE = Path(flowtui.__file__).parent

MAY_IMPORT = {
    "cli": {"tui", "daemon", "engine", "streams", "transfer", "protocol", "connect",
            "flow", "config", "crash_report", "demo", "peek", "sheets", "text", "system"},
    "tui": {"daemon", "protocol", "connect", "flow", "config", "crash_report", "peek", "text"},
    "daemon": {"engine", "protocol", "config", "system", "text"},
    "engine": {"transfer", "protocol", "connect", "flow", "config", "retry", "timings", "system",
               "text"},
    "streams": {"transfer", "flow", "retry", "text"},
    "transfer": {"protocol", "flow", "retry", "timings", "system", "text"},
    "protocol": {"flow"},
    "connect": {"flow", "config"},
    "crash_report": {"config", "system", "text"},
    "config": {"system"},
    "flow": {"retry", "timings", "system", "text"},
    "peek": {"flow", "text"},
    "timings": {"retry"},
    "demo": {"text"},
    "retry": set(),
    "sheets": set(),
    "system": set(),
    "text": set(),
    "__main__": {"cli", "system"},
}  # fmt: skip
"""The table of docs/architecture.md: the parts of the product, and what each may import of it."""


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
    loaded = imported("import flowtui.daemon.connect, flowtui.protocol.messages")
    assert not loaded & {"httpx", "sqlite3", "flowtui.engine.engine"}


def test_help_is_light():
    """It needs neither settings nor what is said to the engine, which cost as much as it does."""
    loaded = imported(
        "import sys; sys.argv = ['flowtui', '--help']\n"
        "from flowtui.__main__ import command_line\n"
        "try:\n    command_line()\nexcept SystemExit:\n    print()\n"
    )
    assert "flowtui.cli.main" in loaded
    assert not loaded & {"flowtui.config", "flowtui.protocol.messages", "tempfile", "httpx"}


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
        "from flowtui.__main__ import command_line\n"
        "try:\n    command_line()\nexcept SystemExit:\n    import httpx\n"
    )
    assert "httpx" in loaded
    assert not loaded & {"rich", "pygments"}


def python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def module_name(file: Path) -> str:
    name = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
    return name.removesuffix(".__init__")


def arrows() -> dict[str, set[str]]:
    """Module → modules of ours that it imports, wherever in it."""
    names = {module_name(file) for file in python_files()}
    found: dict[str, set[str]] = {name: set() for name in names}
    for file in python_files():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                whole = {f"{node.module}.{name.name}" for name in node.names}
                imported = whole & names or {node.module}
            elif isinstance(node, ast.Import):
                imported = {name.name for name in node.names}
            else:
                continue
            found[module_name(file)] |= imported & names
    return found


def test_every_arrow_is_one_of_the_table():
    against = {
        (module, other)
        for module, imported in arrows().items()
        for other in imported - {"flowtui"}
        if module != "flowtui"
        and (part := module.split(".")[1]) != (target := other.split(".")[1])
        and target not in MAY_IMPORT[part]
    }
    assert not against


def test_no_module_imports_itself_by_others():
    """Not inside functions either: a circle is one however late it is closed."""
    from graphlib import TopologicalSorter

    graph = arrows()
    # `import flowtui` asks for the version, and packages are imported with what is in them.
    packages = {name for name in graph if (PACKAGE.parent / name.replace(".", "/")).is_dir()}
    TopologicalSorter(
        {name: imported - packages for name, imported in graph.items() if name not in packages}
    ).prepare()


def test_the_engine_has_few_rooms_of_its_own_level():
    rooms = [one for one in (PACKAGE / "engine").iterdir() if not one.name.startswith("__")]
    assert 5 <= len(rooms) <= 10


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
    asked = public - {"events", "close", "is_same_version"}
    assert asked <= listed


SLEEPERS = {"tests/engine/test_faults_kill.py": "kills at a moment that chance chooses"}
"""Tests that may sleep, and why."""


def test_no_test_sleeps_or_changes_constants_by_their_dotted_names() -> None:
    """A sleep is too short on a busy machine, or too long; see CONTRIBUTING for what to do."""
    faults = []
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        name = str(file.relative_to(ROOT))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            sleeps = re.search(r"(?<!def )\bsleep\(", line) and name not in SLEEPERS
            constant = re.search(r"""setattr\(\s*["']flowtui\.[\w.]*\.[A-Z_]+["']""", line)
            if (sleeps and file.name != "test_architecture.py") or constant:
                faults.append(f"{name}:{number}: {line.strip()}")
    assert faults == []


def test_the_architecture_page_names_files_that_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    there = {str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*.py")}
    for folder in ("tests", "bench"):
        there |= {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py")}
    named = set(re.findall(r"`([\w/]+\.py)`", page))
    assert len(named) > 40
    lost = {name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in there)}
    assert not lost
