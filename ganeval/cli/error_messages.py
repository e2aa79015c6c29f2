"""How an error reaches the user, and the command line of this run: shared by the root and by the commands."""

from typing import Final

import click

from ganeval.errors import GanevalError, UsageError
from ganeval.escaping import printable

ARGUMENTS: Final = "ganeval.arguments"  # in click's `meta`: the command line of this run


def tell(error: GanevalError, command: str = "ganeval", advice: str = "", hint: str = "") -> None:
    """Prints an error for the user; one of usage ends with where the help is.

    Args:
        error: The error.
        command: The command that was called.
        advice: What else this command offers.
        hint: What may have led to it.
    """
    said = "\n".join(map(printable, str(error).splitlines()))  # libraries quote the bytes that they choke on
    click.echo(" ".join(filter(None, (f"ganeval: {said}", advice))), err=True)
    if hint:
        click.echo(printable(hint), err=True)
    if isinstance(error, UsageError):
        click.echo(f"See `{command} --help`.", err=True)
