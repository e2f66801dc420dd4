"""The background engine: whether it runs, can be reached, and is of this version."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from flowtui.cli.checks.check import Check, fail, ok, parted, warn

if TYPE_CHECKING:
    from flowtui.daemon.client import EngineClient


def engine(reach: Callable[[], EngineClient]) -> Check:
    """What the engine says of itself; `reach` starts none."""
    from flowtui.daemon.errors import EngineError, EngineNotRunning

    try:
        with closing(reach()) as running:
            if not running.is_same_version:
                return warn(
                    "engine",
                    f"running, of version {running.version} (pid {running.pid})",
                    "run `flowtui engine stop`; the next starts when it is needed",
                )
            trouble = running.status().summary.trouble
            if trouble:
                return warn("engine", f"running, but: {trouble}", "see `flowtui status`")
            return ok("engine", f"running (pid {running.pid})")
    except EngineNotRunning:
        return ok("engine", "not running; it starts when it is needed")
    except EngineError as error:
        return fail("engine", *parted(str(error), "see `flowtui engine status`"))
