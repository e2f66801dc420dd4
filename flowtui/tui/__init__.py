"""The app: what people see. A client of the engine, like every other.

    app              composes the panes, binds keys, routes messages
    add_downloads    from what is marked to the queue: count, dialog, batch; found_downloads:
                     files that are queued while the rest is counted
    engine_status    what is told of the engine; quitting: leaving, in all its ways
    listing_job      the files of a bulk job, while somebody looks at them
    limiting         the rate of all downloads: asked for, set, and kept
    notices          what is worth a word to who does not look; announcing: toasts, bell, title;
                     terminal_signals: their sequences
    away, returning  what went on while no app was open, and telling it
    peeking          looking into files, given up when somebody moves on
    browser/         the tree and its details
    downloads/       the queue and the bulk jobs
    screens/         dialogs
    widgets/         widgets that know nothing of Flow
    engine_link      takes the engine's events in a thread; queue_model: what they add up to;
                     known_files: the same by file, sample, run and project
    engine_requests  what is asked of the engine, one after the other
    recorded_files   what the target folder's log calls here, and is; looked at in a thread;
                     already_here: how many of the files for the download dialog are so
    context, account what the app needs from outside the screen; who is signed in
    commands, palette            the palette's table and its lines
    theme, theming   the colours, and which of them suit the terminal; terminal_kind: what it can
    readable, ascii_text         the last steps to the screen: contrast, and letters of ASCII
    keys             keys by name: the ids of bindings, presets
    own_actions, own_programs    programs of the user's own: what is run, and running it
    run, terminal    starts it, and what a crash or the end of the terminal leaves
    background       threads, and the way back to the screen's
    painting         writes what differs from what is on the terminal; screen_buffer: which cells
    matching         what is typed into a filter, and whether a name fits
    typed_ahead      keys one after the other, each when the one before has done its work

It knows the engine by its client and its messages only. Nothing that may wait runs on the screen's
thread, and somebody else's text is drawn as plain text, never as markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowtui.config import Folders, Settings


def start(
    settings: Settings, folders: Folders, *, to: str | None = None, engine_stays: bool = True
) -> int:
    """Run the app until it is left; the exit status of the process.

    `engine_stays` false: the caller ends the engine afterwards (as the demo does).
    """
    from flowtui.tui.app import FlowApp
    from flowtui.tui.run import run

    return run(FlowApp(settings, folders, to=to, engine_stays=engine_stays), folders)
