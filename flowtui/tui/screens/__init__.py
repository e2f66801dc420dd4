"""What lies over the panes: what to download and where, signing in, limits, files of a bulk job,
help, leaving.

Each is one dialog in a file of its own, and gives its answer as the result of the screen; `panes`
is the screen below them.
"""
