"""flowtui: browse and download what is on Flow (flow.bio) from a terminal."""

__version__ = "0.1.0"
