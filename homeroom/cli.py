"""The command line: `homeroom …`. Words in, words out; what is done stands in `bootstrap`, `errands` and `client`.

Here are the server's own commands; groups of others have files of their own (`cli_user`, `cli_talk`, `cli_demo`).
"""

import gc
import json
import os
import re
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from homeroom import errands
from homeroom.cli_base import DATA_DIR, errors, output, read_config, run
from homeroom.cli_demo import demo
from homeroom.cli_talk import call, tail
from homeroom.cli_user import token, user
from homeroom.config import MEANINGS, Config, allowed_shape
from homeroom.doctor import examine
from homeroom.house import version as installed_version
from homeroom.logs import outlive_standard_error
from homeroom.records.demo import DEMO_PASSWORD, DEMO_PEOPLE
from homeroom.verify import verify_exam

if TYPE_CHECKING:
    from homeroom.server import Serving


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="homeroom", message="%(version)s")
def main() -> None:
    """Homeroom: a realtime engine for schools."""


for group in (user, token, tail, call, demo):
    main.add_command(group)


@main.command()
@click.option("--demo", is_flag=True, default=None, help="A small school with people of every role; loopback only.")
@click.option("--host", help="The address to listen on (127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on (8000; 0: any free one).")
@DATA_DIR
def serve(**options: Any) -> None:
    """Run the server until SIGINT or SIGTERM."""
    gc.disable()
    from homeroom import bootstrap  # noqa: PLC0415 - the web servers and all actors: half the time of every other command

    gc.enable()

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
    output.print(f"API {serving.url}/docs   health {serving.url}/readyz   process {os.getpid()}, stop with Ctrl-C")
    sys.stdout.flush()


@main.command()
@DATA_DIR
def migrate(**options: Any) -> None:
    """Bring the database to this version's schema."""
    with errors.status("migrating"):
        applied = run(partial(errands.migrate, read_config(**options)))
    output.print("\n".join(f"applied {name}" for name in applied) or "nothing to do")


@main.command()
@DATA_DIR
def doctor(**options: Any) -> None:
    """Check what the server needs: the database, its safety, the schema, the keys, the limits of this machine."""
    findings = run(partial(examine, read_config(**options)))
    for finding in findings:
        mark = "[green]ok[/green] " if finding.good else "[red]bad[/red]"
        output.print(f"{mark} {finding.what}: {finding.words}")
    sys.exit(0 if all(finding.good for finding in findings) else 1)


@main.group()
def exam() -> None:
    """Look after exams."""


def _fit_exam(context: click.Context, parameter: click.Parameter, exam: str) -> str:
    exam = exam.removeprefix("exam:")
    if not re.fullmatch(r"[A-Za-z0-9_\-]{1,62}", exam):
        raise click.BadParameter("an exam's id is 1 to 62 of A-Z a-z 0-9 _ -")
    return exam


@exam.command("verify")
@click.argument("id_", metavar="ID", callback=_fit_exam)
@DATA_DIR
def exam_verify(id_: str, **options: Any) -> None:
    """Check the timelines of all sittings of the exam ID: whether any record was changed since; exit code 1 if one was.

    Each line ends with the hash of the last record: write it down elsewhere, and that it is still the same proves that nobody
    has written the whole timeline anew.
    """
    found = run(partial(verify_exam, read_config(**options), id_))
    for stream, verdict in found:
        if verdict.place:
            output.print(f"[red]broken[/red] {stream}: record {verdict.place}: {verdict.why}")
        else:
            output.print(f"[green]ok[/green]     {stream}: {verdict.records} records, {verdict.head}")
    broken = sum(verdict.place > 0 for _, verdict in found)
    output.print(f"{len(found)} sittings, {broken} broken")
    sys.exit(1 if broken else 0)


@main.group("config")
def config_group() -> None:
    """Look at the configuration."""


@config_group.command("show")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@DATA_DIR
def config_show(as_json: bool, **options: Any) -> None:
    """Show every setting in force, its variable and what it takes; secrets are hidden."""
    config = read_config(**options)
    values = {name: _shown(name, getattr(config, name)) for name in config.__struct_fields__}
    if as_json:
        click.echo(json.dumps(values, indent=2, default=list))
        return
    table = Table("setting", "value", "takes", "what it is", box=None)
    for name, value in values.items():
        table.add_row(f"HOMEROOM_{name.upper()}", str(value), allowed_shape(name), MEANINGS[name])
    output.print(table)


def _shown(name: str, value: Any) -> Any:
    return "(set, hidden)" if name in {"database_url", "metrics_token"} and value else value


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(installed_version())
