"""What README and docs quote is what the program has: messages, settings, exit statuses."""

import ast
import re
import tomllib
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from flowtui.cli.exit_codes import Exit
from flowtui.config import Folders, Settings, load_settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "troubleshooting.md"]


@cache
def texts() -> frozenset[str]:
    """Every piece of text in the program's code, joined where it is written in parts."""
    return frozenset(
        node.value
        for file in (ROOT / "flowtui").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def quoted(page: Path) -> list[str]:
    """The messages in the first column of a page's table of problems; `…` is what varies."""
    return re.findall(r"^\| \*(.+?)\*", page.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_quoted_message_is_one_that_the_program_prints(page: Path) -> None:
    messages = quoted(page)
    assert len(messages) >= 3
    parts = [part.strip() for message in messages for part in message.split("…") if part.strip()]
    assert not [part for part in parts if not any(part in text for text in texts())]


def test_the_settings_page_names_every_setting_with_a_value_that_it_may_have(
    tmp_path: Path,
) -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    block = "".join(re.findall(r"```toml\n(.*?)```", page, re.DOTALL))
    known = {setting.name for setting in fields(Settings)}
    assert set(tomllib.loads(block)) == known - {"found_server", "usernames"}
    (tmp_path / "settings.toml").write_text(block, encoding="utf-8")
    settings = load_settings(Folders(tmp_path, tmp_path, tmp_path))
    assert settings.limit_rate == 20 << 20
    assert settings.jobs == Settings().jobs


def test_readme_lists_every_exit_status() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| exit status") :].split("\n\n", 1)[0]
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == {*Exit}


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "docs" / "settings.md"], ids=lambda page: page.name
)
def test_a_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)[)#]", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]
