"""The command line: `homeroom …`. Words in, words out; what is done stands in `bootstrap` and `client`.

Results go to standard output, progress and complaints to standard error, so that every command can be piped.
Exit codes: 0 done, 1 it could not be done (the text says why), 2 wrong usage.
"""

import getpass
import json
import os
import re
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import click
import trio
from rich.console import Console
from rich.table import Table

from homeroom import errands
from homeroom.client import Client, ClientError, Gone, Refused, Reply, open_client
from homeroom.config import MEANINGS, Config, ConfigError, allowed_shape, load_config
from homeroom.doctor import examine
from homeroom.engine.postgres import DatabaseError
from homeroom.house import COMPLAINTS
from homeroom.house import version as installed_version
from homeroom.logs import outlive_standard_error, set_up_logging
from homeroom.protocol.access import Role
from homeroom.records.demo import DEMO_PASSWORD, DEMO_PEOPLE
from homeroom.verify import verify_exam

if TYPE_CHECKING:
    from homeroom.bootstrap import Serving

errors = Console(stderr=True, highlight=False)
output = Console(highlight=False, soft_wrap=True)


def _fit_url(context: click.Context, parameter: click.Parameter, url: str | None) -> str:
    """Return where the server is: as said, else where one with the same environment listens."""
    if url is not None:
        return url if "://" in url else f"http://{url}"
    config = _config()
    if config.port == 0:
        raise click.UsageError("HOMEROOM_PORT=0 is any free port: say with --url or HOMEROOM_URL where the server is")
    return config.url


DATA_DIR = click.option("--data-dir", type=click.Path(file_okay=False), help="Where the data lives (./data).")
URL = click.option(
    "--url",
    envvar="HOMEROOM_URL",
    help="The server (HOMEROOM_URL; else that of HOMEROOM_HOST and HOMEROOM_PORT: http://127.0.0.1:8000).",
    callback=_fit_url,
)
TOKEN = click.option("--token", envvar="HOMEROOM_TOKEN", help="A token; or use --as.")
AS = click.option(
    "--as", "person", metavar="USER", help="Make a token for USER from the data directory on this machine."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="homeroom", message="%(version)s")
def main() -> None:
    """Homeroom: a realtime engine for schools."""


@main.command()
@click.option("--demo", is_flag=True, default=None, help="People of every role and an open room; loopback only.")
@click.option("--host", help="The address to listen on (127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on (8000; 0: any free one).")
@DATA_DIR
def serve(**options: Any) -> None:
    """Run the server until SIGINT or SIGTERM."""
    from homeroom import bootstrap  # noqa: PLC0415 - the web servers and all actors: half the time of every other command

    outlive_standard_error()
    config = _config(**options)
    with errors.status("starting") as status:
        announce = partial(_announce, config, status.stop)
        _run(partial(bootstrap.serve, config, on_ready=announce, progress=status.update))


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
        applied = _run(partial(errands.migrate, _config(**options)))
    output.print("\n".join(f"applied {name}" for name in applied) or "nothing to do")


@main.group()
def user() -> None:
    """Look after people."""


def _fit_login(context: click.Context, parameter: click.Parameter, login: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.\-]{1,64}", login):
        raise click.BadParameter("a login is also the id: 1 to 64 of A-Z a-z 0-9 _ - .")
    return login


@user.command("add")
@click.argument("login", callback=_fit_login)
@click.option("--name", help="The name that others see (the login).")
@click.option("--role", type=click.Choice(get_args(Role)), default="student", show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
@DATA_DIR
def user_add(login: str, name: str | None, role: str, password_stdin: bool, **options: Any) -> None:
    """Add a person with the id and login LOGIN."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else _ask_password()
    config = _config(**options)
    with errors.status("adding"):
        _run(partial(errands.add_user, config, login, name or login, role, password))
    output.print(f"{login} added as {role}")


@user.command("list")
@click.option("--role", type=click.Choice(get_args(Role)), help="Those of one role alone.")
@DATA_DIR
def user_list(role: str | None, **options: Any) -> None:
    """List the people: login, id, role, name; and of parents, whom they stand for."""
    people = _run(partial(errands.list_users, _config(**options), role))
    table = Table("login", "id", "role", "name", "stands for", box=None)
    for person, wards in people:
        away = "" if person.active else " (left)"
        table.add_row(person.login, person.id, person.role, f"{person.name}{away}", " ".join(wards))
    output.print(table)


@user.command("link")
@click.argument("parent")
@click.argument("child")
@DATA_DIR
def user_link(parent: str, child: str, **options: Any) -> None:
    """Let PARENT stand for CHILD: see what the school shows to parents. In force within seconds, also while the server runs."""
    new = _run(partial(errands.link_user, _config(**options), parent, child))
    output.print(f"{parent} stands for {child}" if new else f"{parent} stands for {child} already")


@user.command("unlink")
@click.argument("parent")
@click.argument("child")
@DATA_DIR
def user_unlink(parent: str, child: str, **options: Any) -> None:
    """Let PARENT stand for CHILD no longer; a running server closes the parent's connections within seconds."""
    _run(partial(errands.unlink_user, _config(**options), parent, child))
    output.print(f"{parent} stands for {child} no longer")


def _ask_password() -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            first, second = getpass.getpass("Password: "), getpass.getpass("Again: ")
    except (getpass.GetPassWarning, EOFError):
        raise click.UsageError(
            "there is no terminal to ask for the password: pipe it in, with --password-stdin"
        ) from None
    if first != second:
        raise click.ClickException("the two passwords differ")
    return first


@main.group()
def token() -> None:
    """Make and check access tokens."""


@token.command("create")
@click.argument("login")
@click.option("--ttl", type=click.FloatRange(1, 43_200), default=3_600.0, show_default=True, help="Life in seconds.")
@DATA_DIR
def token_create(login: str, ttl: float, **options: Any) -> None:
    """Print a token for LOGIN, alone on standard output; works also while the server runs."""
    click.echo(_run(partial(errands.create_token, _config(**options), login, ttl)))


@token.command("check")
@click.argument("text", metavar="[TOKEN]", required=False)
@DATA_DIR
def token_check(text: str | None, **options: Any) -> None:
    """Tell whom a token speaks for and until when; reads standard input when no TOKEN is given."""
    found = _run(partial(errands.check_token, _config(**options), text or sys.stdin.read().strip()))
    click.echo(json.dumps(found, indent=2))


@main.command()
@DATA_DIR
def doctor(**options: Any) -> None:
    """Check what the server needs: the database, its safety, the schema, the keys, the limits of this machine."""
    findings = _run(partial(examine, _config(**options)))
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
    found = _run(partial(verify_exam, _config(**options), id_))
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
    config = _config(**options)
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


def _fit_address(context: click.Context, parameter: click.Parameter, address: str) -> str:
    if not re.fullmatch(r"[a-z]{2,16}:[A-Za-z0-9_.\-]{1,64}", address):
        raise click.BadParameter("an address is kind:id, such as room:lobby")
    return address


@main.command()
@click.argument("stream", callback=_fit_address)
@click.option("--since", type=click.IntRange(0), help="Show the events after this number first.")
@URL
@TOKEN
@AS
@DATA_DIR
def tail(stream: str, since: int | None, url: str, **options: Any) -> None:
    """Print the live events of STREAM, a line of JSON each, until Ctrl-C."""
    bearer = _bearer(**options)
    _run(partial(_tail, url, bearer, stream, since))


async def _tail(url: str, bearer: str, stream: str, since: int | None) -> None:
    async with _connected(url, bearer) as client:
        welcome = await client.wait_connected()
        async for item in client.subscribe(stream, since=None if since is None else (welcome.epoch, since)):
            click.echo(json.dumps({"kind": type(item).__name__.lower(), **asdict(item)}, ensure_ascii=False))
            if isinstance(item, Gone):
                raise click.ClickException(f"{stream}: {item.code}")


@main.command()
@click.argument("address", callback=_fit_address)
@click.argument("verb")
@click.argument("arguments", metavar="[JSON]", default="{}")
@click.option(
    "--wait", type=click.FloatRange(0.1, 3_600), default=10.0, show_default=True, help="Seconds for an answer."
)
@URL
@TOKEN
@AS
@DATA_DIR
def call(address: str, verb: str, arguments: str, wait: float, url: str, **options: Any) -> None:
    """Do VERB at ADDRESS with the arguments in JSON, and print the answer: `call room:lobby say '{"text": "Hi"}'`."""
    try:
        given = json.loads(arguments)
    except json.JSONDecodeError as error:
        raise click.UsageError(f"the arguments are no JSON: {error}") from None
    if not isinstance(given, dict):
        raise click.UsageError("the arguments must be a JSON object")
    bearer = _bearer(**options)
    reply = _run(partial(_within, wait, partial(_call, url, bearer, address, verb, given)))
    click.echo(json.dumps({"data": reply.data, "pos": reply.pos, "again": reply.again}, ensure_ascii=False))


async def _call(url: str, bearer: str, address: str, verb: str, given: dict[str, Any]) -> Reply:
    async with _connected(url, bearer) as client:
        return await client.call(address, verb, given)


@asynccontextmanager
async def _connected(url: str, bearer: str) -> AsyncIterator[Client]:
    """Offer a client, and tell on standard error whenever it is without a connection."""
    async with open_client(url, bearer) as client, trio.open_nursery() as nursery:
        nursery.start_soon(_tell_losses, client, url)
        yield client
        nursery.cancel_scope.cancel()


async def _tell_losses(client: Client, url: str) -> None:
    while True:
        lost = await client.wait_status(lambda status: status.failures > 0)
        errors.print(f"{url}: no connection ({lost.msg or 'lost'}); trying again")
        await client.wait_status(lambda status: status.phase == "connected")
        errors.print(f"{url}: connected again")


async def _within(seconds: float, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    with trio.fail_after(seconds):
        return await work()


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(installed_version())


def _config(**options: Any) -> Config:
    try:
        config = load_config(os.environ, options)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    set_up_logging(config)
    return config


def _bearer(token: str | None, person: str | None, **options: Any) -> str:
    if person:
        return str(_run(partial(errands.create_token, _config(**options), person, 43_200.0)))
    if not token:
        raise click.UsageError("say who asks: --as USER (on the server's machine), --token or HOMEROOM_TOKEN")
    return token


def _run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    with _complaints():
        return trio.run(work)


@contextmanager
def _complaints() -> Iterator[None]:
    """Turn what people can mend into one clear line and exit code 1; a defect of ours keeps its traceback."""
    try:
        yield
    except* KeyboardInterrupt:
        sys.exit(130)
    except* trio.TooSlowError:
        raise click.ClickException("no answer in time: is the server running?") from None
    except* (*COMPLAINTS, ClientError) as group:
        raise click.ClickException(_told(_first(group))) from None


def _told(error: BaseException) -> str:
    """Return the words for a person: what is allowed too, and which setting a database error is about."""
    allowed = error.data.get("allowed") if isinstance(error, Refused) and isinstance(error.data, dict) else None
    if allowed:
        return f"{error}; allowed: {', '.join(allowed) if isinstance(allowed, list) else allowed}"
    given = isinstance(error, DatabaseError) and os.environ.get("DATABASE_URL")
    return f"the database of DATABASE_URL: {error}" if given else str(error)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
