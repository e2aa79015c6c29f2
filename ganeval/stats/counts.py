"""The guard of every formula that is undefined for few values: an error with both counts in place of NaN."""

from ganeval.errors import TooFewSamplesError


def check_count(what: str, n: int, least: int, unit: str = "images") -> None:
    """Refuses fewer values than a formula is defined for.

    Args:
        what: The subject of the message, as in "kd".
        n: How many there are.
        least: How many it takes.
        unit: What they are.

    Raises:
        TooFewSamplesError: n < least.
    """
    if n < least:
        raise TooFewSamplesError(f"{what} needs at least {least} {unit}; got {n}.")
