"""`flowtui demo`: the app on an embedded Flow with sample data, apart from all the user's things.

The demo has folders of its own, no keyring and none of the user's tokens, in this process and in
the engine that it starts.
"""

from __future__ import annotations

import os
import signal
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.output import Output, on_terminal

if TYPE_CHECKING:
    from types import FrameType

    from flowtui.config import Folders, Settings
    from flowtui.demo.serve import ServerProcess

USER = PASSWORD = "demo"  # noqa: S105 - the demo's own, printed for everybody to see


@click.command(short_help="Try the app on a demo server with sample data.")
@click.option("--serve-only", is_flag=True, help="Run only the server, until Ctrl-C.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Port of the server; default: a free one.",
)
@click.option(
    "--home",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Folder for the demo's settings, queue and downloads; default: a new temporary one.",
)
@click.option(
    "--scenario",
    "--bulk",
    "scenarios",
    metavar="NAME",
    multiple=True,
    help="Simulate trouble of the server; repeatable. `--scenario list` shows all names.",
)
def demo(serve_only: bool, port: int, home: str | None, scenarios: tuple[str, ...]) -> int:
    """Open the app on a demo server with sample data, signed in as demo.

    Your own settings, tokens, keyring and downloads are not touched.

    \b
    Examples:
      flowtui demo
      flowtui demo --serve-only --port 8080
    """
    out = Output()
    if scenarios:
        _require_installed()
        if "list" in scenarios:
            return _list_scenarios(out)
        _check_scenarios(scenarios)
    if serve_only:
        if home is not None:
            raise click.UsageError("--home cannot be used with --serve-only, which stores nothing")
        return _serve(port, out, scenarios)
    if not on_terminal():
        raise CommandError(
            "the app needs a terminal; use `flowtui demo --serve-only` to run only the server",
            exit=Exit.USAGE,
            code="USAGE",
        )
    from flowtui.config import absolute

    base = absolute(home) if home else Path(tempfile.mkdtemp(prefix="flowtui-demo-"))
    base.mkdir(parents=True, exist_ok=True)
    separate_environment(base)
    with _spawn(port, scenarios) as server:
        return _open_app(server.base_url, base, out)


def separate_environment(base: Path) -> None:
    """Make this process, and what it starts, use `base` and nothing that is the user's.

    To be called before anything looks at the keyring or at the tokens.
    """
    for name in list(os.environ):
        if name.startswith("FLOW_"):
            del os.environ[name]
    os.environ["FLOWTUI_HOME"] = str(base)
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    # Named and absent: otherwise the user's own ~/.config/flow/api-token would be read.
    os.environ["FLOW_TOKEN_FILE"] = str(base / "no-token")


def _list_scenarios(out: Output) -> int:
    from flowtui.demo.scenarios import DESCRIPTIONS

    for scenario, description in DESCRIPTIONS.items():
        out.line(f"{scenario:17}{description}")
    return Exit.OK


def _check_scenarios(scenarios: tuple[str, ...]) -> None:
    from flowtui.demo.scenarios import scenarios_of

    try:
        scenarios_of(scenarios)
    except ValueError as error:
        raise click.UsageError(f"{error}; `--scenario list` shows all names") from error


def _serve(port: int, out: Output, scenarios: tuple[str, ...] = ()) -> int:
    """Run the server in this process until SIGINT or SIGTERM."""
    _require_installed()
    from flowtui.demo.serve import DemoDidNotStart, run

    def ready(url: str) -> None:
        out.line(url)
        out.line(f"user {USER}, password {PASSWORD}")
        out.say(f"Sign in with: flowtui login --server {url}")
        out.say("Press Ctrl-C to stop.")

    try:
        run(port, ready=ready, scenarios=scenarios)
    except DemoDidNotStart as error:
        raise CommandError(f"cannot start the demo server: {error}", code="DEMO") from error
    return Exit.OK


def _spawn(port: int, scenarios: tuple[str, ...] = ()) -> ServerProcess:
    """The server in a process of its own, which ends with this one."""
    _require_installed()
    from flowtui.demo.serve import DemoDidNotStart, spawn

    try:
        return spawn(port=port, scenarios=scenarios)
    except DemoDidNotStart as error:
        raise CommandError(f"cannot start the demo server: {error}", code="DEMO") from error


def _require_installed() -> None:
    """Raise CommandError, saying how to install them, where the demo's packages are missing."""
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise CommandError(
            f"the demo needs {' and '.join(missing)}; "
            f"install {'it' if len(missing) == 1 else 'them'} beside flowtui: "
            f"pip install {' '.join(missing)}",
            code="NOT_INSTALLED",
        )


def _open_app(url: str, base: Path, out: Output) -> int:
    from flowtui.config import folders

    where = folders()
    settings = _sign_in(url, where, base)
    from flowtui.tui import start

    def end(number: int, frame: FrameType | None) -> None:
        # A closed terminal or a kill ends the demo's engine, too. What is raised here would be
        # lost in the app's event loop; so the signal is sent again, with its usual meaning.
        signal.signal(number, signal.SIG_DFL)
        _stop_engine(where)
        os.kill(os.getpid(), number)

    before = {number: signal.signal(number, end) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        return start(settings, where, to=settings.download_dir, engine_stays=False)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _stop_engine(where)
        out.say(
            f"The demo's downloads are in {settings.download_dir};"
            f" delete {base} to remove everything."
        )


def _sign_in(url: str, where: Folders, base: Path) -> Settings:
    """Sign in as the demo's user, keep the token in the demo's own folder; the demo's settings."""
    from flowtui.config import Settings, load_settings, save_settings
    from flowtui.connect import open_client, open_store
    from flowtui.flow.session.credentials import CredentialSource

    store = open_store(where)
    client = open_client(Settings(server=url), store, signed_in=False)
    try:
        client.account.sign_in(USER, PASSWORD)
        credential = client.account.credential
        assert credential is not None
        store.keep(client.server, credential, CredentialSource.FILE)
    finally:
        client.close()
    save_settings(
        {
            "server": url,
            "usernames": {client.server: USER},
            "download_dir": str(base / "downloads"),
        },
        where,
    )
    return load_settings(where)


def _stop_engine(where: Folders) -> None:
    from flowtui.daemon.connect import connect_engine
    from flowtui.daemon.errors import EngineGone, EngineNotRunning

    try:
        with connect_engine(where, start=False) as engine:
            engine.stop()
    except (EngineNotRunning, EngineGone):
        return  # then there is none to stop
