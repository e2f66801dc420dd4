"""What the background engine and its clients say to each other.

    messages   every request and event, listed in its docstring; the records that they carry
    requests   the fields of each request
    schema     how records are read: every field of the kind that is annotated, or refused in words
    feeding    files that are still being found, as batches in pieces
    states     the states of transfers and bulk jobs, and which may follow which
    wire       how a message is written: a JSON object a line; the version of the protocol

Both sides import these modules and neither imports the other. They know nothing of sockets, the
queue or the terminal, and are light: no httpx, no SQLite.
"""
