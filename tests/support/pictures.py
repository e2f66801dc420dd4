"""An app with something of everything on its screen, all of it made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from flowtui.config import Folders, Settings
from flowtui.flow.models import Execution, Project
from flowtui.protocol.messages import BulkRow, Changes, Summary, TransferRow
from flowtui.tui.app import FlowApp
from flowtui.tui.downloads.table import TransferTable
from flowtui.tui.downloads.totals import TotalsLine
from flowtui.tui.engine_link import QueueChanged
from flowtui.tui.queue_model import Delta
from support.fake_flow import SERVER, FakeFlow, data, screen
from support.tui_app import FakeContext, context_of, opened, until

HOSTILE = "../../x\x1b]0;x\x07[red]b[/red]\n\u202efdp.gz"

NOW = 1_790_000_000.0


def flow() -> FakeFlow:
    made = screen(3)
    made.mine[0] = replace(made.mine[0], name="CRISPR screen", private=True)
    made.files["s0"] = [
        data("1", "guide_0000_L001_R1.fastq.gz", size=3_182_699, filetype="fastq.gz", md5="a" * 32),
        data("2", "guide_0000_L001_R2.fastq.gz", size=3_201_334, filetype="fastq.gz", md5="b" * 32),
        data("3", HOSTILE, size=None, filetype="gz", md5="c" * 32),
        data("4", "片段_αβγ_" + "long" * 60 + ".bam", size=40, filetype="bam", md5="d" * 32),
    ]
    run = {"id": "9", "identifier": "small_meucci", "pipeline_name": "RNA-seq", "status": "ERROR"}
    made.project_runs["1"] = [Execution.read(run)]
    made.details["execution/9"] = made.project_runs["1"][0]
    made.mine.append(Project.read({"id": "2", "name": "Empty one", "sample_count": 0}))
    return made


def app_of(folder: Path = Path("/nowhere"), **settings: Any) -> FlowApp:
    """The app in folders that nothing is written to, unless they are named."""
    folders = Folders(config=folder / "config", state=folder / "state", runtime=folder / "run")
    given = Settings(server=SERVER, download_dir="/data/flow", **settings)
    app = FlowApp(given, folders, context=FakeContext(flow(), folders, given))
    app.animation_level = "none"
    return app


def row(id_: int, state: str, path: str, **more: Any) -> TransferRow:
    fields = {"key": f"data/{id_}", "filename": path.rpartition("/")[2], "root": "/data/flow"}
    return TransferRow(id=id_, batch_id=1, state=state, path=path, **{**fields, **more})


ROWS = (
    row(1, "done", "CRISPR screen/guide_0000/a_R1.fastq.gz", size=3_182_699, done=3_182_699,
        verified_by="md5"),
    row(2, "active", "CRISPR screen/guide_0001/guide_0001_L001_R1.fastq.gz", size=90_000_000,
        done=54_900_000, rate=11_300_000, eta=3.1, resumed_at=10_000_000, reason="resumed at 11 %"),
    row(3, "verifying", "CRISPR screen/guide_0001/b.bam", size=1_000_000, done=1_000_000),
    row(4, "waiting", "CRISPR screen/guide_0002/c.bam", size=13_400_000_000, code="NO_SPACE",
        reason="needs 12.4 GB more in /data/flow (1.0 GB free, 13.4 GB to come)"),
    row(5, "paused", "CRISPR screen/guide_0002/d.vcf.gz", size=81_300, done=40_000),
    row(6, "queued", "samples/片段/e.tsv", size=None),
    row(7, "failed", "data/f.gz", size=2_000, done=0, code="FORBIDDEN", retryable=True,
        reason="you may not download this file; ask its owner for access"),
    row(8, "skipped", "data/g.gz", size=2_000, done=2_000, verified_by="size, as recorded"),
    row(9, "cancelled", "data/h.gz", size=2_000),
)  # fmt: skip

SUMMARY = Summary(
    counts={"done": 1, "active": 1, "verifying": 1, "waiting": 1, "paused": 1, "queued": 1,
            "failed": 1, "skipped": 1, "cancelled": 1},
    file_counts={"done": 181, "active": 1, "verifying": 1, "waiting": 1, "paused": 1, "queued": 142,
                 "failed": 9_001, "skipped": 1, "cancelled": 1},
    done=59_123_000, total=13_494_000_000, unknown_sizes=1, rate=11_300_000, eta=1190.0,
    root="/data/flow", free=1_000_000_000,
)  # fmt: skip

JOBS = (
    BulkRow(1, 1, "CRISPR screen.zip", "/data/flow", "done", files=181, created=NOW - 7200),
    BulkRow(2, 2, "cortex.zip", "/data/flow", "processing", files=120, progress=40.0,
            created=NOW - 42),
    BulkRow(3, 3, "trio.zip", "/data/flow", "fetching", files=21, progress=100.0, transfer_id=2,
            created=NOW - 300, expires=NOW + 86_000),
    BulkRow(4, 4, "too much.zip", "/data/flow", "failed", files=9_000, reason="too many files",
            created=NOW - 30),
)  # fmt: skip


async def queued(pilot: Pilot[Any], *, jobs: tuple[BulkRow, ...] = ()) -> FlowApp:
    app = await opened(pilot)
    link = context_of(app).fake_link
    delta = Delta()
    link.model.apply(Changes(SUMMARY, transfers=ROWS, bulk_jobs=jobs), delta)
    link.take = lambda: delta  # type: ignore[method-assign]
    totals = app.query_one(TotalsLine)
    totals._rates.extend([2e6, 5e6, 9e6, 0.0, 11e6, 11.3e6])
    totals._sampled = float("inf")
    app.post_message(QueueChanged(link))  # type: ignore[arg-type]
    await until(pilot, lambda: app.query_one(TransferTable).count == len(ROWS))
    return app
