"""What lies over the panes: what to download and where, signing in, limits, one download, files of
a bulk job, what is inside a file, help, leaving.

Each is one dialog in a file of its own, and gives its answer as the result of the screen; `panes`
is the screen below them. What the download dialog says, proposes and sends is `download_offer`, the
room on the disk is its `space_line`.
"""
