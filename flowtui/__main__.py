"""The entry point: `flowtui`, or `python -m flowtui`."""

from __future__ import annotations

import sys

from flowtui.system.quick_end import end_quickly
from flowtui.system.standard_streams import make_dependable
from flowtui.system.utf8_mode import require_utf8_mode


def main() -> None:
    """Run the command line, and end this process with its exit status."""
    try:
        command_line()
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        end_quickly(end.code)


def command_line() -> None:
    """Run the command line. Raises SystemExit with its exit status."""
    make_dependable()
    require_utf8_mode()
    _without_command_of_httpx()
    try:
        from flowtui.cli.main import cli, watch_threads
    except KeyboardInterrupt:  # before anything that would say so in words
        sys.exit(130)
    watch_threads()
    cli(prog_name="flowtui")


def _without_command_of_httpx() -> None:
    """Spare this process the imports of httpx's own command, which take longer than httpx's.

    httpx takes a missing `_main` for that command not being installed. Only the program does so:
    whoever imports flowtui as a library has httpx as it is.
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
