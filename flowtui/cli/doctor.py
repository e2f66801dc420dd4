"""`flowtui doctor`: look at all that a download needs, and say what to do where it lacks."""

from __future__ import annotations

from collections import Counter

import click

from flowtui.cli.exit_codes import Exit
from flowtui.cli.options import json_option, server_option, to_option
from flowtui.cli.output import Output, counted, one_line


@click.command(short_help="Check all that a download needs.")
@server_option
@to_option
@json_option
def doctor(server: str | None, to: str | None, as_json: bool) -> int:
    """Check all that a download needs, from Python to the quota, and say what to do.

    Each line is ok, warn or fail, with the remedy below it. Nothing is changed, no token is shown,
    and nothing is waited for longer than some seconds.

    \b
    Examples:
      flowtui doctor
      flowtui doctor --json

    \b
    Exit status: 0 nothing fails, 1 something does.
    """
    from flowtui.cli.checks.check import Check, Status
    from flowtui.cli.checks.report import report

    out = Output(as_json=as_json, is_listing=True)

    def show(check: Check) -> None:
        text, remedy = one_line(check.text), one_line(check.remedy)
        if as_json:
            out.event("check", name=check.name, status=check.status, text=text, remedy=remedy)
            return
        out.line(f"{check.status:<5}{check.name:<13}{text}")
        if remedy:
            out.line(f"{'':<18}-> {remedy}")

    counts: Counter[Status] = Counter()
    for check in report(server, to):
        counts[check.status] += 1
        show(check)
    status = Exit.SOME_FAILED if counts[Status.FAIL] else Exit.OK
    out.event("summary", status=int(status), **{str(each): counts[each] for each in Status})
    told = f"{counted(sum(counts.values()), 'check')}: {counts[Status.FAIL] or 'none'} failed"
    out.say(told + (f", {counts[Status.WARN]} to look at" if counts[Status.WARN] else ""))
    return status
