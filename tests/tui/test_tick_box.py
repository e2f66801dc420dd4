"""Whether a box is ticked can be told without colours."""

from __future__ import annotations

from textual.app import App, ComposeResult

from flowtui.tui.widgets.tick_box import TickBox


class OneBox(App[None]):
    def compose(self) -> ComposeResult:
        yield TickBox("Keep it", compact=True)


async def test_its_state_is_its_shape() -> None:
    app = OneBox()
    async with app.run_test() as pilot:
        box = app.query_one(TickBox)
        assert "[ ] Keep it" in str(box.render())
        await pilot.press("space")
        assert "[x] Keep it" in str(box.render())
