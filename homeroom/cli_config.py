"""Commands for the configuration: `homeroom config show`. What the settings are stands in `config`."""

import json
from typing import Any

import click
from rich.table import Table

from homeroom.cli_base import DATA_DIR, print_table, read_settings
from homeroom.config import MEANINGS, allowed_shape


@click.group()
def config() -> None:
    """Look at the configuration."""


@config.command("show")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@DATA_DIR
def show(as_json: bool, **options: Any) -> None:
    """Show every setting in force, its variable and what it takes; secrets are hidden."""
    settings = read_settings(**options)
    values = {name: _shown(name, getattr(settings, name)) for name in settings.__struct_fields__}
    if as_json:
        click.echo(json.dumps(values, indent=2, default=list))
        return
    table = Table("setting", "value", "takes", "what it is", box=None)
    for name, value in values.items():
        table.add_row(f"HOMEROOM_{name.upper()}", str(value), allowed_shape(name), MEANINGS[name])
    print_table(table)


def _shown(name: str, value: Any) -> Any:
    return "(set, hidden)" if name in {"database_url", "metrics_token"} and value else value
