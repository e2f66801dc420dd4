"""What is on Flow, as a tree to walk and mark.

    tree       the pane: loads what comes into sight, moves; marking: lines that can be marked
    details    the pane beside it; facts: what it says
    side       the tree with the lines above it; filter: the lines to filter by name and to find on
               the server; covered: what a filter found, and how far it reaches
    finding    what a search found, as a branch of the tree; place: the way to where it is;
               going: what a reference or link names
    selection  from what is marked to files; count: the same in a thread, counted as it goes
    marks      what is marked, also of what is not loaded
    loading    a page that is asked for; fetching: asks in threads
    drawing    how a line looks; labels: its words; standing: whether it is here, under way, failed
    nodes      plain data: what is known, and which lines that makes; lines: where is what in them

It asks Flow by itself, and knows nothing of the engine but what `known_files` adds up.
"""
