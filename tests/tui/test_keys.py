"""Keys by name: every binding has one, the settings give others, and the palette tells them."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

from flowtui.config import Folders, load_settings
from flowtui.tui import keys
from flowtui.tui.downloads.table import TransferTable
from flowtui.tui.screens.help import HelpScreen
from support.fake_flow import FakeFlow, screen
from support.tui_app import make_app, opened, tree, until


def classes() -> list[type]:
    keys.known_ids()  # loads all
    found: list[type] = []
    below: list[type] = [DOMNode]
    while below:
        cls = below.pop()
        below += cls.__subclasses__()
        if cls.__module__.startswith("flowtui."):
            found.append(cls)
    return found


def test_every_binding_has_a_name() -> None:
    for cls in classes():
        for binding in vars(cls).get("BINDINGS", ()):
            assert isinstance(binding, Binding) and binding.id, (cls, binding)


@pytest.mark.parametrize("preset", keys.PRESETS)
def test_the_presets_name_what_there_is_and_no_key_twice(preset: str) -> None:
    assert keys.PRESETS[preset].keys() <= keys.known_ids()
    keymap, wrong = keys.keymap_of({"preset": preset})
    assert keymap == keys.PRESETS[preset] and wrong == []


def test_what_is_wrong_is_told_and_the_rest_holds() -> None:
    given = {"tree.mark": " m , space", "tree.jump": "x", "tree.reload": "", "preset": "ed"}
    keymap, wrong = keys.keymap_of(given)
    assert keymap == {"tree.mark": "m,space"}
    assert wrong == [
        "no preset is called 'ed'; there are vi, emacs",
        "no key is called 'tree.jump'",
        "tree.reload needs a key",
    ]


def test_a_key_for_two_things_of_a_pane_is_told() -> None:
    assert keys.keymap_of({"tree.mark": "r"})[1] == ["r is the key of tree.mark and of tree.reload"]


def test_keys_in_words() -> None:
    assert keys.in_words("slash,ctrl+s") == "/ or ctrl+s"


def test_the_file_may_have_them_quoted_or_as_tables(tmp_path: Path) -> None:
    where = Folders(tmp_path, tmp_path, tmp_path)
    where.settings_file.write_text('[keys]\npreset = "vi"\ntree.mark = "m"\n"app.help" = "f1"\n')
    given = load_settings(where).keys
    assert given == {"preset": "vi", "tree.mark": "m", "app.help": "f1"}


async def test_other_keys_work_and_the_old_ones_do_not(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path, keys={"tree.mark": "m", "app.help": "f1"})
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: app._keymap, "the keys of the settings")
        await pilot.press("down", "space")
        assert not tree(app).marks.decisions
        await pilot.press("m")
        assert tree(app).marks.decisions
        await pilot.press("question_mark")
        assert not isinstance(app.screen, HelpScreen)
        await pilot.press("f1")
        assert isinstance(app.screen, HelpScreen)


async def test_emacs_keys(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path, keys={"preset": "emacs"})
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: app._keymap, "the keys of the settings")
        await pilot.press("ctrl+n", "ctrl+n")
        assert tree(app).cursor == 2
        await pilot.press("ctrl+p")
        assert tree(app).cursor == 1 and len(app.screen_stack) == 1
        await pilot.press("alt+x")
        assert len(app.screen_stack) == 2


async def test_the_palette_has_every_action_with_its_key(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path, keys={"app.find": "f3"})
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: app._keymap, "the keys of the settings")
        shown = {line.title: line.help for line in app.get_system_commands(app.screen)}
        assert shown["Find"].startswith("f3 · ") and shown["Quit"].startswith("q or ctrl+q · ")
        assert shown["Mark"] == "space · in this pane" and "Retry" not in shown
        app.query_one(TransferTable).focus()
        await pilot.pause()
        shown = {line.title: line.help for line in app.get_system_commands(app.screen)}
        assert shown["Retry"] == "r · in this pane" and "Mark" not in shown


async def test_what_is_wrong_in_the_file_is_told_in_the_app(tmp_path: Path) -> None:
    app = make_app(FakeFlow(), tmp_path, keys={"tree.nothing": "x"})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app._notifications, "the warning")
        assert "no key is called 'tree.nothing'" in next(iter(app._notifications)).message
