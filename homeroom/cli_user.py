"""Commands for people and their tokens: `homeroom user …`, `homeroom token …`. What is done stands in `errands`."""

import getpass
import json
import re
import sys
import warnings
from collections.abc import Iterable
from functools import partial
from typing import Any, get_args

import click
from rich.markup import escape
from rich.table import Table

from homeroom import errands
from homeroom.cli_base import DATA_DIR, errors, output, print_table, read_config, run
from homeroom.first_admin import NOBODY_YET, first_admin
from homeroom.protocol.access import ROLE_ALIASES, RoleWord

ROLE = click.Choice(get_args(RoleWord), case_sensitive=False)
"""A role, also by the names that it has elsewhere, in any case."""
PASSWORD_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking."
)


@click.group()
def user() -> None:
    """Look after people."""


def _fit_login(context: click.Context, parameter: click.Parameter, login: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.\-]{1,64}", login):
        raise click.BadParameter("a login is also the id: 1 to 64 of A-Z a-z 0-9 _ - .")
    return login


def _one_word(context: click.Context, parameter: click.Parameter, role: str | None) -> str | None:
    """Return a role by its own name, whatever it was called."""
    return role and ROLE_ALIASES.get(role, role)


@user.command("add")
@click.argument("login", callback=_fit_login)
@click.option("--name", help="The name that others see (the login).")
@click.option("--role", type=ROLE, callback=_one_word, default="student", show_default=True, help="What the person is.")
@PASSWORD_STDIN
@DATA_DIR
def user_add(login: str, name: str | None, role: str, password_stdin: bool, **options: Any) -> None:
    """Add a person with the id and login LOGIN: a student, unless --role says otherwise.

    The first person of a new school should be a super_admin, who can make all others.
    """
    password = _read_password(password_stdin)
    config = read_config(**options)
    with errors.status("adding"):
        led = run(partial(errands.add_user, config, login, name or login, role, password))
    output.print(f"{login} added as {role}")
    if not led:
        errors.print(f"{NOBODY_YET}; make one: {escape(first_admin(config))}", soft_wrap=True)


@user.command("password")
@click.argument("login")
@PASSWORD_STDIN
@DATA_DIR
def user_password(login: str, password_stdin: bool, **options: Any) -> None:
    """Give LOGIN another password: every login of theirs ends, within seconds also at a running server.

    This is the way back in for whom nobody above can give one, such as the only super_admin.
    """
    password = _read_password(password_stdin)
    config = read_config(**options)
    with errors.status("changing"):
        run(partial(errands.change_password, config, login, password))
    output.print(f"{escape(login)} has another password; every login from before has ended")


@user.command("list")
@click.option("--role", type=ROLE, callback=_one_word, help="Those of one role alone.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@DATA_DIR
def user_list(role: str | None, as_json: bool, **options: Any) -> None:
    """List the people: login, id, role, name; and of parents, whom they stand for."""
    people = run(partial(errands.list_users, read_config(**options), role))
    if as_json:
        click.echo(json.dumps([_person(person, wards) for person, wards in people], indent=2))
        return
    table = Table("login", "id", "role", "name", "stands for", box=None)
    for person, wards in people:
        away = "" if person.active else " (left)"
        table.add_row(person.login, person.id, person.role, f"{person.name}{away}", " ".join(wards))
    print_table(table)


def _person(person: Any, wards: Iterable[str]) -> dict[str, Any]:
    said = {name: getattr(person, name) for name in ("login", "id", "role", "name", "active")}
    return {**said, "stands_for": [*wards]}


@user.command("link")
@click.argument("parent")
@click.argument("child")
@DATA_DIR
def user_link(parent: str, child: str, **options: Any) -> None:
    """Let PARENT stand for CHILD: see what the school shows to parents. In force within seconds, also while the server runs."""
    new = run(partial(errands.link_user, read_config(**options), parent, child))
    output.print(f"{parent} stands for {child}" if new else f"{parent} stands for {child} already")


@user.command("unlink")
@click.argument("parent")
@click.argument("child")
@DATA_DIR
def user_unlink(parent: str, child: str, **options: Any) -> None:
    """Let PARENT stand for CHILD no longer; a running server closes the parent's connections within seconds."""
    run(partial(errands.unlink_user, read_config(**options), parent, child))
    output.print(f"{parent} stands for {child} no longer")


def _read_password(piped: bool) -> str:
    return sys.stdin.readline().rstrip("\n") if piped else _ask_password()


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


@click.group()
def token() -> None:
    """Make and check access tokens."""


@token.command("create")
@click.argument("login")
@click.option("--ttl", type=click.FloatRange(1, 43_200), default=3_600.0, show_default=True, help="Life in seconds.")
@DATA_DIR
def token_create(login: str, ttl: float, **options: Any) -> None:
    """Print a token for LOGIN, alone on standard output; works also while the server runs."""
    click.echo(run(partial(errands.create_token, read_config(**options), login, ttl)))


@token.command("check")
@click.argument("text", metavar="[TOKEN]", required=False)
@DATA_DIR
def token_check(text: str | None, **options: Any) -> None:
    """Tell whom a token speaks for and until when; reads standard input when no TOKEN is given."""
    found = run(partial(errands.check_token, read_config(**options), text or sys.stdin.read().strip()))
    click.echo(json.dumps(found, indent=2))
