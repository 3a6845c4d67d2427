"""What all commands of the command line have in common: their options, the configuration, complaints for people.

Results go to standard output, progress and complaints to standard error, so that every command can be piped.
Exit codes: 0 done, 1 it could not be done (the text says why), 2 wrong usage. Never here: any command.
"""

import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import click
from rich.console import Console

from homeroom.config import Config, ConfigError, load_config

PIPE_WIDTH = 10_000
"""The width of what is read by programs: no line of a table is longer."""
errors = Console(stderr=True, highlight=False)
output = Console(highlight=False, soft_wrap=True)


def print_table(table: Any) -> None:
    """Print a table: as wide as the window, or whole where programs read it, a line each."""
    wide = output if output.is_terminal else Console(highlight=False, width=PIPE_WIDTH)
    wide.print(table)


def _fit_url(context: click.Context, parameter: click.Parameter, url: str | None) -> str:
    """Return where the server is: as said, else where one with the same environment listens."""
    if url is not None:
        return url if "://" in url else f"http://{url}"
    config = read_settings()
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


def read_settings(**options: Any) -> Config:
    """Return the configuration in force with what the command line says; exit code 2 for a wrong setting."""
    try:
        return load_config(os.environ, options)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def read_config(**options: Any) -> Config:
    """Return what `read_settings` does, with logging set up by it: for commands that do more than tell of it."""
    from homeroom.logs import set_up_logging  # noqa: PLC0415 - takes longer to load than some commands to run

    config = read_settings(**options)
    set_up_logging(config)
    return config


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run `work` to its end and return its result.

    What people can mend is told in one clear line, with exit code 1; a defect of ours keeps its traceback.
    """
    import trio  # noqa: PLC0415 - not for the help, and not for who only looks at the configuration

    try:
        return trio.run(work)
    except* KeyboardInterrupt:
        sys.exit(130)
    except* trio.TooSlowError:
        raise click.ClickException("no answer in time: is the server running?") from None
    except* _mendable() as group:
        raise click.ClickException(_told(_first(group))) from None


def _mendable() -> tuple[type[BaseException], ...]:
    """Return what people can mend. This is asked at every end but a good one: Ctrl-C shall not load half the program."""
    complaints = getattr(sys.modules.get("homeroom.house"), "COMPLAINTS", (ConfigError, OSError))
    return (*complaints, *_loaded("homeroom.client", "ClientError"))


def _loaded(module: str, name: str) -> tuple[type[BaseException], ...]:
    """Return a class of errors, none when its module is not loaded: then nothing has raised one."""
    return (getattr(sys.modules[module], name),) if module in sys.modules else ()


def _told(error: BaseException) -> str:
    """Return the words for a person: what is allowed too, and which setting a database error is about."""
    data = getattr(error, "data", None) if isinstance(error, _loaded("homeroom.client", "Refused")) else None
    allowed = data.get("allowed") if isinstance(data, dict) else None
    if allowed:
        return f"{error}; allowed: {', '.join(allowed) if isinstance(allowed, list) else allowed}"
    given = isinstance(error, _loaded("homeroom.engine.postgres", "DatabaseError")) and os.environ.get("DATABASE_URL")
    return f"the database of DATABASE_URL: {error}" if given else str(error)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
