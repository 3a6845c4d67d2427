"""What all commands of the command line have in common: their options, the configuration, complaints for people.

Results go to standard output, progress and complaints to standard error, so that every command can be piped.
Exit codes: 0 done, 1 it could not be done (the text says why), 2 wrong usage. Never here: any command.
"""

import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import click
import trio
from rich.console import Console

from homeroom.client import ClientError, Refused
from homeroom.config import Config, ConfigError, load_config
from homeroom.engine.postgres import DatabaseError
from homeroom.house import COMPLAINTS
from homeroom.logs import set_up_logging

errors = Console(stderr=True, highlight=False)
output = Console(highlight=False, soft_wrap=True)


def _fit_url(context: click.Context, parameter: click.Parameter, url: str | None) -> str:
    """Return where the server is: as said, else where one with the same environment listens."""
    if url is not None:
        return url if "://" in url else f"http://{url}"
    config = read_config()
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


def read_config(**options: Any) -> Config:
    """Return the configuration in force with what the command line says, and set up logging by it; exit code 2 for a wrong setting."""
    try:
        config = load_config(os.environ, options)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    set_up_logging(config)
    return config


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run `work` to its end and return its result; what people can mend is told in one line, with exit code 1."""
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
