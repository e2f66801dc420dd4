"""The queue on the screen.

    manager     the widget: table, totals, and what people ask of the engine
    table       the transfers; drawing: how a line looks
    bulk_panel  the bulk jobs; bulk_drawing: how a line looks
    reason      what is to say of one in a line; facts: all of it, and what can be copied
    totals      the sums

It draws what `tui.queue_model` holds and posts messages; it asks neither Flow nor the engine.
"""
