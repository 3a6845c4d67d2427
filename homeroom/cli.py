"""The command line: `homeroom …`. Words in, words out; what is done stands in `bootstrap`, `errands` and `client`.

Here is the table of the commands; they stand in files of their own, `cli_*.py`, each loaded when one of its commands is asked for:
who only wants a token, or the version, waits neither for the web servers nor for the client. Never here: what a command does.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import click

from homeroom.uncollected import uncollected

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "call": "homeroom.cli_talk",
        "config": "homeroom.cli_config",
        "demo": "homeroom.cli_demo",
        "doctor": "homeroom.cli_school",
        "exam": "homeroom.cli_school",
        "migrate": "homeroom.cli_school",
        "serve": "homeroom.cli_serve",
        "tail": "homeroom.cli_talk",
        "token": "homeroom.cli_user",
        "user": "homeroom.cli_user",
        "version": "homeroom.cli_version",
    }
)
"""In which file each command stands, there under its own name."""


class Commands(click.Group):
    """The commands of the table, loaded when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, for the help and for words that are misspelt."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name; `None` when there is none."""
        if cmd_name not in COMMANDS:
            return None
        with uncollected():
            found: click.Command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="homeroom", message="%(version)s")
def main() -> None:
    """Homeroom: a realtime engine for schools."""
