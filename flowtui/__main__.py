"""The entry point: `flowtui`, or `python -m flowtui`."""

from __future__ import annotations

import sys

from flowtui.cli.main import cli


def main() -> None:
    """Run the command line and leave with its exit status."""
    _without_command_of_httpx()
    cli(prog_name="flowtui")


def _without_command_of_httpx() -> None:
    """Spare this process the imports of httpx's own command, which take longer than httpx's.

    httpx takes a missing `_main` for that command not being installed. Only the program does so:
    whoever imports flowtui as a library has httpx as it is.
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
