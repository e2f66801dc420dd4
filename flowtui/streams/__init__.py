"""A file's bytes in order, to whoever reads along: nothing of it is put on this machine's disk.

pieces      the bytes of one file, or of a part, in order; asked for again where they were cut
whole       a whole file, and what proves at its end that it is the right one
"""
