"""Signing in, at the start and when the session ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input, RadioButton

from flowtui.config import load_settings
from flowtui.flow.errors import NotSignedIn
from flowtui.flow.session.credentials import Credential, CredentialSource
from flowtui.protocol.messages import Summary
from flowtui.tui.app import FlowApp
from flowtui.tui.engine_link import QueueChanged
from flowtui.tui.screens.sign_in import SignInScreen
from support.fake_flow import SERVER, screen
from support.tui_app import context_of, lines, make_app, open_project, opened, said, tree, until

SIZE = (80, 24)


def signed_out(folder: Path, samples: int = 2) -> FlowApp:
    flow = screen(samples)
    flow.credential = None
    return make_app(flow, folder)


async def asked(pilot: Pilot[Any]) -> None:
    app = pilot.app
    await until(pilot, lambda: isinstance(app.screen, SignInScreen), "asked to sign in")
    await until(pilot, lambda: app.screen.focused is not None, "a field to type in")


async def type_in(pilot: Pilot[Any], **fields: str) -> None:
    for name, text in fields.items():
        pilot.app.screen.query_one(f"#{name}", Input).value = text
    screen = pilot.app.screen
    screen.set_focus(screen.query_one(f"#{next(iter(fields))}", Input))
    await pilot.press("enter")


async def test_without_a_credential_it_is_asked_for_and_then_all_goes_on(tmp_path: Path) -> None:
    app = signed_out(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        await type_in(pilot, password="right", username="demo")
        await until(pilot, lambda: any("Screen" in line for line in lines(app)))
        engine = context_of(app).engine
        assert engine.signed_in == [(SERVER, "demo", "good", "again")]
        (kept,) = context_of(app).fake_store.kept
        assert kept[0] == SERVER and kept[2] is CredentialSource.KEYRING
        assert "demo @ flow.test" in str(app.header.render())
        assert load_settings(context_of(app).folders).usernames == {SERVER: "demo"}


async def test_a_wrong_password_is_said_and_can_be_mended(tmp_path: Path) -> None:
    app = signed_out(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        await type_in(pilot, password="wrong", username="demo")
        await until(pilot, lambda: "Wrong user name or password" in said(app, "#sign-in-message"))
        assert app.screen.query_one("#password", Input).has_focus
        assert not context_of(app).fake_store.kept
        await type_in(pilot, password="right")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_the_password_and_the_token_are_never_drawn(tmp_path: Path) -> None:
    app = signed_out(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        app.screen.query_one("#password", Input).value = "hunter2"
        app.screen.query_one("#token", Input).value = "sesame"
        await pilot.pause()
        drawn = "".join(
            segment.text for strip in app.screen._compositor.render_strips() for segment in strip
        )
        assert "hunter2" not in drawn and "sesame" not in drawn and "•••" in drawn


async def test_without_a_keyring_the_file_is_proposed_and_it_is_said(tmp_path: Path) -> None:
    app = signed_out(tmp_path)
    context_of(app).fake_store.works = False
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        await until(pilot, lambda: app.screen.query("#keep-keyring"))
        keyring = app.screen.query_one("#keep-keyring", RadioButton)
        await until(pilot, lambda: keyring.disabled)
        assert "no keyring works here" in str(keyring.label)
        await type_in(pilot, password="right", username="demo")
        await until(pilot, lambda: context_of(app).fake_store.kept)
        assert context_of(app).fake_store.kept[0][2] is CredentialSource.FILE


async def test_a_token_instead_of_a_password(tmp_path: Path) -> None:
    app = signed_out(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        await type_in(pilot, token="pasted")
        await until(pilot, lambda: context_of(app).fake_store.kept)
        assert context_of(app).fake_store.kept[0][1].token == "pasted"
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_a_token_that_does_not_work(tmp_path: Path) -> None:
    app = signed_out(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        await type_in(pilot, token="ended")
        await until(pilot, lambda: "Not signed in" in said(app, "#sign-in-message"))
        assert app.screen.query_one("#token", Input).has_focus


async def test_nothing_typed_and_a_wrong_address_are_said(tmp_path: Path) -> None:
    app = signed_out(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        await pilot.pause()
        await pilot.click("#go")
        assert "Enter your user name" in said(app, "#sign-in-message")
        await type_in(pilot, password="x", username="demo", server="flow.bio")
        assert "is not a server address" in said(app, "#sign-in-message")


async def test_without_signing_in_the_public_projects_are_shown_and_it_is_not_asked_again(
    tmp_path: Path,
) -> None:
    app = signed_out(tmp_path)
    flow = context_of(app).flow
    flow.errors["projects public page 1"] = [NotSignedIn("not signed in")]
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: any("not signed in" in line for line in lines(app)))
        await pilot.pause(0.1)
        assert len(app.screen_stack) == 1
        await pilot.press("s")
        await asked(pilot)


async def test_a_session_that_ends_is_asked_for_and_the_tree_stays(tmp_path: Path) -> None:
    flow = screen(3)
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await open_project(pilot)
        flow.errors["data of s0 page 1"] = [NotSignedIn("the session has ended")]
        await pilot.press("down", "down", "space", "up", "enter")
        await asked(pilot)
        assert "Your session has expired" in said(app, "#sign-in-reason")
        await type_in(pilot, password="right", username="demo")
        await until(pilot, lambda: any("…_R0" in line for line in lines(app)))
        assert len(tree(app).marks) == 1
        assert context_of(app).engine.signed_in


async def test_transfers_that_wait_for_a_sign_in_ask_once(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        link = context_of(app).fake_link
        link.model.summary = Summary(needs_sign_in=(SERVER,))
        app.post_message(QueueChanged(link))  # type: ignore[arg-type]
        await asked(pilot)
        await pilot.press("escape")
        for _ in range(3):
            app.post_message(QueueChanged(link))  # type: ignore[arg-type]
        await pilot.pause(0.1)
        assert len(app.screen_stack) == 1


async def test_somebody_else_sees_another_tree(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path)
    flow = context_of(app).flow
    flow.passwords["other"] = "theirs"
    async with app.run_test(size=SIZE) as pilot:
        await open_project(pilot)
        await pilot.press("space", "s")
        await asked(pilot)
        await type_in(pilot, password="theirs", username="other")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await until(pilot, lambda: not any("guide_0000" in line for line in lines(app)))
        assert not tree(app).marks and "other @" in str(app.header.render())


async def test_signing_out_forgets_and_asks(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await open_project(pilot)
        app.action_sign_out()
        await asked(pilot)
        assert context_of(app).flow.credential is None
        await until(
            pilot, lambda: "removed the token" in [one.message for one in app._notifications]
        )


async def test_another_server_is_tried_before_it_is_used(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    other = screen(1)
    other.server = "https://other.test"
    other.credential = None
    context_of(app).client_of = lambda server: other  # type: ignore[method-assign]
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("s")
        await asked(pilot)
        await type_in(pilot, password="wrong", username="demo", server="https://other.test")
        await until(pilot, lambda: "Wrong user name or password" in said(app, "#sign-in-message"))
        assert context_of(app).settings.base_url == SERVER
        await type_in(pilot, password="right")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert context_of(app).settings.base_url == "https://other.test"
        assert load_settings(context_of(app).folders).server == "https://other.test"
        assert isinstance(other.credential, Credential)
