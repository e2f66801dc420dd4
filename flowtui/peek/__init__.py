"""What is inside a file on Flow, from a few of its bytes: a table, reads, a header, a list.

    look         from a file's name and a way to read ranges of it to a `View`
    view         what was found: facts, tables, lines; drawing: the same as lines of a terminal
    kinds        what a file is, by its first bytes and its name
    unpacking    as much of gzip data as its first bytes give
    tables, reads, alignments, variants, archives, pages, plain     a format each
    ranges       the bytes of a file on Flow, bounded, and given up when nobody waits for them

All but `ranges` is pure. Every byte is somebody else's: nothing is unpacked, counted or kept
without a bound, and what is found stays untrusted text until `drawing` makes it printable.
"""
