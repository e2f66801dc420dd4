"""Who is at the other end of a Unix socket."""

from __future__ import annotations

import os
import socket
import struct


def is_same_user(stream: socket.socket) -> bool:
    """Whether the other end is a process of this user (where the system tells).

    Where it does not, the 0700 folder of the socket is what keeps others out.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    answer = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", answer)
    return bool(uid == os.getuid())
