"""What may be wrong with the engine, as its clients meet it."""

from __future__ import annotations

NO_ROOM_STATUS = 5
"""What an engine's process ends with that has no room to start; the commands' status, too."""


class EngineError(Exception):
    """The engine cannot be reached or started; the message says why and what to do."""


class EngineNotRunning(EngineError):
    """No engine is running, and none was to be started."""


class EngineWithoutRoom(EngineError):
    """The disk of the state folder is full, so that no engine can start."""


class EngineGone(EngineError):
    """The engine stopped during the conversation."""


class EngineSilent(EngineGone):
    """The engine is running but does not answer."""
