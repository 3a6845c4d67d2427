"""Commands for the demo school: `homeroom demo load`. What is done stands in `demo`."""

from functools import partial
from typing import Any

import click
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from homeroom.cli_base import DATA_DIR, URL, errors, output, read_config, run
from homeroom.records.demo import DEMO_PASSWORD, DEMO_PEOPLE
from homeroom.records.demo.plan import Plan
from homeroom.records.demo.school import ADMIN
from homeroom.uncollected import uncollected


@click.group()
def demo() -> None:
    """Look after a demo school."""


@demo.command("load")
@click.option("--size", type=click.Choice(("small", "large")), default="small", show_default=True, help="How much.")
@click.option("--students", type=click.IntRange(1, 25_000), default=5_000, show_default=True, help="With --size large.")
@click.option(
    "--seed", type=int, default=1, show_default=True, help="With --size large: the same seed, the same school."
)
@click.option("--anyway", is_flag=True, help="Also into a school where other people are.")
@URL
@DATA_DIR
def load(size: str, students: int, seed: int, anyway: bool, url: str, **options: Any) -> None:
    """Put a demo school into the database, also beside a running server; what is there already stays as it is.

    small: the people of `serve --demo` with classes, a timetable for this week, an exam that is about to start, a queue, chats.
    large: thousands of students with classes, parents, enrolments, attendance and entries, for trying and for benchmarks; in the
    first classes an exam that is about to start, a queue, chats.
    """
    if size == "small":
        _load_small(url, anyway, **options)
    else:
        _load_large(url, students, seed, anyway, **options)
    output.print(f"everybody's password is [bold]{DEMO_PASSWORD}[/bold]: not for a school that others reach")


def _load_small(url: str, anyway: bool, **options: Any) -> None:
    with uncollected():
        from homeroom import bootstrap  # noqa: PLC0415 - the web servers and all actors: half the time of every other command
        from homeroom.demo import load_small  # noqa: PLC0415 - the same

    with errors.status("furnishing"):
        run(partial(load_small, read_config(**options), url, anyway, bootstrap.running_inside))
    output.print(f"the small demo school is there: {len(DEMO_PEOPLE)} people, such as {DEMO_PEOPLE[2].id}")


def _load_large(url: str, students: int, seed: int, anyway: bool, **options: Any) -> None:
    with uncollected():
        from homeroom import bootstrap  # noqa: PLC0415 - its engine is not for every command
        from homeroom.demo import Bars, load_many  # noqa: PLC0415 - the same

    plan = partial(Plan, students=students, seed=seed)
    with Progress(*_COLUMNS, console=errors) as progress:
        people, scenes = progress.add_task("students", total=students), progress.add_task("scenes", total=None)
        bars = Bars(partial(progress.advance, people), partial(_show_scenes, progress, scenes))
        inside = bootstrap.running_inside
        run(partial(load_many, read_config(**options), url, plan, anyway, inside=inside, bars=bars))
    output.print(f"the large demo school is there: {students} students, demo-s00001 and on, teachers demo-t001 and on,")
    output.print(f"and {ADMIN}; demo-t001's class has an exam that is about to start")


def _show_scenes(progress: Progress, task: TaskID, played: int, of: int) -> None:
    progress.update(task, completed=played, total=of)


_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TimeRemainingColumn(),
)
