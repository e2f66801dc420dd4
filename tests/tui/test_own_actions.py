"""Programs of the user's own on what is under the cursor: one word for each name, and no shell."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.config import ConfigError, Folders, load_settings
from flowtui.protocol.messages import TransferRow
from flowtui.tui.browser.nodes import Node, NodeKind
from flowtui.tui.own_actions import BadAction, action_of, actions_of, filled
from flowtui.tui.own_programs import values_at
from support.fake_flow import FakeFlow, data, sample, screen
from support.tui_app import make_app, open_project, until

HOSTILE = ["-rf", "--exec=x", "$(touch x)", "a b; rm -rf ~", "`x`", "\n", "'\"", "\x1b]0;x", "*"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_one_word_whatever_is_in_it(name: str) -> None:
    words = filled(action_of("x", {"command": "open --as 'my file' {name} {ref}"}),
                   {"name": name, "ref": "data/7"})  # fmt: skip
    assert len(words) == 5 and words[:3] == ["open", "--as", "my file"] and words[4] == "data/7"
    assert words[3] == (f"./{name}" if name.startswith("-") else name)


@given(st.text(st.characters(exclude_characters="\0"), min_size=1))
def test_no_name_becomes_an_option_or_more_words(name: str) -> None:
    _, word = filled(action_of("x", {"command": "open {name}"}), {"name": name})
    assert word.endswith(name) and not word.startswith("-")


def test_values_are_not_read_for_placeholders_again() -> None:
    words = filled(action_of("x", {"command": "open {name}"}), {"name": "{ref}", "ref": "secret"})
    assert words == ["open", "{ref}"]


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"command": ""}, "needs a command"),
        ({"command": "igv 'x"}, "quotation"),
        ({"command": "{name} x"}, "must not come from Flow"),
        ({"command": "igv {token}"}, "{token} means nothing"),
        ({"command": "igv", "shell": "sh"}, "shell means nothing"),
        ({"command": "igv", "terminal": "yes"}, "terminal must be"),
    ],
)
def test_what_cannot_be_used_is_told(given_: dict[str, str], words: str) -> None:
    with pytest.raises(BadAction, match=words):
        action_of("igv", given_)
    assert actions_of({"igv": given_, "ok": {"command": "x"}})[0][0].id == "ok"


def test_what_is_missing_here_is_told() -> None:
    with pytest.raises(BadAction, match="no {path}"):
        filled(action_of("igv", {"command": "igv {path}"}), {"name": "x"})


def test_paths_are_of_the_download_and_names_lead_nowhere() -> None:
    row = TransferRow(id=1, batch_id=1, key="data/7", filename="../../-x.bam", root="/d",
                      path="s/-x.bam", state="done", server="https://flow.test")  # fmt: skip
    values = values_at(row, None, (), "")
    assert values["path"] == "/d/s/-x.bam" and values["folder"] == "/d/s"
    assert values["name"] == "-x.bam"
    node = Node(NodeKind.DATA, "data/7", "a/../..", record=data("7"))
    assert values_at(None, node, (row,), "https://flow.test")["path"] == "/d/s/-x.bam"
    assert values_at(None, node, (), "https://flow.test")["name"] == ""


def test_the_settings_have_them(tmp_path: Path) -> None:
    where = Folders(tmp_path, tmp_path, tmp_path)
    where.settings_file.write_text('[actions.less]\ncommand = "less {path}"\nterminal = true\n')
    assert load_settings(where).actions == {"less": {"command": "less {path}", "terminal": "true"}}
    where.settings_file.write_text('[actions]\nless = "less"\n')
    with pytest.raises(ConfigError, match="actions"):
        load_settings(where)


async def test_a_key_runs_a_program_with_the_very_name(tmp_path: Path) -> None:
    flow, name, out = screen(1), "-o$(x) 'y.bam", tmp_path / "out"
    flow.samples["1"] = [sample("s0", "guide_0000")]
    flow.files["s0"] = [data("1", name)]
    script = "import json,sys; open(sys.argv[1], 'w').write(json.dumps(sys.argv[2:]))"
    command = f'{sys.executable} -c "{script}" {out} {{name}} {{ref}}'
    app = make_app(flow, tmp_path, actions={"note": {"command": command, "key": "ctrl+g"}})
    async with app.run_test(size=(80, 24)) as pilot:
        await open_project(pilot)
        await pilot.press("down", "down", "enter")
        pane = app._tree
        await until(pilot, lambda: any(r.node and r.node.kind == "data" for r in pane.rows))
        await pilot.press("down")
        while pane.node is None or pane.node.kind != "data":
            await pilot.press("down")
        await pilot.press("ctrl+g")
        await until(pilot, lambda: out.exists() and out.read_text(), "the program's words")
        assert json.loads(out.read_text()) == [f"./{name}", "data/1"]
        assert "Run note" in {line.title for line in app.get_system_commands(app.screen)}


async def test_a_program_that_fails_or_is_not_there_is_told(tmp_path: Path) -> None:
    actions = {
        "bad": {"command": f"{sys.executable} -c 'raise SystemExit(3)'"},
        "none": {"command": "/nowhere/igv"},
    }
    app = make_app(FakeFlow(), tmp_path, actions=actions)
    async with app.run_test(size=(80, 24)) as pilot:
        app.action_own_program("bad")
        app.action_own_program("none")
        await until(pilot, lambda: len(app._notifications) >= 2, "both warnings")
        said = " ".join(note.message for note in app._notifications)
        assert "ended with status 3" in said and "cannot run /nowhere/igv" in said
