"""`flowtui login`, `logout`, `whoami`."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.options import json_option, server_option
from flowtui.cli.output import Output, one_line
from flowtui.cli.session import Session, open_session
from flowtui.config import save_settings
from flowtui.connect import after_sign_in, sign_out

if TYPE_CHECKING:
    from flowtui.flow.credentials import Credential, CredentialSource
    from flowtui.flow.models import User


@click.command(short_help="Sign in to Flow and keep the token.")
@server_option
@click.option(
    "--token-stdin",
    is_flag=True,
    help="Read an API token from standard input instead of asking for a password.",
)
@click.option(
    "--keep",
    type=click.Choice(["keyring", "file"]),
    help="Where to keep the token; default: the keyring if one works here, else a file.",
)
def login(server: str | None, token_stdin: bool, keep: str | None) -> int:
    """Sign in to Flow and keep the token in the keyring or in a file only you can read.

    The password is asked for and never kept. Where Flow signs in through another service, create
    an API key in Flow's settings and give it with --token-stdin.
    """
    out = Output()
    with closing(open_session(server, out, signed_in=False)) as session:
        where = _where(session, keep, out, may_ask=not token_stdin and _can_ask())
        user = _sign_in(session, token_stdin)
        credential = session.client.credential
        assert credential is not None
        kept = session.store.keep(session.client.server, credential, where)
        session.client.use(kept)
        _remember_name(session, kept.username or user.username)
        out.line(
            f"Signed in at {one_line(session.client.server)} as {_called(user)};"
            f" the token is kept in {where_words(session, kept)}."
        )
        _tell_engine(session, kept, out)
        if server and session.settings.server == server:
            out.say(f"To use this server without --server: FLOW_API_URL={server}, or in"
                    f" {session.folders.settings_file}: server = \"{server}\"")  # fmt: skip
    return Exit.OK


@click.command(short_help="Forget the kept token.")
@server_option
def logout(server: str | None) -> int:
    """Remove the kept token, and say what was removed and what remains."""
    out = Output()
    with closing(open_session(server, out, signed_in=False, probe=False)) as session:
        _, said = sign_out(session.settings, session.folders, session.store)
        for words in said:
            out.line(one_line(words))
        if _engine_runs(session):
            out.say(
                "The background engine keeps its sign-in until it ends (`flowtui engine stop`)."
            )
    return Exit.OK


@click.command(short_help="Show who is signed in.")
@server_option
@json_option
def whoami(server: str | None, as_json: bool) -> int:
    """Show who is signed in, at which server, and where the token comes from."""
    out = Output(as_json=as_json)
    with closing(open_session(server, out)) as session:
        credential = session.client.credential
        if credential is None:
            raise CommandError(
                f"not signed in at {session.client.server}; `flowtui login` does that",
                exit=Exit.NOT_ALLOWED,
                code="UNAUTHENTICATED",
            )
        user = session.client.me()
        # A refresh on the way may have brought another one.
        credential = session.client.credential or credential
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
            out.line(f"{_called(user)} at {one_line(session.client.server)}")
            out.line(f"the token comes from {where_words(session, credential)}")
    return Exit.OK


def _where(session: Session, keep: str | None, out: Output, *, may_ask: bool) -> CredentialSource:
    """Where the token will be kept, settled and said before a password is asked for."""
    from flowtui.flow.credentials import CredentialSource

    file = session.folders.credentials_file
    if keep == "file":
        where = CredentialSource.FILE
    elif keep == "keyring" or session.store.keyring_works():
        where = CredentialSource.KEYRING
    else:
        out.say("No keyring works here (the usual case on a server over SSH).")
        if may_ask and not click.confirm(
            f"Keep the token in {file}, which only you can read?", default=True, err=True
        ):
            raise CommandError(
                "not signed in, since the token can be kept nowhere; for one command only, set"
                " FLOW_ACCESS_TOKEN in its environment",
                exit=Exit.NOT_ALLOWED,
                code="NOT_KEPT",
            )
        where = CredentialSource.FILE
    if where is CredentialSource.FILE:
        out.say(f"The token will be kept in {file} (mode 0600).")
    else:
        out.say("The token will be kept in the keyring.")
    return where


def _sign_in(session: Session, token_stdin: bool) -> User:
    """Ask, and sign in. Raises NotSignedIn and the like."""
    if token_stdin:
        token = sys.stdin.readline().strip()
        if not token:
            raise click.UsageError("there is no token on standard input")
        return session.client.sign_in_with_token(token)
    if not _can_ask():
        raise click.UsageError("a password needs a terminal; in scripts use --token-stdin")
    click.echo(f"Signing in at {one_line(session.client.server)}", err=True)
    username = click.prompt("User name", default=session.username, err=True)
    password = click.prompt("Password", hide_input=True, err=True)
    return session.client.sign_in(username, password)


def _can_ask() -> bool:
    """Whether someone is there to answer."""
    return sys.stdin.isatty()


def where_words(session: Session, credential: Credential) -> str:
    """Where a token is or came from, in words; never the token itself."""
    from flowtui.flow.credentials import CredentialSource

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


def _called(user: User) -> str:
    name = one_line(user.username or user.id)
    full = one_line(user.name)
    return f"{name} ({full})" if full and full != name else name


def _remember_name(session: Session, username: str) -> None:
    changes = after_sign_in(session.settings, session.client.server, username)
    if changes:
        save_settings(changes, session.folders)


def _tell_engine(session: Session, credential: Credential, out: Output) -> None:
    """Let a running engine go on with what waits for this sign-in."""
    from flowtui.daemon.client import EngineClient
    from flowtui.daemon.errors import EngineNotRunning

    try:
        with closing(EngineClient.connect(session.folders, start=False)) as engine:
            waiting = engine.sign_in(
                session.client.server,
                credential.username,
                credential.token,
                credential.refresh_token,
            )
    except EngineNotRunning:
        return
    if waiting:
        out.say(f"The background engine goes on with {waiting:,} that waited for this.")


def _engine_runs(session: Session) -> bool:
    from flowtui.daemon.client import EngineClient
    from flowtui.daemon.errors import EngineNotRunning

    try:
        EngineClient.connect(session.folders, start=False).close()
    except EngineNotRunning:
        return False
    return True
