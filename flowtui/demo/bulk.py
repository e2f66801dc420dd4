"""Bulk downloads: a job prepares an archive of many files."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flowtui.demo.archives import Entry, TooLarge, entries_of, etag_of, tar_gz_of, zip_of
from flowtui.demo.byte_source import ByteSource
from flowtui.demo.catalogue import File, User
from flowtui.demo.files import SourceResponse
from flowtui.demo.scenarios import EXPIRING_SECONDS, SLOW_SECONDS, Scenario, Scenarios
from flowtui.demo.service import Refusal, Service, forbidden, not_found

PENDING_SHARE = 0.25
"""The part of a job's time for which it is pending."""


class Job:
    """One archive in the making: pending, processing, completed (or failed), expired.

    Attributes:
        number: how many there were before it. `gone`: it has expired before its time.
    """

    def __init__(
        self,
        id: str,
        number: int,
        name: str,
        owner: User,
        files: Sequence[File],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = id
        self.number = number
        self.name = name
        self.owner = owner
        self.files = files
        self._clock = clock
        self.began = clock()
        self.created = int(time.time())
        self.source: ByteSource | None = None
        self.etag = ""
        self.error: str | None = None
        self.gone = False
        self.polls = 0
        self.prepared: float | None = None  # when `source` or `error` was set

    async def prepare(self, scenarios: Scenarios, *, tar: bool) -> None:
        """Lay out the archive, off the event loop: it takes one pass over all bytes."""
        try:
            entries: list[Entry] = await asyncio.to_thread(entries_of, self.files, scenarios)
            self.source = await asyncio.to_thread(tar_gz_of if tar else zip_of, entries)
            self.etag = etag_of(entries)
        except TooLarge as error:
            self.error = str(error)
        if scenarios.fails(self.number):
            self.error = "The archive could not be written: no space left on the worker"
        self.prepared = self._clock()


class BulkJobs:
    """The jobs of one server. A job takes at least `job_seconds`; archives go after a time.

    Attributes:
        scenarios: what happens to them; may be changed. So may the rest:
        job_seconds: how long a job takes at least.
        pending_share: the part of that for which it is pending.
        clock: seconds, by which all that goes.
    """

    def __init__(
        self, service: Service, job_seconds: float, expires_seconds: float, scenarios: Scenarios
    ) -> None:
        self.scenarios = scenarios
        self.pending_share = PENDING_SHARE
        self.clock: Callable[[], float] = time.monotonic
        self._service = service
        slow, expiring = scenarios.has(Scenario.SLOW), scenarios.has(Scenario.EXPIRING)
        self.job_seconds = SLOW_SECONDS if slow else job_seconds
        self._expires_seconds = EXPIRING_SECONDS if expiring else expires_seconds
        self._jobs: dict[str, Job] = {}
        self._numbers = count(1001)
        self._preparing: set[asyncio.Task[None]] = set()

    async def create(self, request: Request) -> Response:
        """`POST /downloads {"data_ids": […], "name": …}`."""
        user = self._service.signed_in(request)
        ids, name = await _read_request(request)
        self.scenarios.refuse(len(ids))
        odd = self.scenarios.odd_answer()
        if odd is not None:
            return odd
        files = [self._file(id, user) for id in dict.fromkeys(ids)]
        live = self._service.dialect == "live"
        tar = live or self.scenarios.has(Scenario.TAR)
        id = str(next(self._numbers)) if self._service.dialect == "guide" else str(uuid.uuid4())
        if tar:
            name = f"{id}.tar.gz" if live else f"{name.removesuffix('.zip')}.tar.gz"
        job = Job(id, len(self._jobs), name, user, files, self.clock)
        self._jobs[id] = job
        task = asyncio.create_task(job.prepare(self.scenarios, tar=tar))
        self._preparing.add(task)
        task.add_done_callback(self._preparing.discard)
        if self.scenarios.has(Scenario.ONLY_LOCATION):
            return Response(status_code=201, headers={"Location": f"/api/downloads/{id}"})
        return JSONResponse(self._job_fields(job), 201)

    def knows(self, id: str) -> bool:
        """Whether there is a job of this id."""
        return id in self._jobs

    def poll(self, request: Request) -> Response:
        """`GET /downloads/<job>`: its state; on the live service the archive, once finished."""
        job = self._job(request)
        job.polls += 1
        trouble = self.scenarios.trouble(job.polls - 1)
        if trouble is not None:
            return trouble
        ended = self._status(job) in {"completed", "expired"}
        not_ready = self.scenarios.not_ready(ready=ended)
        if not_ready is not None:
            return not_ready
        if ended and (self._service.dialect == "live" or self.scenarios.hides_states):
            return self._archive(request, job)
        return JSONResponse(self._job_fields(job))

    def fetch(self, request: Request, name: str) -> Response:
        """`GET /downloads/<job>/<name>`: the archive."""
        job = self._job(request)
        if name != job.name:
            raise not_found("Download not found")
        return self._archive(request, job)

    def _archive(self, request: Request, job: Job) -> Response:
        status = self._status(job)
        if status == "expired":
            raise Refusal(410, "EXPIRED", "Download link has expired")
        if job.source is None or status != "completed":
            raise not_found("Download not ready")
        kind = "application/gzip" if job.name.endswith(".tar.gz") else "application/zip"
        if job.number == 0 and self.scenarios.has(Scenario.EXPIRED_ONCE):
            job.gone = True
            raise Refusal(410, "EXPIRED", "Download link has expired")
        response = SourceResponse(
            request, job.source, job.name, job.etag, kind, self._service, job.created
        )
        if self.scenarios.cuts(job.number, request):
            job.gone = True
            response.cut_after(job.source.size // 2)
        return response

    def _job(self, request: Request) -> Job:
        user = self._service.signed_in(request)
        job = self._jobs.get(request.path_params["id"])
        if job is None or job.owner != user:
            raise not_found("Download not found")
        return job

    def _file(self, id: str, user: User) -> File:
        file = self._service.catalogue.files.get(id)
        if file is None or file.refused in {404, 410}:
            raise not_found(f"Data file not found: {id}")
        self._service.require(file.project, user)
        if file.refused is not None:
            raise forbidden("You do not have permission to download this file")
        return file

    def _status(self, job: Job) -> str:
        now = self.clock()
        if job.gone:
            return "expired"
        if now < job.began + self.job_seconds * self.pending_share:
            return "pending"
        ready = max(job.began + self.job_seconds, job.prepared or 0.0)
        if job.prepared is None or now < ready:
            return "processing"
        if job.error:
            return "failed"
        return "completed" if now < ready + self._expires_seconds else "expired"

    def _job_fields(self, job: Job) -> dict[str, Any]:
        status = self._status(job)
        elapsed = self.clock() - job.began
        ended = status not in {"pending", "processing"}
        started = None if status == "pending" else job.created
        finished = job.created + int(self.job_seconds) if ended else None
        if self._service.dialect == "live":
            return {
                "id": job.id,
                "created": job.created,
                "started": started,
                "finished": finished,
                "by_execution": False,
                "data": [file.id for file in job.files],
                "user": job.owner.id,
            }
        share = elapsed / self.job_seconds if self.job_seconds else 1.0
        expires = job.created + int(self.job_seconds + self._expires_seconds)
        fields: dict[str, Any] = {
            "id": self._service.serializer.id(job.id) if job.id.isdecimal() else job.id,
            "name": job.name,
            "status": status,
            "progress": 100 if ended else min(99, int(100 * share)),
            "download_url": f"/downloads/{job.id}/{job.name}" if status == "completed" else None,
            "error": job.error,
            "created": self._service.serializer.time(job.created),
            "expires_at": datetime.fromtimestamp(expires, UTC).isoformat(),
        }
        if self._service.dialect == "both":
            size = job.source.size if job.source and status == "completed" else None
            fields |= {"started": started, "finished": finished, "size": size}
        return fields


async def _read_request(request: Request) -> tuple[list[str], str]:
    """The ids and the archive's name of a request's body. Raises Refusal (400)."""
    try:
        body = await request.json()
    except ValueError as error:
        raise Refusal(400, "BAD_REQUEST", "The body is not JSON") from error
    ids = (body.get("data_ids") or body.get("data")) if isinstance(body, dict) else None
    if not isinstance(ids, list) or not ids:
        raise Refusal(400, "BAD_REQUEST", "data_ids must be a list of ids")
    if any(isinstance(id, bool) or not isinstance(id, str | int) for id in ids):
        raise Refusal(400, "BAD_REQUEST", "data_ids must be a list of ids")
    stem = str(body.get("name") or "flow_download").removesuffix(".zip")
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in stem)
    return [str(id) for id in ids], f"{safe.strip('.') or 'flow_download'}.zip"
