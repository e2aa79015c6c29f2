"""How an error reaches the user, and the command line of this run: shared by the root and by the commands."""

from typing import Final

import click

from ganeval.errors import GanevalError, UsageError
from ganeval.escaping import printable

ARGUMENTS: Final = "ganeval.arguments"  # in click's `meta`: the command line of this run


def tell(error: GanevalError) -> None:
    """Prints an error for the user."""
    said = "\n".join(map(printable, str(error).splitlines()))  # libraries quote the bytes that they choke on
    click.echo(f"ganeval: {said}", err=True)
    if isinstance(error, UsageError):
        click.echo("See `ganeval --help`.", err=True)
