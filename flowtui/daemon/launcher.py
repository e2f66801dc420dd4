"""Starts the engine as a process of its own, detached from the terminal."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import sys

from flowtui.config import Folders, absolute, folders, private_folder
from flowtui.daemon.errors import EngineError, EngineWithoutRoom
from flowtui.daemon.logout import scope_command
from flowtui.system.files import UnfitFile, open_regular
from flowtui.text.redaction import TOKEN_VARIABLES


def start_detached(where: Folders | None = None) -> subprocess.Popen[bytes]:
    """Start the engine in a session of its own, without terminal. It may take a moment to answer.

    Where a logout ends all processes of the user, it gets a scope of its own if there can be one.

    Raises EngineError where its folder or its lock cannot be written: it could tell nobody. Its log
    is no condition.
    """
    where = where or folders()
    try:
        private_folder(where.state)
        os.close(open_regular(where.engine_lock, os.O_RDWR | os.O_CREAT))
    except UnfitFile as error:
        raise EngineError(f"cannot use {where.engine_lock}: {error.strerror}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EngineWithoutRoom(
                f"cannot write to {where.state}: {error.strerror}; free some space, or set"
                " FLOWTUI_HOME to a folder elsewhere"
            ) from error
        raise EngineError(
            f"cannot write to {where.state}: {error.strerror}; set FLOWTUI_HOME to a folder for"
            " flowtui's settings and queue"
        ) from error
    try:
        log = open_regular(where.engine_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except OSError:
        log = os.open(os.devnull, os.O_WRONLY)  # the engine finds out itself, and tells its clients
    environment = dict(os.environ)
    # What a process began with can be read by others of this user, and ends up in reports of bugs.
    tokens = {name: environment.pop(name) for name in TOKEN_VARIABLES if name in environment}
    # Its working directory is another one, so relative paths are made absolute here.
    for name in ("FLOWTUI_HOME", "FLOW_TOKEN_FILE"):
        if environment.get(name):
            environment[name] = str(absolute(environment[name]))
    engine = [sys.executable, "-m", "flowtui", "engine", "run"]
    try:
        process = subprocess.Popen(
            [*scope_command(), *engine, *(["--tokens-stdin"] if tokens else [])],
            stdin=subprocess.PIPE if tokens else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            close_fds=True,
            cwd="/",
            env=environment,
        )
    finally:
        os.close(log)
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(tokens).encode())
    return process
