"""The command `flowtui`: its options, its subcommands (loaded when asked for), its errors."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from flowtui import __version__
from flowtui.cli.exit_codes import CommandError, Exit, Interrupted, as_command_error
from flowtui.cli.options import SHELL_ERRORS, server_option, to_option
from flowtui.cli.output import Output, OutputLost, on_terminal
from flowtui.cli.silent_home import watch_home
from flowtui.cli.verbose import with_verbose
from flowtui.system.standard_streams import end_by_broken_pipe, failure_of

COMMANDS: dict[str, tuple[str, str]] = {
    "add": ("queue:add", "Add files to the background queue."),
    "cat": ("cat:cat", "Write files to stdout, verified as they come."),
    "cancel": ("queue:cancel", "Cancel transfers and remove their partial files."),
    "find": ("find:find", "Search for samples, files, executions and projects."),
    "forget": ("queue:forget", "Remove finished transfers from the list."),
    "completion": ("completion:completion", "Print the completion script for a shell."),
    "demo": ("demo:demo", "Try the app on a demo server with sample data."),
    "doctor": ("doctor:doctor", "Check all that a download needs."),
    "diff": ("diff:diff", "Compare what was downloaded with what Flow has now."),
    "engine": ("engine:engine", "Control the background engine."),
    "get": ("get:get", "Download files in the foreground."),
    "log": ("log:log", "Show what was downloaded to a folder, and when."),
    "login": ("account:login", "Sign in to Flow."),
    "logout": ("account:logout", "Sign out and remove the stored token."),
    "ls": ("ls:ls", "List projects, samples and files."),
    "man": ("man:man", "Print the manual page."),
    "manifest": ("manifest:manifest", "List files and their places, for get --from elsewhere."),
    "peek": ("peek:peek", "Look into a file without downloading it."),
    "pause": ("queue:pause", "Pause transfers."),
    "resume": ("queue:resume", "Resume paused transfers."),
    "retry": ("queue:retry", "Retry failed transfers."),
    "samplesheet": ("samplesheet:samplesheet", "Write the sample sheet that a pipeline takes."),
    "status": ("status:status", "Show the background queue."),
    "verify": ("verify:verify", "Read downloaded files again and compare them."),
    "wait": ("wait:wait", "Wait until background downloads have ended."),
    "whoami": ("account:whoami", "Show who is signed in."),
}
"""Subcommand → where it lives in this package, and its line in the help."""


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are used, so that help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        command = getattr(import_module(f"flowtui.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return with_verbose(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(COMMANDS.items())])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; ctrl-c is an error of ours, which click would greet with an empty line."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> NoReturn:
        """Run, and leave with an exit status; every error is one line, never a traceback."""
        words = list(sys.argv[1:] if args is None else args)
        out = Output(as_json="--json" in words)
        extra["standalone_mode"] = False
        if "--help" not in words:
            watch_home(out.say)
        try:
            result = super().main(words, *more, **extra)
            status = int(result) if isinstance(result, int) else Exit.OK
        except SHELL_ERRORS as error:
            status = _shell_error(error, out)
        except OutputLost as lost:
            status = _without_output(lost.error, out, is_listing=True)
        except Exception as error:  # noqa: BLE001 - the last place; what is unknown is reported
            status = _failed(error, out)
        else:
            status = _after_the_last_word(status, out)
        sys.exit(int(status))


def _after_the_last_word(status: int, out: Output) -> int:
    """The exit status, which tells of results that could not be written where all else was well."""
    sys.stdout.flush()
    failure = failure_of(sys.stdout)
    if failure is None or status != Exit.OK:
        return status
    return _without_output(failure, out, is_listing=not out.as_json)


def _without_output(failure: OSError, out: Output, *, is_listing: bool) -> int:
    """What a command leaves with whose results could not be written: a listing that `head` cuts
    off ends quietly, as other programs do; who counts on each JSON line must know that some lack.
    """
    if is_listing and isinstance(failure, BrokenPipeError):
        return end_by_broken_pipe()
    why = "stdout is closed" if failure.errno == errno.EBADF else failure.strerror
    out.say(f"flowtui: cannot write the output: {why}")
    return Exit.SOME_FAILED


def _shell_error(error: BaseException, out: Output) -> int:
    """What is no fault of the command itself: a stop, wrong usage."""
    if isinstance(error, click.ClickException):
        message = error.format_message()
        if isinstance(error, click.UsageError) and error.ctx is not None:
            message = f"{message} (see `{error.ctx.command_path} --help`)"
        out.error(CommandError(message, exit=Exit.USAGE, code="USAGE"))
        return Exit.USAGE
    out.error(CommandError("interrupted", exit=Exit.INTERRUPTED, code="INTERRUPTED"))
    return Exit.INTERRUPTED


def _failed(error: Exception, out: Output) -> int:
    known = as_command_error(error)
    if known is None:
        known = _crashed(error)
    out.error(known)
    return known.exit


def _crashed(error: Exception) -> CommandError:
    """An unexpected error as a message, after its report has been written."""
    from flowtui.crash_report import reported, scrub

    what = scrub(f"{type(error).__name__}: {error}")
    return CommandError(f"unexpected error: {what}; {reported(error)}", code="CRASH")


def watch_threads() -> None:
    """Have an exception that ends a thread told as one line, with a report, on stderr."""
    import threading

    def tell(ended: threading.ExceptHookArgs) -> None:
        if isinstance(ended.exc_value, Exception):
            Output().error(_crashed(ended.exc_value))

    threading.excepthook = tell


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@server_option
@to_option
@click.version_option(__version__, message="flowtui %(version)s")
@click.pass_context
def cli(ctx: click.Context, server: str | None, to: str | None) -> int:
    """Browse and download what is on Flow (flow.bio).

    Without a command, flowtui opens the app. REF names what to download: project/12, sample/34,
    data/789, execution/456, execution/456/results/x.tsv, or a link to the server's web site.

    \b
    Exit status: 0 all files complete and verified, 1 some files failed, 2 usage, 3 not signed in
    or not allowed, 4 nothing found, 5 not enough disk space, 75 trouble that passes:
    the same command may work later, 130 interrupted.
    """
    if ctx.invoked_subcommand is not None:
        return Exit.OK
    return _open_app(server, to)


def _open_app(server: str | None, to: str | None) -> int:
    if not on_terminal():
        raise CommandError(
            "the app needs a terminal; use `flowtui get` in scripts (see `flowtui --help`)",
            exit=Exit.USAGE,
            code="USAGE",
        )
    if os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        raise CommandError(
            f"this terminal cannot show the app (TERM={os.environ.get('TERM', '')}); use the"
            " commands: `flowtui ls`, `flowtui get`, `flowtui status` (see `flowtui --help`)",
            exit=Exit.USAGE,
            code="USAGE",
        )
    from flowtui.connect import read_settings
    from flowtui.tui import start

    settings, where = read_settings(server)
    return start(settings, where, to=to)
