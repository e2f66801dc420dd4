"""What moves one file's bytes: from its place on Flow to its verified name on the disk.

    pipeline   one transfer from first to last: what is here, fetch, verify, put under its name
    fetch/     the bytes over one or many connections, hashed close behind the writer
    archive/   the archive of a bulk job taken apart, each member verified and put under its name
    verify/    what proves bytes right or wrong, and whether a file is here already
    http/      one request and the checks of what comes back; clients, rate limit
    disk/      part file, journal, paths, names, downloads.log, room
    local_copy a file that is at another place below the target: linked, or given its own name
    run_record a record of a run, made of what Flow says of it
    task       what a worker is given, and what came of it
    errors     why a transfer stopped, as one tree; identity, cancel: beside it

Imports run downwards in this list. It knows of no settings, no sign-in, no socket and no queue: who
runs a transfer hands it a Task and Tools, and gets an Outcome.
"""
