"""Commands that talk to a running server: `homeroom tail`, `homeroom call`. The client is `client`'s."""

import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

import click
import trio

from homeroom.cli_base import AS, DATA_DIR, TOKEN, URL, errors, read_config, run
from homeroom.client import Client, Gone, Reply, open_client


def _fit_address(context: click.Context, parameter: click.Parameter, address: str) -> str:
    if not re.fullmatch(r"[a-z]{2,16}:[A-Za-z0-9_.\-]{1,64}", address):
        raise click.BadParameter("an address is kind:id, such as room:lobby")
    return address


@click.command()
@click.argument("stream", callback=_fit_address)
@click.option("--since", type=click.IntRange(0), help="Show the events after this number first.")
@URL
@TOKEN
@AS
@DATA_DIR
def tail(stream: str, since: int | None, url: str, **options: Any) -> None:
    """Print the live events of STREAM, a line of JSON each, until Ctrl-C."""
    bearer = _bearer(**options)
    run(partial(_tail, url, bearer, stream, since))


async def _tail(url: str, bearer: str, stream: str, since: int | None) -> None:
    async with _connected(url, bearer) as client:
        welcome = await client.wait_connected()
        async for item in client.subscribe(stream, since=None if since is None else (welcome.epoch, since)):
            click.echo(json.dumps({"kind": type(item).__name__.lower(), **asdict(item)}, ensure_ascii=False))
            if isinstance(item, Gone):
                raise click.ClickException(f"{stream}: {item.code}")


@click.command()
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
    reply = run(partial(_within, wait, partial(_call, url, bearer, address, verb, given)))
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


def _bearer(token: str | None, person: str | None, **options: Any) -> str:
    if person:
        from homeroom import errands  # noqa: PLC0415 - who has a token needs no database

        return str(run(partial(errands.create_token, read_config(**options), person, 43_200.0)))
    if not token:
        raise click.UsageError("say who asks: --as USER (on the server's machine), --token or HOMEROOM_TOKEN")
    return token
