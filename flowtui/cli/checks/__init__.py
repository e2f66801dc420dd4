"""What `flowtui doctor` looks at, a small function for each line of its report.

    check        what a check finds; the checks asked side by side, none longer than it may take
    machine      Python and its packages, the terminal, what a logout does
    setup        settings, keyring, credential
    network      names and addresses, the proxy, certificates
    service      the server: whether it is Flow, its dialect, its clock, the sign-in
    target       the target folder: room, file system, locks, reflinks, quota
    background   the engine

Nothing is changed by looking: no session is renewed, no setting is saved, no folder is made. What
a function needs to know of its surroundings is handed over where that can be, so that a test can
break it.
"""
