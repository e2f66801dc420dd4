"""`flowtui login`, `logout`, `whoami`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

import click

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.options import json_option, server_option
from flowtui.cli.output import Output, counted, one_line
from flowtui.cli.session import Session, open_session
from flowtui.config import Folders, load_file, save_settings
from flowtui.connect import after_sign_in, sign_out

if TYPE_CHECKING:
    from flowtui.flow.models import User
    from flowtui.flow.session.credentials import Credential, CredentialSource
    from flowtui.flow.session.device_flow import DeviceCode


@click.command(short_help="Sign in to Flow.")
@server_option
@click.option(
    "--token-stdin",
    is_flag=True,
    help="Read a token or API key from standard input instead of asking for a password.",
)
@click.option(
    "--sso",
    is_flag=True,
    help="Sign in through your institute's single sign-on, in a browser on any computer.",
)
@click.option(
    "--keep",
    type=click.Choice(["keyring", "file"]),
    help="Where to store the token; default: the keyring if one is available, else a file.",
)
def login(server: str | None, token_stdin: bool, sso: bool, keep: str | None) -> int:
    """Sign in to Flow and store the token in the keyring, or in a file that only you can read.

    --server becomes the default server; the tokens of others are kept beside it. Your password is
    never stored. If your Flow uses single sign-on, use --sso, or create an API key
    in Flow's settings and pass it with --token-stdin.

    \b
    Examples:
      flowtui login
      flowtui login --keep file
      flowtui login --token-stdin < key.txt
    """
    out = Output()
    if sso and token_stdin:
        raise click.UsageError("--sso and --token-stdin cannot be used together")
    with closing(open_session(server, out, signed_in=False)) as session:
        where = _where(session, keep, out, may_ask=not token_stdin and _can_ask())
        user = _sign_in_by_browser(session, out) if sso else _sign_in(session, token_stdin, out)
        credential = session.client.account.credential
        assert credential is not None
        kept = session.store.keep(session.client.server, credential, where)
        session.client.account.use(kept)
        _remember_name(session, kept.username or user.username)
        out.line(
            f"Signed in to {one_line(session.client.server)} as {_full_name(user)};"
            f" the token is stored in {where_text(session, kept)}."
        )
        _share_with_engine(session, kept, out)
        if server:
            _remember_server(session, server, out)
        for words in overrides(os.environ, session.folders, kept.source):
            out.say(f"flowtui: {words}")
    return Exit.OK


def _remember_server(session: Session, server: str, out: Output) -> None:
    """Have further commands go to this server; the tokens of others stay, each for its server."""
    before = load_file(session.folders).base_url
    if before == server:
        return
    save_settings({"server": server}, session.folders)
    out.say(
        f"{one_line(server)} is the default server now; use --server {one_line(before)} for the one"
        " before."
    )


def overrides(
    environment: Mapping[str, str], folders: Folders, source: CredentialSource
) -> Iterator[str]:
    """What of the environment and of what is stored goes before the other, in words."""
    from flowtui.flow.session.credentials import CredentialSource
    from flowtui.text.redaction import TOKEN_VARIABLES

    url = environment.get("FLOW_API_URL")
    kept = load_file(folders).server
    if url and kept and url.rstrip("/") != kept:
        yield f"FLOW_API_URL is set: commands use {one_line(url)}, not {one_line(kept)}"
    token = next((name for name in TOKEN_VARIABLES if environment.get(name)), None)
    if token and source in (CredentialSource.KEYRING, CredentialSource.FILE):
        yield f"{token} is set, but the stored token goes before it; `flowtui logout` removes that"


@click.command(short_help="Sign out and remove the stored token.")
@server_option
def logout(server: str | None) -> int:
    """Sign out: remove the stored token, and report what was removed and what is left.

    \b
    Examples:
      flowtui logout
    """
    out = Output()
    with closing(open_session(server, out, signed_in=False, probe=False)) as session:
        _, removed = sign_out(session.settings, session.folders, session.store)
        for message in removed:
            out.line(one_line(message))
        if _engine_runs(session):
            out.say("The background engine stays signed in until it stops (`flowtui engine stop`).")
    return Exit.OK


@click.command(short_help="Show who is signed in.")
@server_option
@json_option
def whoami(server: str | None, as_json: bool) -> int:
    """Show who is signed in, to which server, and where the token comes from.

    \b
    Examples:
      flowtui whoami --json
    """
    out = Output(as_json=as_json, is_listing=True)
    with closing(open_session(server, out)) as session:
        credential = session.client.account.credential
        if credential is None:
            raise CommandError(
                f"not signed in to {session.client.server}; run `flowtui login`",
                exit=Exit.NOT_ALLOWED,
                code="UNAUTHENTICATED",
            )
        user = session.client.account.me()
        # A refresh in between may have replaced it.
        credential = session.client.account.credential or credential
        if as_json:
            out.event(
                "whoami",
                id=user.id,
                username=user.username,
                name=user.name,
                server=session.client.server,
                source=str(credential.source),
            )
        else:
            out.line(f"{_full_name(user)} at {one_line(session.client.server)}")
            out.line(f"The token comes from {where_text(session, credential)}")
            for words in overrides(os.environ, session.folders, credential.source):
                out.say(f"flowtui: {words}")
    return Exit.OK


def _where(session: Session, keep: str | None, out: Output, *, may_ask: bool) -> CredentialSource:
    """Where the token will be stored, decided and said before a password is asked for."""
    from flowtui.flow.session.credentials import CredentialSource

    file = session.folders.credentials_file
    if keep == "file":
        where = CredentialSource.FILE
    elif keep == "keyring" or session.store.keyring_works():
        where = CredentialSource.KEYRING
    else:
        out.say("No keyring is available here, as is usual over SSH.")
        if may_ask and not click.confirm(
            f"Store the token in {file}, readable only by you?", default=True, err=True
        ):
            raise CommandError(
                "not signed in: there is nowhere to store the token; for a single command, set"
                " FLOW_ACCESS_TOKEN",
                exit=Exit.NOT_ALLOWED,
                code="NOT_KEPT",
            )
        where = CredentialSource.FILE
    if where is CredentialSource.FILE:
        out.say(f"The token will be stored in {file} (mode 0600).")
    else:
        out.say("The token will be stored in the keyring.")
    return where


def _sign_in_by_browser(session: Session, out: Output) -> User:
    """Sign in through single sign-on. Raises NotSignedIn and the like."""

    def show(code: DeviceCode) -> None:
        minutes = max(1, round(code.seconds / 60))
        out.say(f"Open {one_line(code.address)}")
        out.say(f"and enter the code {one_line(code.user_code)} within {minutes} minutes.")

    return session.client.account.sign_in_by_device(show)


def _sign_in(session: Session, token_stdin: bool, out: Output) -> User:
    """Ask, and sign in. Raises NotSignedIn and the like."""
    if token_stdin:
        token = sys.stdin.readline().strip()
        if not token:
            raise click.UsageError("no token on standard input")
        return session.client.account.sign_in_with_token(token)
    if not _can_ask():
        raise click.UsageError("cannot ask for a password without a terminal; use --token-stdin")
    click.echo(f"Signing in to {one_line(session.client.server)}", err=True)
    username = click.prompt("User name", default=session.username, err=True)
    password = click.prompt("Password", hide_input=True, err=True)
    from flowtui.flow.errors import SingleSignOnOnly

    try:
        return session.client.account.sign_in(username, password)
    except SingleSignOnOnly as error:
        if not error.client_id:
            raise
        out.say("This server uses single sign-on.")
        return _sign_in_by_browser(session, out)


def _can_ask() -> bool:
    """Whether there is a terminal to ask on."""
    return sys.stdin.isatty()


def where_text(session: Session, credential: Credential) -> str:
    """Where a token is stored or came from, for people; never the token itself."""
    from flowtui.flow.session.credentials import CredentialSource

    detail = one_line(credential.detail)
    if credential.source is CredentialSource.KEYRING:
        return "the keyring"
    if credential.source is CredentialSource.FILE:
        return f"the file {session.folders.credentials_file}"
    if credential.source is CredentialSource.ENVIRONMENT:
        return f"the environment ({detail})"
    if credential.source is CredentialSource.TOKEN_FILE:
        return f"the token file {detail}"
    return "memory"


def _full_name(user: User) -> str:
    name = one_line(user.username or user.id)
    full = one_line(user.name)
    return f"{name} ({full})" if full and full != name else name


def _remember_name(session: Session, username: str) -> None:
    changes = after_sign_in(session.settings, session.client.server, username)
    if changes:
        save_settings(changes, session.folders)


def _share_with_engine(session: Session, credential: Credential, out: Output) -> None:
    """Hand the sign-in to a running engine, whose transfers may wait for it."""
    from flowtui.daemon.connect import connect_engine
    from flowtui.daemon.errors import EngineNotRunning

    try:
        with closing(connect_engine(session.folders, start=False)) as engine:
            waiting = engine.sign_in(
                session.client.server,
                credential.username,
                credential.token,
                credential.refresh_token,
            )
    except EngineNotRunning:
        return
    if waiting:
        transfers = counted(waiting, "transfer")
        out.say(f"The background engine resumes {transfers} that waited for this sign-in.")


def _engine_runs(session: Session) -> bool:
    from flowtui.daemon.connect import connect_engine
    from flowtui.daemon.errors import EngineNotRunning

    try:
        connect_engine(session.folders, start=False).close()
    except EngineNotRunning:
        return False
    return True
