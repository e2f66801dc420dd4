"""What fits some criteria on Flow.

search           by the server's search, where it has one that serves
search_walk      by a walk through all there is, where it has none
criteria         what is looked for, and whether a record fits
vocabulary       types, organisms and attributes as the server calls them
search_notices   what could not be checked or looked at
"""
