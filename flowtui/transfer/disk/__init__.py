"""Where bytes go, so that they are still right after a crash.

    part_file      the unfinished file: locked, written at any offset, flushed
    ledger         which of its bytes were written, and flushed
    commit         the final name, never over another file, and its folder on the disk
    journal        which bytes of it can be believed
    ranges         sets of byte ranges
    paths          which file below a target folder has which path
    names          somebody else's names made safe
    downloads_log  a line for every file that ended
    folder_record  that log and MD5SUMS, written together
    rewritten      a file beside them that is written anew as a whole
    space          room on the disks, measured in threads of their own
    calls          since when a transfer waits for its disk

It knows nothing of HTTP, and does not judge what the bytes are.
"""
