"""The errors a user can cause, each with its exit code and a message in four parts.

A message says *what* went wrong, *where*, what was *expected* and what to do *next*, in counted facts. The command
line prints it without a traceback and leaves with `exit_code`; any other exception is a bug (exit 1, traceback).
"""


class GanevalError(Exception):
    """Base of every error that a user can cause. `exit_code` is the process's exit status."""

    exit_code = 3


LEAVE_OUT = "Or leave it out with --on-bad skip."


class UsageError(GanevalError):
    """An option, a name or a combination of options that cannot be meant (exit 2)."""

    exit_code = 2


class DataError(GanevalError):
    """Images, archives or arrays that are missing or cannot be used (exit 3)."""


class BadImageError(DataError):
    """One image that cannot be decoded; where there is `--on-bad skip`, that counts these and goes on.

    The message doesn't name the option, which not every command has: who tells the user adds `LEAVE_OUT`.
    """


class TooFewSamplesError(DataError):
    """A metric was given fewer images than its definition needs (exit 3)."""


class DeviceMemoryError(GanevalError):
    """The memory of a device, or of the machine, does not hold what a network needs (exit 3)."""


class WeightsError(GanevalError):
    """Weights that are absent, of another hash, or not in the expected layout (exit 3)."""


class ReferenceStatisticsError(GanevalError):
    """Reference statistics that are missing, damaged or of another kind (exit 3)."""


class ProtocolMismatchError(GanevalError):
    """Two numbers whose protocols differ were about to be compared (exit 6)."""

    exit_code = 6


class ProcessesError(GanevalError):
    """Another process of this run failed, is lost, or cannot be reached.

    Args:
        text: What happened, and where.
        exit_code: Exit status of the whole run.
        aloud: This process tells the user, for lack of the first one.
    """

    def __init__(self, text: str, exit_code: int = GanevalError.exit_code, *, aloud: bool = False) -> None:
        super().__init__(text)
        self.exit_code = exit_code
        self.aloud = aloud
