"""Text for terminals, shared by the commands, the app and the engine's messages.

    printable    somebody else's text, with nothing in it that could change the terminal
    redaction    secrets taken out of what is shown, logged or saved: every rule on it
    quantities   bytes, rates and durations in words
    columns      how wide a text is on a terminal; cut, padded and lined up in tables

It knows nothing of Flow, of transfers, or of how a text is drawn.
"""
