"""An exception in any thread of the engine: its file ends with words, or it is told as trouble.

Nothing waits for a thread that is gone, and the engine and all other files go on.
"""

from __future__ import annotations

import gzip
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowtui.engine.bulk.start import JobStarter
from flowtui.engine.mailbox import Mailbox, MailboxClosed
from flowtui.engine.queue.scheduler import Scheduler
from flowtui.engine.queue.tasks import Tasks
from flowtui.engine.workers import pool
from flowtui.engine.workers.pool import Workers
from flowtui.protocol.messages import RequestRefused
from flowtui.protocol.states import TransferState
from flowtui.timings import Timings
from flowtui.transfer.archive.commit import Finisher, Ready
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.fetch import connections
from flowtui.transfer.identity import Identity
from flowtui.transfer.pipeline import advance
from flowtui.transfer.task import DONE, FileResult, Outcome
from flowtui.transfer.verify.containers import ContainerCheck
from support.lab import Lab, content
from support.services import batch, engine, remote
from support.waiting import GUARD, until


class Planted(Exception):
    """What nobody expects."""


def planted(*args: object, **more: object) -> Any:
    raise Planted("no one expected this")


WORDS = "internal error: Planted: no one expected this"


def expect_failed_with_words(lab: Lab) -> None:
    row = lab.stop()
    assert (row.state, row.code, row.reason) == (TransferState.FAILED, "INTERNAL", WORDS)
    assert row.retryable


@pytest.mark.parametrize("cls, method", [(Tasks, "task"), (Scheduler, "on_result")])
@pytest.mark.parametrize("size", [1000, 3 << 20])
def test_a_file_that_cannot_be_started_or_ended_fails_and_the_next_one_comes(
    cls: type, method: str, size: int, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.serve(content(size))
    with monkeypatch.context() as faulty:
        faulty.setattr(cls, method, planted)
        made = lab.start()
        until(lambda: lab.now().state == TransferState.FAILED)
    assert made.wait_idle(GUARD)
    assert made.retry(None) == 1
    assert made.wait_idle(GUARD)
    assert lab.stop().state in (TransferState.DONE, TransferState.SKIPPED)


def test_of_what_came_and_could_not_be_dealt_with_there_are_words(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.serve(content(1000))
    monkeypatch.setattr(Scheduler, "on_result", planted)
    made = lab.start()
    assert made.wait_idle(GUARD)
    assert made.trouble == WORDS
    assert isinstance(made.mistake, Planted)
    expect_failed_with_words(lab)


def test_a_connection_s_mistake_ends_its_file(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.serve(content(3 << 20))
    monkeypatch.setattr(connections, "fetch_segment", planted)
    lab.fetch()
    expect_failed_with_words(lab)


def test_the_checker_s_mistake_ends_its_file(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(random.Random(1).randbytes(3 << 20), 1)
    lab.serve(packed, name="a.gz")
    monkeypatch.setattr(ContainerCheck, "follow", planted)
    lab.fetch(md5=None)
    expect_failed_with_words(lab)


def test_a_step_that_raises_is_an_outcome() -> None:
    def steps() -> Iterator[None]:
        yield
        planted()

    under_way: Any = steps()
    assert advance(under_way) is None
    outcome = advance(under_way)
    assert outcome == Outcome(TransferState.FAILED, reason=WORDS, code="INTERNAL", retryable=True)


def test_the_flusher_s_mistake_is_told_and_its_file_comes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.serve(content(3 << 20)).rate = 1e6
    monkeypatch.setattr(PartFile, "flush", planted)
    lab.timings = replace(lab.timings, flush_every=0.0, flush_check=0.01)
    made = lab.start()
    until(lambda: made.trouble == WORDS)
    lab.file.rate = 0
    assert made.wait_idle(GUARD)
    assert lab.stop().state == TransferState.DONE


def test_what_a_worker_lets_out_is_told_and_the_worker_goes_on() -> None:
    told: list[tuple[str, Exception]] = []
    workers = Workers(lambda run, outcome: None, Timings(), lambda *what: told.append(what))
    threads: set[int] = set()
    came = threading.Event()
    workers.do(planted)
    until(lambda: told)
    for _ in range(3):
        came.clear()
        workers.do(lambda: (threads.add(threading.get_ident()), came.set()))  # type: ignore[func-returns-value,arg-type,return-value]
        assert came.wait(GUARD)
    assert isinstance(told[0][1], Planted)
    assert workers.close(GUARD)


def test_where_the_system_gives_no_more_threads_those_there_are_do_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = Workers(lambda run, outcome: None, Timings())
    gate, first, second = threading.Event(), threading.Event(), threading.Event()
    workers.do(lambda: (first.set(), gate.wait(GUARD)))  # type: ignore[arg-type,return-value]
    assert first.wait(GUARD)

    class Refused(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(pool, "threading", SimpleNamespace(Thread=Refused))
    workers.do(second.set)
    gate.set()
    assert second.wait(GUARD)
    assert workers.close(GUARD)
    with pytest.raises(RuntimeError):
        Workers.do(_without_threads(), lambda: None)


def _without_threads() -> Workers:
    workers = Workers.__new__(Workers)
    workers._lock = threading.Lock()
    workers._threads, workers._idle, workers._to_do = [], 0, 0
    return workers


def test_a_finisher_that_cannot_let_go_of_a_file_goes_on_and_says_so(tmp_path: Path) -> None:
    """Else whoever hands files over would wait for ever once its queue is full."""
    finisher = Finisher(lambda results: None)
    finisher.start()
    for number in range(600):
        final = tmp_path / str(number)
        part = PartFile(final, Identity(str(number)), journaled=False)
        part.write(0, b"x")
        part._unlock = planted  # type: ignore[method-assign, assignment]
        result = FileResult(DONE, final.name, 1, "", "")
        finisher.put(Ready(final.name, part, final, result))
    finisher.close()
    assert isinstance(finisher.trouble, Planted)


def test_a_bulk_job_whose_answer_cannot_be_dealt_with_fails_with_words(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.serve(content(1000))
    monkeypatch.setattr(JobStarter, "_on_checked", planted)
    made = engine()
    file = remote(lab.server, "1", lab.name)
    made.add(batch(lab.server, lab.root, file, bulk=True))
    assert made.wait_idle(GUARD)
    (job,) = made.status(rows=True).bulk_jobs
    made.stop()
    assert (job.state, job.code, job.reason) == ("failed", "INTERNAL", WORDS)


class ThreadEnds(BaseException):
    """Ends the engine's thread, as nothing of ours does."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_an_engine_whose_thread_is_gone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*args: object) -> None:
        raise ThreadEnds("gone")

    lab.serve(content(1000))
    monkeypatch.setattr(Scheduler, "tick", end)
    made = engine()
    assert made.wait_idle(GUARD)
    until(lambda: not made.is_alive)
    assert isinstance(made.mistake, ThreadEnds)
    with pytest.raises(RequestRefused):
        made.add(batch(lab.server, lab.root, remote(lab.server, "1", lab.name)))
    made.stop()


def test_who_was_heard_and_not_answered_is_refused_when_the_thread_ends() -> None:
    mailbox = Mailbox()
    refused: list[BaseException] = []

    def ask() -> None:
        try:
            mailbox.call(lambda: None)
        except MailboxClosed as error:
            refused.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert mailbox.take(GUARD)
    mailbox.abandon()
    thread.join(GUARD)
    assert len(refused) == 1
