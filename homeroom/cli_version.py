"""`homeroom version`. Nothing else is loaded for it."""

from importlib.metadata import version as installed_version

import click


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(installed_version("homeroom"))
