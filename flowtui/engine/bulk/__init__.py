"""Archives that Flow prepares: asked for, fetched as one transfer, unpacked, file by file verified.

    tracker    all bulk jobs: restored, told of what happens in the engine, stopped
    adding     from a batch to jobs, and to the files that come by themselves
    actions    what people may do: cancel, retry, create again, one by one, forget
    stages     the four below hang together here, and each hands over to the next
    start      what is here already, before an archive is asked for
    polling    asks Flow for it, and how far it is
    fetching   the archive as a transfer; asked for again when it has expired
    unpacking  its files come out; what it lacks comes one by one
    singles    files that come one by one: a job has ended when the last of them has
    jobs       all jobs, which of them changed, and the room that is kept for them
    notes      a note in the target folder, for `get`, which has no database
    job        one job's record, and its rules; sums: all of them and the queue, file by file

It uses the queue as any other client of it: it queues transfers, claims paths and reserves bytes,
and is told when a transfer has ended. The queue knows nothing of bulk jobs. What takes time is done
by workers; how an archive is read is `transfer.archive`'s matter.
"""
