"""The transfers, and which of them runs when.

    intake     a batch's files become transfers, each with a path of its own
    scheduler  starts transfers, and carries out what follows from their outcomes
    outcomes   what follows from an outcome; pure
    admission  which batches there is room for on their disks
    tasks      what a worker is told to do of a transfer
    placing    paths for transfers that have none yet
    services   the clients of servers, and who is held until they are made
    silence    disks that do not answer, and who is held until they do
    sign_ins   servers whose session has ended, and who is held for it
    crowding   servers that let through fewer files at a time than there are places
    waits      transfers that wait until a time
    folders    whose the paths below a target folder are, and what its log is to say
    pacing     how many small files are worth fetching at once
    rates      how far and how fast the workers are
    queue      every transfer with its state, and the sums

All of it belongs to the engine's thread; time comes in as an argument. It knows nothing of bulk
jobs, of the database or of subscribers: who needs to know leaves a listener.
"""
