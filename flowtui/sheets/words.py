"""Texts of Flow as they stand in a sheet, and in names of files."""

from __future__ import annotations

import unicodedata


def word(text: str) -> str:
    """A text without what pipelines refuse in names, or would take for a folder."""
    word = "".join("_" if _is_refused(letter) else letter for letter in text.strip())
    return word.lstrip("-.") or "_"


def _is_refused(letter: str) -> bool:
    return letter in ",;:\"'`/\\|<>*?$&" or letter.isspace() or _is_control(letter)


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter).startswith(("C", "Z")) and letter != " "


def one_line(text: str) -> str:
    """A text as one line, without what steers a terminal."""
    return "".join(" " if _is_control(letter) else letter for letter in text).strip()
