"""The archive of a bulk job, taken apart.

    extract   what the worker does: every member that is wanted, verified
    commit    members flushed and renamed in groups
    reader    zip and tar.gz, member by member
    gunzip    what is in a gzip file, in bounded memory
    tar       the members of a tar, from its headers
    matching  which member is which file
    rules     what an archive must not hold; nothing is written of one that breaks them

An archive is untrusted: its names lead nowhere, and what it may unpack to is bounded.
"""
