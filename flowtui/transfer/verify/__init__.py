"""What proves that bytes are the right ones.

    verdict     what proves the bytes of a transfer right, and what proves them wrong
    existing    what stands at a target already: the file, another, or a part
    blocks      which parts of a changed file are still good
    recheck     files that were downloaded, read again
    md5         of a file that is being written, and of one that is there
    containers  the checksums inside .gz, .bam and .zip, where Flow gives no md5
    quick_zlib  ISA-L, or Python's own zlib: what unpacks and what sums by CRC-32
    zip_check   a zip archive, by its directory

Nothing here fetches, and nothing is renamed.
"""
