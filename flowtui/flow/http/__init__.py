"""HTTP as Flow and its storage are spoken to: connections, bounds and times, trust, proxies.

    http_client      the pool of connections, and its timeouts
    answers          an answer read whole, as far as it is bounded; its JSON
    large_bodies     long answers, read from the socket over connections that live on
    kept_answers, kept_connections, direct_body     a short way to ask for small files
    deadline         how long an answer may take
    decoding         what answers are packed by, unpacked within bounds
    certificates     whose certificates are trusted
    proxies          which proxy a request goes by
    plain_http       where a token may go without encryption

It knows nothing of Flow's records, nor of who is signed in.
"""
