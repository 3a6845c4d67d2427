"""The command that runs the server: `homeroom serve`. What is done stands in `bootstrap`."""

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from homeroom.cli_base import DATA_DIR, errors, output, read_config, run
from homeroom.config import Config
from homeroom.first_admin import first_admin
from homeroom.logs import outlive_standard_error
from homeroom.records.demo import DEMO_PASSWORD, DEMO_PEOPLE
from homeroom.uncollected import uncollected

if TYPE_CHECKING:
    from homeroom.server import Serving


@click.command()
@click.option("--demo", is_flag=True, default=None, help="A small school with people of every role; loopback only.")
@click.option("--host", help="The address to listen on (127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on (8000; 0: any free one).")
@DATA_DIR
def serve(**options: Any) -> None:
    """Run the server until SIGINT or SIGTERM."""
    with uncollected():
        from homeroom import bootstrap  # noqa: PLC0415 - the web servers and all actors, which the help does not need

    outlive_standard_error()
    config = read_config(**options)
    with errors.status("starting") as status:
        announce = partial(_announce, config, status.stop)
        run(partial(bootstrap.serve, config, on_ready=announce, progress=status.update))


def _announce(config: Config, stop_spinner: Callable[[], None], serving: "Serving") -> None:
    stop_spinner()
    output.print(f"[bold]Homeroom[/bold] is open at [link={serving.url}]{serving.url}[/link]")
    if config.demo:
        output.print(f"The demo school; everybody's password is [bold]{DEMO_PASSWORD}[/bold]:")
        for person in DEMO_PEOPLE:
            output.print(f"  {person.role:<12} {serving.url}/?as={person.id}")
    if not serving.led:
        output.print("Nobody can look after the school yet. In another terminal, make its first super_admin:")
        output.print(f"  [bold]{escape(first_admin(config))}[/bold]")
    output.print(f"API {serving.url}/docs   health {serving.url}/readyz   process {os.getpid()}, stop with Ctrl-C")
    sys.stdout.flush()
