"""`flowtui completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import click

from flowtui.cli.output import Output


@click.command(short_help="Print the completion script for a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the script that has a shell complete commands and options. It asks no server.

    \b
    Examples:
      flowtui completion bash > ~/.local/share/bash-completion/completions/flowtui
      flowtui completion zsh > ~/.zfunc/_flowtui     # a folder of your fpath
      flowtui completion fish > ~/.config/fish/completions/flowtui.fish
    """
    from click.shell_completion import get_completion_class

    from flowtui.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    # click's bash asks the shell for its version here, which has to be run by hand elsewhere.
    script = kind(cli, {}, "flowtui", "_FLOWTUI_COMPLETE")
    Output(is_listing=True).line(script.source_template % script.source_vars(), exact=True)
    return 0
