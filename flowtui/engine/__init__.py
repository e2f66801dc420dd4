"""What decides: which transfer runs when, what follows from its outcome, what is stored and told.

    engine            the commands, and the parts that an engine is put together from
    loop              its thread: takes messages, ticks, saves, publishes
    events            what changed, for each subscriber
    store/            the queue on the disk
    bulk/             archives that Flow prepares
    queue/            the transfers, and which of them runs when
    workers/          the threads that run them
    mailbox           messages to a thread that owns some state
    runtime_settings  what may be changed of a running engine

Each imports only what stands below it. All state belongs to the engine's one thread, and workers
post to its mailbox what came of their work. How a file's bytes move is `transfer`'s matter. Nothing
here knows of sockets, processes, the terminal or the command line.
"""
