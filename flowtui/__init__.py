"""flowtui: browse and download what is on Flow (flow.bio) from a terminal."""

import sys

__version__ = "0.1.0"

# httpx brings a command of its own, whose imports (rich, pygments) take longer than its library's.
# This program has no use for it; httpx takes its absence for one of these not being installed.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
