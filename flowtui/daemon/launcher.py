"""Starts the engine as a process of its own, detached from the terminal."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys

from flowtui.config import Folders, absolute, folders, private_folder
from flowtui.daemon.errors import EngineError
from flowtui.daemon.logout import scope_command
from flowtui.text.redaction import TOKEN_VARIABLES


def start_detached(where: Folders | None = None) -> None:
    """Start the engine in a session of its own, without terminal. It may take a moment to answer.

    Where a logout ends all processes of the user, it gets a scope of its own if there can be one.

    Raises EngineError where not even its log can be written.
    """
    where = where or folders()
    try:
        private_folder(where.state)
        log = os.open(where.engine_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise EngineError(
            f"cannot write to {where.state}: {error.strerror}; set FLOWTUI_HOME to a folder for"
            " flowtui's settings and queue"
        ) from error
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
