"""What the user set up: settings, the keyring, the credential."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from flowtui.cli.checks.check import Check, fail, ok, parted, warn

if TYPE_CHECKING:
    from flowtui.config import Folders
    from flowtui.flow.session.credentials import Credential


def settings(where: Folders, unknown: Sequence[str], environment: Mapping[str, str]) -> Check:
    """The settings, which could be read; `unknown` are keys of the file that flowtui has not."""
    text = f"{where.settings_file}"
    text += "" if where.settings_file.exists() else " (there is none: the defaults)"
    over = [
        f"{name} overrides {what}"
        for name, what in (
            ("FLOW_API_URL", "the server"),
            ("FLOWTUI_HOME", "where settings and queue are"),
        )
        if environment.get(name)
    ]
    text = "; ".join([text, *over])
    if unknown:
        named = ", ".join(unknown)
        return warn(
            "settings",
            f"{text}; not known and passed over: {named}",
            f"correct or remove {named} (docs/settings.md lists all keys)",
        )
    return ok("settings", text)


def keyring(works: bool, backend: Callable[[], str], where: Folders | None) -> Check:
    """Whether there is a keyring for tokens; `backend` says which."""
    if works:
        return ok("keyring", f"works ({backend()})")
    file = where.credentials_file if where is not None else "a file"
    return warn(
        "keyring",
        "none works here, as is usual over SSH",
        f"`flowtui login --keep file` keeps the token in {file}, readable only by you",
    )


def credential(
    find: Callable[[], Credential | None], server: str
) -> tuple[Check, Credential | None]:
    """Whether there is a credential for this server, and that. It is never shown."""
    from flowtui.flow.session.credentials import SaveError

    try:
        found = find()
    except SaveError as error:
        return fail("credential", *parted(str(error), "correct the file or move it away")), None
    if found is None:
        return (
            warn(
                "credential",
                f"none for {server}: only what is public can be downloaded",
                "run `flowtui login`",
            ),
            None,
        )
    text = f"found ({_place(found)})"
    if found.notice:
        what, remedy = parted(found.notice, "close it to others")
        return warn("credential", f"{text}; {what}", remedy), found
    return ok("credential", text), found


def _place(found: Credential) -> str:
    from flowtui.flow.session.credentials import CredentialSource

    if found.source is CredentialSource.KEYRING:
        return "in the keyring"
    if found.source is CredentialSource.ENVIRONMENT:
        return f"{found.detail} in the environment"
    return f"the file {found.detail}"
