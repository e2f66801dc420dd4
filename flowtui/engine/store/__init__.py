"""The queue on the disk, so that the next engine goes on where this one ended.

    persistence  what is saved when, and what is wrong with the disk, in words
    recovery     a damaged or newer database, set aside and rebuilt
    database     queue.db: transfers and bulk jobs, a row each
    request_log  queue.jsonl: what was asked for, as text, to rebuild from
    other_names  the queue of this machine under a name that it had before

It reads the records of `queue` and `bulk` and changes nothing in them but the marks of what is
unsaved. It knows nothing of workers, and nothing of the files themselves: their part files and
journals tell how much of them is here.
"""
