"""What may be wrong with the engine, as its clients meet it."""

from __future__ import annotations


class EngineError(Exception):
    """The engine cannot be had; the message says why and what to do."""


class EngineNotRunning(EngineError):
    """No engine answers, and none was to be started."""


class EngineGone(EngineError):
    """The engine ended while we were talking."""


class EngineSilent(EngineGone):
    """The engine is there and does not answer."""
