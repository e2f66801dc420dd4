"""The entry point: `flowtui`, or `python -m flowtui`."""

from __future__ import annotations

from flowtui.cli.main import cli


def main() -> None:
    """Run the command line and leave with its exit status."""
    cli(prog_name="flowtui")


if __name__ == "__main__":
    main()
