"""`flowtui cat`: files of Flow to stdout, as they come."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace

import click

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.options import complete_refs, rate_option, server_option
from flowtui.cli.output import Output, one_line


@click.command(short_help="Write files to stdout, verified as they come.")
@click.argument("refs", metavar="REF...", nargs=-1, required=True, shell_complete=complete_refs)
@rate_option
@click.option("--accept-any-type", is_flag=True, help="Take web pages and JSON as files, too.")
@click.option("--force", is_flag=True, help="Write to a terminal, too.")
@server_option
def cat(
    refs: tuple[str, ...],
    limit_rate: int | None,
    accept_any_type: bool,
    force: bool,
    server: str | None,
) -> int:
    """Write the file of each REF to stdout, one after the other; nothing is kept on the disk.

    A cut connection is resumed from the next byte. The md5 or size is compared at the end of each
    file: until the exit status is 0, do not trust what came (`set -o pipefail` in bash).

    \b
    Examples:
      flowtui cat data/789 | samtools view -c -
      flowtui cat data/1 data/2 | zcat | head

    \b
    Exit status: 0 all is complete and verified, 1 something is not, 2 usage, 3 not signed in or not
    allowed, 4 nothing found, 130 interrupted.
    """
    from flowtui.cli.reading_along import as_told, one_file, stream_of
    from flowtui.cli.session import open_session
    from flowtui.streams.whole import WholeFile
    from flowtui.transfer.errors import TransferError

    out = Output(is_listing=True)
    if sys.stdout.isatty() and not force:
        raise CommandError(
            "stdout is a terminal; redirect it, or use --force", exit=Exit.USAGE, code="USAGE"
        )
    with closing(open_session(server, out)) as session:
        settings = session.settings
        settings = replace(
            settings,
            limit_rate=settings.limit_rate if limit_rate is None else limit_rate,
            accept_any_type=accept_any_type or settings.accept_any_type,
        )
        files = [one_file(session.client, word, out) for word in refs]
        for file in files:
            stream = stream_of(session.client, file, settings, out)
            whole = WholeFile(stream, file, accept_any_type=settings.accept_any_type)
            try:
                with closing(whole.pieces()) as pieces:
                    for piece in pieces:
                        out.content(piece)
            except TransferError as error:
                raise as_told(error, file) from error
            if whole.verified_by != "md5":
                how = f"verified by {whole.verified_by}; the server gave no md5"
                out.say(f"flowtui: {one_line(file.filename)}: {how}")
    return Exit.OK
