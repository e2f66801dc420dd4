"""Progress for people: bars that fit, lines that are few, nothing that moves the terminal."""

import io
import os

import pytest

from flowtui.cli import progress
from flowtui.cli.batch_progress import BatchProgress
from flowtui.cli.progress import Bars, Lines, Silent, bar, outcome_line, render, view_for
from flowtui.protocol.messages import Summary, TransferRow
from flowtui.protocol.states import TransferState
from flowtui.text.columns import width


def row(number: int, state: str, path: str = "data/f", **more: object) -> TransferRow:
    fields: dict[str, object] = {
        "id": number, "batch_id": 1, "key": f"data/{number}", "filename": "f", "root": "/r",
        "path": path, "state": state, "size": 100, **more,
    }  # fmt: skip
    return TransferRow(**fields)  # type: ignore[arg-type]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def following(*rows: TransferRow, files: int = 0, **summary: object) -> BatchProgress:
    state = BatchProgress(summary=Summary(**summary), files=files)  # type: ignore[arg-type]
    for one in rows:
        state.update_transfer(one)
    return state


BUSY = [row(n, "active", path=f"samples/liver {n}/{'肝' * n}reads_R1.fastq.gz", done=n, rate=1e6)
        for n in range(1, 13)]  # fmt: skip


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
@pytest.mark.parametrize("lines", [2, 5, 24])
def test_what_is_drawn_fits_the_terminal(columns: int, lines: int) -> None:
    state = following(*BUSY, done=78, total=1200, rate=12e6, eta=95.0)
    drawn = render(state, 12, columns, lines, plain=False)
    assert len(drawn) <= max(lines, 2)
    assert max(width(line) for line in drawn) < columns


def test_the_overall_line_says_what_matters() -> None:
    state = following(row(1, "done"), row(2, "failed"), row(3, "active"),
                      done=150, total=300, rate=50.0, eta=3.0)  # fmt: skip
    line = render(state, 3, 120, 24, plain=True)[0]
    assert "50%" in line
    assert "150 B of 300 B" in line
    assert "1 of 3 files" in line
    assert "1 failed" in line
    assert "50 B/s" in line
    assert "3 s left" in line


def test_a_narrow_terminal_gets_fewer_words_not_cut_ones() -> None:
    state = following(row(1, "active"), done=150, total=300, rate=50.0, eta=3.0)
    line = render(state, 3, 40, 24, plain=True)[0]
    assert line.endswith(" 50% 150 B of 300 B, 0 of 3 files")


def test_one_hundred_percent_is_not_said_too_early() -> None:
    assert "99%" in render(following(done=9_999, total=10_000), 1, 80, 24, plain=True)[0]


def test_a_bar_without_a_total_is_empty() -> None:
    assert bar(5, None, 4, plain=True) == "----"
    assert bar(5, 10, 4, plain=True) == "##--"
    assert bar(50, 10, 4, plain=False) == "████"


def test_bars_are_redrawn_in_place_and_taken_away() -> None:
    terminal = Terminal()
    bars = Bars(terminal)
    bars.update(following(row(1, "active"), row(2, "active"), total=200))
    first = terminal.getvalue()
    assert first.count("\n") == 3
    bars.transfer(row(2, "failed", reason="md5 differs"))
    bars.close()
    after = terminal.getvalue()[len(first) :]
    assert after == "\x1b[3A\r\x1b[Jfailed   data/f: md5 differs\n"


def test_a_linked_file_is_no_download() -> None:
    words = outcome_line(row(1, "done", linked="data/\x1bother", verified_by="md5"))
    assert words.startswith("linked   data/f  ") and words.endswith(", as data/�other")


def test_bars_are_not_drawn_more_often_than_a_terminal_over_ssh_likes() -> None:
    terminal = Terminal()
    bars = Bars(terminal)
    for _ in range(50):
        bars.update(following(row(1, "active")))
    assert terminal.getvalue().count("data/f") == 1


def test_hostile_names_never_move_the_terminal() -> None:
    evil = row(1, "active", path="data/\x1b[2J\u202eevil\r\n.gz", reason="\x1b]0;x\x07")
    text = "\n".join(render(following(evil), 1, 80, 24, plain=False))
    text += outcome_line(row(1, "failed", path="\x1b[2J", reason="\x1b]0;x\x07\nnext"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\r" not in text


def test_lines_say_each_end_once_and_the_whole_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.transfer(row(1, "active"))
    lines.transfer(row(1, "done", verified_by="md5", resumed_at=40))
    lines.transfer(row(2, "skipped", verified_by="size"))
    lines.transfer(row(3, "skipped", verified_by="as recorded"))
    lines.update(following(row(1, "done")))
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    lines.update(following(row(1, "done"), done=100, total=200, files=2))
    assert stream.getvalue().splitlines() == [
        "done     data/f  100 B, resumed at 40 B, verified by md5",
        "skipped  data/f  already present, verified by size",
        "skipped  data/f  already present, as recorded",
        "100 B of 200 B, 1 of 2 files",
    ]


def test_what_cannot_redraw_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(view_for(io.StringIO()), Lines)
    assert isinstance(view_for(Terminal()), Bars)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(view_for(Terminal()), Lines)


def test_a_terminal_of_another_encoding_gets_plain_characters() -> None:
    class Old(Terminal):
        encoding = "iso-8859-1"

    terminal = Old()
    Bars(terminal).update(following(row(1, "active", path="肝"), done=1, total=2))
    assert terminal.getvalue().isascii()
    assert os.linesep in terminal.getvalue()


def test_quietly_only_what_failed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    view = Silent()
    for state in TransferState:
        view.transfer(row(1, str(state), "a.bam", reason="it broke"))
    view.note("flowtui: data/1: not found")
    assert capsys.readouterr().err.splitlines() == [
        "failed   a.bam: it broke",
        "flowtui: data/1: not found",
    ]
