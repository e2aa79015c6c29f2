"""`ganeval`: the root command. Loads a command's file only when it is called; maps errors to exit codes."""

import atexit
import contextlib
import errno
import gc
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import click

from ganeval._version import __version__
from ganeval.cli.ci_log import guarded_streams
from ganeval.cli.consoles import print_what_can_be_encoded
from ganeval.cli.error_messages import ARGUMENTS, tell
from ganeval.cli.habits import called_command, check_values, overlooked, said, unknown_command
from ganeval.devices import is_out_of_memory
from ganeval.errors import LEAVE_OUT, BadImageError, GanevalError, UsageError
from ganeval.escaping import printable
from ganeval.former import OPTIONS as FORMER
from ganeval.former import told
from ganeval.processes.launch import launched
from ganeval.registry import listed

# name -> (module, one line for the help page). The line is here so that `--help` imports none of them.
COMMANDS = {
    "score": ("ganeval.cli.score", "Score a folder, archive, npz or data set: FID, KID, PSNR, LPIPS, ..."),
    "doctor": ("ganeval.cli.doctor", "Check images before you trust their score: formats, copies, leakage, damage."),
    "explain": ("ganeval.cli.explain", "Why do other libraries print another FID? Term by term."),
    "diff": ("ganeval.cli.diff", "Is B better than A? Difference, interval, verdict, smallest detectable effect."),
    "gate": ("ganeval.cli.gate", "Stop a change that makes a model worse: pass, fail or inconclusive, for a CI."),
    "leaderboard": ("ganeval.cli.leaderboard", "Boards of scores and timings: show, add rows, export."),
    "report": ("ganeval.cli.report", "One HTML page with boards, scores, training runs and pictures."),
    "list": ("ganeval.cli.list", "List models, recipes, metrics, backbones or data sets."),
    "train-reference": (
        "ganeval.cli.train_reference",
        "Train a reference model by a fixed recipe, to an expected score.",
    ),
    "sample": ("ganeval.cli.sample", "Sample images or a grid from a generator."),
    "weights": ("ganeval.cli.weights", "Where weights come from: list, fetch, import, verify."),
    "data": ("ganeval.cli.data", "Data sets that are not bundled: list, fetch, verify."),
    "reference": ("ganeval.cli.reference", "Precompute reference statistics in one verifiable file."),
    "merge": ("ganeval.cli.merge", "Join features that were computed on several machines."),
    "bench": ("ganeval.cli.bench", "Timings against other tools and against the machine's limits."),
}

SEVERAL = ("score", "train-reference")  # what several processes can do together


class Root(click.Group):
    """A group whose commands are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports one command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name][0]}.command isn't a click command")
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keeps the command line: further processes of a run are started with the same."""
        ctx.meta[ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Adds to click's own error what was meant."""
        args = [listed(args[0], COMMANDS), *args[1:]] if args else args
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise unknown_command(args, list(COMMANDS))
        name, command, rest = super().resolve_command(ctx, args)
        if name not in SEVERAL and (me := launched()) is not None:
            raise UsageError(
                f"{me.by} started `ganeval {name}` {me.count} times, and each would do all of it. Start it once: only "
                f"{' and '.join(SEVERAL)} share work between processes; `reference build --part K/N` and `merge` need "
                "no launcher."
            )
        path, called = called_command(self, args)
        check_values(called, args[len(path.split()) - 1 :])
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command; click itself would end with 1 where the reader of stdout went away."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _forget_output()
            raise click.exceptions.Exit(0) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the table without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _present(word: str) -> str:
    """The present name of an option or a choice, in any case; BasicSR's --crop_border is --crop-border."""
    word = word.replace("_", "-").lower()
    if (now := FORMER.get(word.replace("-", "_"))) is None:
        return word
    now = now.replace("_", "-")
    click.echo(told(f"--{word}", f"--{now}"), err=True)
    return now


@click.group(
    cls=Root,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "token_normalize_func": _present,
    },
)
@click.version_option(__version__, prog_name="ganeval")
@click.pass_context
def root(ctx: click.Context) -> None:
    """Score generative image models; every number with its exact protocol.

    \b
    Start here:
      ganeval score ./samples --reference ./real      set metrics (fd, kd, precision, ...)
      ganeval score ./sr --paired ./hr                paired metrics (psnr, ssim, ...)
      ganeval list metrics                            what can be measured

    Put defaults into ganeval.toml, or under [tool.ganeval] in pyproject.toml.

    Exit codes: 0 done, 1 a bug, 2 usage, 3 data or weights missing or unusable, 4 gate failed, 5 gate inconclusive,
    6 protocols differ.
    """
    from ganeval.cli.config import load_settings

    ctx.obj = load_settings()


def main(arguments: list[str] | None = None) -> Any:
    """Entry point: runs a command; an error of the user's is printed without a traceback."""
    # At its end Python walks every object that torch made several times, for a second; what is frozen is left alone.
    atexit.register(gc.freeze)
    # Charts go into files. A notebook names a backend of its own to what it starts, which need not be installed here.
    os.environ["MPLBACKEND"] = "agg"
    print_what_can_be_encoded()
    with guarded_streams(), _exit_codes(arguments):
        done = root.main(args=arguments, prog_name="ganeval", standalone_mode=False)
        sys.stdout.flush()  # a full disk shows here, and not while Python ends
        return done


@contextlib.contextmanager
def _exit_codes(arguments: list[str] | None) -> Iterator[None]:
    """Prints an error of the user's, or of the machine's, and leaves with its exit code; bugs keep their traceback."""
    first, words = _is_first(), sys.argv[1:] if arguments is None else arguments
    try:
        yield
    except GanevalError as error:
        if first:
            _tell(error, words)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.exceptions.NoArgsIsHelpError as help_page:
        if first:
            help_page.show()
        sys.exit(2)
    except click.ClickException as error:
        if first:
            _tell(UsageError(said(error, called_command(root, words)[1])), words)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        if first:
            click.echo("ganeval: interrupted; what was computed is in the cache", err=True)
        sys.exit(130)
    except BrokenPipeError:
        _forget_output()  # the reader of stdout went away (`ganeval ... | head`): no error
        sys.exit(0)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        click.echo(
            "ganeval: the memory is full. Lower --batch-size, take fewer or smaller images, or free some.", err=True
        )
        sys.exit(GanevalError.exit_code)
    except OSError as error:
        advice = _SYSTEM_ERRORS.get(error.errno or 0)
        if advice is None:
            raise
        where = f" ({printable(str(error.filename))[:200]})" if error.filename else ""
        click.echo(f"ganeval: {error.strerror}{where}. {advice}", err=True)
        try:
            sys.stdout.flush()
        except OSError:
            _forget_output()
        sys.exit(GanevalError.exit_code)


def _tell(error: GanevalError, words: list[str]) -> None:
    path, command = called_command(root, words)
    skips = isinstance(error, BadImageError) and any("--on-bad" in option.opts for option in command.params)
    tell(error, path, LEAVE_OUT if skips else "", overlooked(words))


def _is_first() -> bool:
    """Whether this process is the one that tells the user; of several, the first."""
    try:
        me = launched()
    except UsageError:
        return True
    return me is None or me.rank == 0


# What the machine may refuse at any place and no message elsewhere speaks of; any other OSError is a bug of ours.
_SYSTEM_ERRORS = {
    errno.ENOSPC: "Free disk space, set GANEVAL_CACHE or TMPDIR to a folder with room, or write elsewhere.",
    errno.EDQUOT: "Free disk space, set GANEVAL_CACHE or TMPDIR to a folder with room, or write elsewhere.",
    errno.EFBIG: "The system allows no file of that size here: write elsewhere.",
    errno.EROFS: "Set GANEVAL_CACHE or TMPDIR to a folder that can be written, or write elsewhere.",
    errno.ENAMETOOLONG: "Check the path.",
    errno.EMFILE: "Allow more open files (ulimit -n), or close some.",
    errno.EIO: "The disk or the network behind it failed: copy what it holds elsewhere.",
}


def _forget_output() -> None:
    """What could not be written to stdout must not be tried again while Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
