"""One remote file over HTTP.

    source      asks for some of a file's bytes, and checks what comes back
    file_requests     one request on its way: redirects, the token, kept connections
    link        where the bytes are, and what replaces that when its time is over
    response    what an answer means, from its status and headers alone
    labels      whether a good answer is the file, or a web page or error object in its place
    body        reads the bytes of an answer
    clients     the connections to each server, shared by all its transfers
    rate_limit  bytes a second of all transfers together

What comes back is checked, never assumed. It knows nothing of files on the disk.
"""
