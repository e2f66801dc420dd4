"""Flow's API: what is there, who is signed in, and what can go wrong.

    client           FlowClient: projects, samples, executions, files, bulk jobs
    walk/            from references to all the files below them
    search/          what fits some criteria, by the server's search or a walk
    session/         who is signed in, where tokens are kept, and requests in that name
    http/            connections, bounds and times, certificates, proxies
    refs             references as people type or paste them: `sample/34`, a web link
    listing, pages   lists, fetched page by page, in either dialect of the service
    bulk_jobs        asking for an archive, and how far it is
    filesets         the files of a sample that were uploaded together, pairs
    pipelines        the schema of a pipeline
    genomes          organisms and their filesets
    discover         which server to talk to where the user named none
    models, fields   Flow's records, read from whatever the server sent
    remote_file      a file that can be downloaded, the record that all other packages use
    formats          what the name of a file says of its content, and how a web page begins
    responses        what an answer means: its JSON, or one of `errors`

`errors`, `refs` and `remote_file` are light to import; the rest loads httpx. Nothing here
knows of settings files, downloads, the engine or the terminal. What a server sends is untrusted
text, and stays as it came until somebody draws it or makes a path of it.
"""
