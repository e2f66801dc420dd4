"""Flow's API: what is there, who is signed in, and what can go wrong.

    client           FlowClient: projects, samples, executions, files, bulk jobs
    walk, parts      from references to all the files below them; what follows where some fail
    questions        the parts that a reference is made of, in order
    queries, rows    what is asked of Flow for one part, and the records that come of it
    runs             which run and process made an output, and the folders that it goes to by that
    lookahead, pace, patient     questions side by side, at the pace that the server likes
    vocabulary       types, organisms and attributes as the server calls them
    genomes          organisms and their filesets
    search           what fits some criteria, by the server's search or a walk
    run_records      a run's parameters, command, logs and versions as text files
    outputs          which of an execution's outputs a path names
    refs             references as people type or paste them: `sample/34`, a web link
    listing, pages   lists, fetched page by page, in either dialect of the service
    bulk_jobs        asking for an archive, and how far it is
    account          who is signed in, and the ways to sign in
    session          requests with the token, and retries
    session_token, token_life, tokens     the token in force, and another when its life ends
    confirmation     whether a refusal is believed
    address          what is below a server's address, and whom a token may go to
    device_flow      signing in at another service, by a code entered in a browser
    credentials      what a token is, where it is from, and what refreshes it
    credential_store     where tokens are looked for and kept: credential_keyring (keyring_access
                     asks it), credential_file, and the given_tokens of variables and files
    process_locks    between the processes of a user: on that file, and on renewing a session
    discover         which server to talk to where the user named none
    http_client      the pool of connections, and its timeouts
    large_bodies     long answers, read from the socket (direct_body) over kept_connections that
                     live on; kept_answers: the short way to small files over those
    certificates     whose certificates are trusted
    proxies          which proxy a request goes by
    models, fields   Flow's records, read from whatever the server sent
    remote_file      a file that can be downloaded, the record that all other packages use
    responses        what an answer means: its JSON, or one of `errors`

`errors`, `refs` and `remote_file` are light to import; the rest loads httpx. Nothing here
knows of settings files, downloads, the engine or the terminal. What a server sends is untrusted
text, and stays as it came until somebody draws it or makes a path of it.
"""
