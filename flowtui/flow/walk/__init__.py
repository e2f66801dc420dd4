"""From references to all the files below them.

walk             each file once, in order, and what was left out
questions        the parts that a reference is made of, in order; parts: what follows where
                 some of them fail
queries, rows    what is asked of Flow for one part, and the records that come of it
runs             which run and process made an output, and the folders that it goes to by that
outputs          which of an execution's outputs a path names
run_records      a run's parameters, command, logs and versions as text files
lookahead, pace, patient     questions side by side, at the pace that the server likes
"""
