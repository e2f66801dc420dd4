"""What all tests need of the process that they run in."""

from __future__ import annotations

import signal

# A shell ignores SIGINT for what it runs in the background, and nohup SIGHUP. Programs inherit
# that, flowtui goes by it, and tests of what a signal does would meet nothing.
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)
