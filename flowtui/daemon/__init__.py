"""The engine as a background process, and its client.

    connect    the way to the engine, which is started or replaced if need be
    client     EngineClient: what may be asked of it
    connection requests and their answers over its socket
    pieces     a batch too long for one line
    launcher   starts the process, detached from the terminal
    process    the process itself: one of a user and host, until it is stopped or idle
    server     the Unix socket on which the process answers its clients
    sockets    at paths longer than the system takes
    pidfile    engine.lock: who is the engine, and where it listens
    log        engine.log, without secrets
    peer       who is at the other end of a Unix socket
    logout     whether a logout would end the engine, and what helps
    errors     what may be wrong with the engine, as its clients meet it

Only process and server know the engine. The client and what it needs are light (no httpx, no
SQLite), since the app and every command import them. Nothing here knows of transfers or of the
terminal.
"""
