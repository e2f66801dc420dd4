"""The threads that run transfers.

    pool         as many threads as are needed, and the one that flushes their open files
    small_files  small files, many handed to a few threads, put on the disk together
    lanes        what is asked of folders, each beside the others
    run          one run of a transfer: what a worker holds while it has it

It takes a run to its outcome by `transfer.pipeline` and hands that back. It knows nothing of the
queue, of batches or of states that follow.
"""
