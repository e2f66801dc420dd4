"""The bytes of one file, from its source into its part file.

    download     coordinates and hashes; starts over where the file has changed
    connections  so many connections at work as are wanted, each segment after segment
    request      one segment: one request, its bytes written as they come
    retry        how a download waits between its tries, by the rule of `flowtui.retry`
    concurrency  how many connections pay; pure
    segments     which connection fetches which bytes; pure, with a lock
    connection   one connection at work
    shared       what all threads of one download share
    progress     how far it is, and what is worth keeping between two runs

It gives nothing its final name: that is the pipeline's.
"""
