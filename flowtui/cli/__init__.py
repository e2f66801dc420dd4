"""The commands: what `flowtui` does when it is given one.

    main             the command line: its options, its subcommands (imported when used), its errors
    get, get_report  download in the foreground, stop on signals; how that ended
    queue, detach    add to the background queue, and act on what is in it
    status, watch    the queue as it is, and as it goes on; queue_lines: in lines
    samplesheet, sample_inputs     a pipeline's table of samples, and what it is made of
    samples_table    `samples.tsv` in a target folder, kept true by `get` and `add`
    ls, find, peek, account, engine, demo     the other commands
    log                  what came to a folder when, from where, and how it was verified
    wait, completion     until the queue has ended; what shells need to complete words
    ref_completion       the REFs that shells complete
    man, verbose, verbose_lines    the manual page; `-v`, and what it writes
    cat, reading_along     a file to stdout as it comes; what is shared by who reads along
    doctor, checks/  what a download needs, looked at line by line
    diff, folder_refs  what Flow has now, beside what a folder's log records; what that came from
    manifest, manifest_table, manifest_export     files and their places as a table; its text,
                     written and read; the same for other programs
    md5_lookup       the md5 of files whose lists do not tell it
    selection, ref_lists, plan     from REFs to files, REFs from a list, and from files to the batch
                     that the engine gets
    filters, filter_options, patterns     which files are wanted; the options that say it; paths
    dry_run              what a download would do, file by file, and what it would end with
    finding              the search in a thread, whose finds are queued in pieces as they come
    follow, batch_progress, progress     the events of a batch, what they add up to, how it is shown
    silent_home      words about a home folder whose disk does not answer
    session          what a command needs to talk to Flow: settings, credential, client
    record_rows, tables     records of Flow as rows, and rows as JSON lines or tables
    options, output, json_fields, exit_codes, signals     what the commands share

Commands talk to the engine through `flowtui.daemon.connect`; only `get` runs an engine in its own
process. Every error becomes one line and an exit status in `main`. Nothing here draws the app, and
imports that take time are made inside the command that needs them.
"""
