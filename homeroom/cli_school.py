"""Commands that look after a school's database: `homeroom migrate`, `homeroom doctor`, `homeroom exam verify`.

What is done stands in `errands`, `doctor` and `verify`.
"""

import re
import sys
from functools import partial
from typing import Any

import click

from homeroom import errands
from homeroom.cli_base import DATA_DIR, errors, output, read_config, run
from homeroom.doctor import examine
from homeroom.verify import verify_exam


@click.command()
@DATA_DIR
def migrate(**options: Any) -> None:
    """Bring the database to this version's schema."""
    with errors.status("migrating"):
        applied = run(partial(errands.migrate, read_config(**options)))
    output.print("\n".join(f"applied {name}" for name in applied) or "nothing to do")


@click.command()
@DATA_DIR
def doctor(**options: Any) -> None:
    """Check what the server needs: the database, its safety, the schema, the keys, the limits of this machine."""
    findings = run(partial(examine, read_config(**options)))
    for finding in findings:
        mark = "[green]ok[/green] " if finding.good else "[red]bad[/red]"
        output.print(f"{mark} {finding.what}: {finding.words}")
    sys.exit(0 if all(finding.good for finding in findings) else 1)


@click.group()
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
