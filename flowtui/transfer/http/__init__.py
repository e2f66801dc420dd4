"""One remote file over HTTP.

    source      asks for some of a file's bytes, and checks what comes back
    response    what an answer means, from its status and headers alone
    labels      whether a good answer is the file, or a web page or error object in its place
    body        reads the bytes of an answer
    clients     the connections to each server, shared by all its transfers
    rate_limit  bytes a second of all transfers together

What comes back is checked, never assumed. It knows nothing of files on the disk.
"""
