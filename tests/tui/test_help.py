"""The help screen: the pane one is in comes first, and all of it can be searched."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Static

from flowtui.tui.downloads.table import TransferTable
from flowtui.tui.screens.help import KEYS, HelpScreen, matching, sections
from support.fake_flow import screen
from support.tui_app import make_app, opened


def test_the_pane_comes_first_and_changed_keys_before_all() -> None:
    assert [name for name, _ in sections("Downloads", {})][0] == "Downloads"
    found = sections("Tree", {"tree.mark": "m,slash"})
    assert found[0][1] == (("m or /", "tree.mark"),) and found[1][0] == "Tree"
    assert len(found) == len(KEYS) + 1


def test_all_words_have_to_be_there() -> None:
    shown = dict(matching(sections("", {}), "rate limit"))
    assert shown["Downloads"] == (("l", "limit the download rate"),)
    assert not shown["Tree"] and all(dict(matching(sections("", {}), "")).values())


async def test_search_as_one_types(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        app.query_one(TransferTable).focus()
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        heads = app.screen.query(".help-pane").results(Static)
        assert str(next(iter(heads)).render()) == "Downloads"
        await pilot.press("slash", *"quit")  # q is a letter in the field, and closes nothing
        shown = [str(head.render()) for head in app.screen.query(".help-pane").results(Static)
                 if head.display]  # fmt: skip
        assert shown == ["Everywhere"]
        await pilot.press("escape")
        assert not isinstance(app.screen, HelpScreen)
