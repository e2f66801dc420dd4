"""What is asked of the operating system, where that takes more than a call.

    locks             locks between processes, also where the file system knows none
    fsync             the bytes of a file on the disk
    folder_fsync      a name on the disk, once for many that ask at the same time
    machine           which machine this is, whatever its name, and whether a process there is dead
    files             files that only their user may read; a bounded look at what may be anything
                      by now
    shared_folder     what is below a folder that others may write to, opened so that nothing they
                      plant there is used
    descriptors       how many files and connections may be open at once
    mounts, clones    which file system a folder is on; files that share their bytes
    boot              which boot of which machine this is
    clocks            which clock is for what
    standard_streams  streams that are always there and never fail
    quick_end         the end of a process without freeing each object first
    utf8_mode         names of files in UTF-8, whatever the locale

It imports nothing of ours.
"""
