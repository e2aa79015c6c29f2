"""Options and commands of other tools, and what to type here: for those who come from pytorch-fid or pyiqa."""

import inspect
import itertools
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from ganeval.cli.error_messages import ARGUMENTS
from ganeval.errors import GanevalError, UsageError
from ganeval.registry import listed, unknown_name

_REFERENCE: Final = "--reference REF (sets) or --paired REF (image by image)"
_SUBJECT: Final = "the images themselves, without an option: ganeval score FOLDER --reference REF"

_MARGIN: Final = "--rules FILE.toml, whose margins tell how much worse is accepted; gate init writes a first one"
_BUILD: Final = "another command: ganeval reference build REF -o real.safetensors"

HABITS: Final = {
    "-b": "--batch-size N",
    "-i": _SUBJECT,
    "-m": "--metrics KEYS",
    "-n": "--num-samples N",
    "-o": "--json FILE, or --append FILE.jsonl",
    "-r": _REFERENCE,
    "-t": _SUBJECT,
    "--batch": "--batch-size N",
    "--bs": "--batch-size N",
    "--crop": "--crop-border N",
    "--cpu": "--device cpu",
    "--csv": "--per-image FILE for values by image, or --format csv for a table of subjects",
    "--cuda": "--device cuda",
    "--data": "--data-root DIR",
    "--dims": "--metrics fd@BACKBONE: the 2048 features are those of fid",
    "--fake": _SUBJECT,
    "--fail-under": _MARGIN,
    "--feature-extractor": "--metrics METRIC@BACKBONE",
    "--generated": _SUBJECT,
    "--gpu": "--device cuda, or cuda:1",
    "--gt": _REFERENCE,
    "--input": _SUBJECT,
    "--input1": _SUBJECT,
    "--input2": _REFERENCE,
    "--isc": "--metrics is",
    "--limit": "--num-samples N",
    "--modcrop": "--mod-crop N",
    "--model": "--metrics METRIC@BACKBONE",
    "--n": "--num-samples N",
    "--num-workers": "--devices N to share the networks' work; images are read ahead without an option",
    "--no-cuda": "--device cpu",
    "--out": "--json FILE, or --append FILE.jsonl",
    "--output": "--json FILE, or --append FILE.jsonl",
    "--path": _SUBJECT,
    "--path1": _SUBJECT,
    "--path2": _REFERENCE,
    "--pred": _SUBJECT,
    "--prc": "--metrics precision,recall",
    "--real": _REFERENCE,
    "--ref": _REFERENCE,
    "--samples": _SUBJECT,
    "--save-file": "--per-image FILE for values by image, or --json FILE",
    "--save-stats": _BUILD,
    "--target": _REFERENCE,
    "--test-y-channel": "--channel y",
    "--scale": "--crop-border N and --mod-crop N",
    "--threshold": _MARGIN,
    "--tolerance": _MARGIN,
    "--verbose": "--full",
    "--workers": "--devices N to share the networks' work; images are read ahead without an option",
    "--ycbcr": "--channel y",
    "--y-channel": "--channel y",
}
"""Long option of another tool -> what is meant, here."""


COMMANDS: Final = {
    "check": "doctor",
    "compare": "diff",
    "compute": "score",
    "datasets": "list datasets",
    "download": "weights fetch",
    "eval": "score",
    "evaluate": "score",
    "fetch": "weights fetch",
    "generate": "sample",
    "help": "--help",
    "metrics": "list metrics",
    "models": "list models",
    "precompute": "reference build",
    "recipes": "list recipes",
    "stats": "reference build",
    "train": "train-reference",
    "version": "--version",
}
"""Command of another tool -> what is meant, here."""


SUBCOMMANDS: Final = {
    "check": ("verify",),
    "compute": ("build",),
    "convert": ("import",),
    "create": ("build", "init"),
    "download": ("fetch",),
    "get": ("fetch",),
    "ls": ("list",),
    "record": ("init",),
    "save": ("build",),
    "update": ("accept",),
}
"""Command of a group, as people guess it -> the commands that may be meant, of whichever group."""


def unknown_command(words: Sequence[str], known: Sequence[str]) -> UsageError:
    """The error for a first word that is no command: what it means elsewhere, or what to do with such a path or metric.

    Args:
        words: The command line.
        known: The commands.
    """
    name = words[0]
    if name.lower() == "help" and len(words) > 1 and words[1] in known:
        return UsageError(f"Unknown command {name!r}. Use `ganeval {words[1]} --help`.")
    if name.lower() in COMMANDS:
        return UsageError(f"Unknown command {name!r}. Use `ganeval {COMMANDS[name.lower()]}`.")
    subject, *others = [shlex.quote(word) for word in words if _names_images(word)] or [""]
    against = others[0] if others else "REF"
    if _names_images(name):
        return UsageError(
            f"Unknown command {name!r}. To score images: `ganeval score {subject} --reference {against}` (sets), or "
            f"`ganeval score {subject} --paired {against}` (image by image)."
        )
    if (place := _place_of_metric(name)) is not None:
        return UsageError(
            f"Unknown command {name!r}. It is a metric: `ganeval score {subject or 'FOLDER'}"
            f"{f' {place} {against}' if place else ''} --metrics {name}`."
        )
    if "/" in name or "\\" in name or " " in name or Path(name).suffix:
        from ganeval.sources.resolve import near_paths

        return UsageError(f"Unknown command {name!r}, which isn't a path either.{near_paths(Path(name))}")
    return unknown_name("command", name, list(known))


def unknown_subcommand(name: str, group: click.Context) -> UsageError:
    """The error for a word after `weights`, `leaderboard` and the like that they don't have as a command."""
    known = group.command.list_commands(group) if isinstance(group.command, click.Group) else []
    meant = [each for each in SUBCOMMANDS.get(name.lower(), ()) if each in known]
    if meant:
        return UsageError(f"Unknown command {name!r}. Use `{group.command_path} {meant[0]}`.")
    return unknown_name("command", name, known)


def _names_images(word: str) -> bool:
    from ganeval.sources.datasets.table import DATASETS

    return not word.startswith("-") and (os.path.exists(word) or word.partition(":")[0] in DATASETS)


def _place_of_metric(name: str) -> str | None:
    """The option that a metric compares by, "" for none; None for what is no metric."""
    from ganeval.metrics.base import SetMetric
    from ganeval.metrics.keys import parse_key

    try:
        request = parse_key(name)
    except GanevalError:  # also of a package that is broken: what is asked of it says so
        return None
    if request.paired:
        return "--paired"
    return "--reference" if isinstance(request.metric, SetMetric) and request.metric.reference else ""


def said(error: click.ClickException, command: click.Command) -> str:
    """What an error of click says: with the option that is meant by one of another tool, and what a value would be.

    Args:
        error: The error.
        command: The command that was called.
    """
    if isinstance(error, click.UsageError) and error.ctx is not None:
        # click has a class of its own for this from 8.4 on.
        if unknown := re.match(r"No such command '(.*?)'\.", error.format_message()):
            return str(unknown_subcommand(unknown[1], error.ctx))
        if isinstance(error, click.NoSuchOption) and error.ctx.parent is None:
            return f"No such option {error.option_name!r} before a command. Write the command first: `ganeval score`."
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        known = {option for parameter in error.ctx.command.params for option in parameter.opts}
        meant = _meant(error.option_name)
        if meant == _BUILD or known & set(re.findall(r"--[a-z-]+", meant)):
            return f"No such option {error.option_name!r}. Use {meant}."
    if isinstance(error, click.BadOptionUsage):
        for param in command.params:
            if error.option_name in (*param.opts, *param.secondary_opts):
                return _misused(error.option_name, param)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        called = re.escape(error.ctx.command_path) if error.ctx is not None else "ganeval"
        example = re.search(rf"^{called} .*?(?=\s*#|$)", inspect.cleandoc(command.help or ""), re.MULTILINE)
        as_in = f" As in `{example[0]}`." if example else ""
        return f"{_name_of(error.param)} is missing: it takes {_taken(error.param)}.{as_in}"
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{error.format_message()}{_second_set(error.format_message(), error.ctx)}"
    return error.format_message()


def check_values(command: click.Command, words: Sequence[str]) -> None:
    """Refuses an option in the place of another's value: `--metrics --full` leaves out what to measure.

    Args:
        command: The command that is called.
        words: Of the command line, behind the command's name.

    Raises:
        UsageError: naming both options.
    """
    options = [param for param in command.params if isinstance(param, click.Option)]
    valued = {
        name: param
        for param in options
        if not param.is_flag and not param.count and not getattr(param.type, "optional", False)
        for name in param.opts
    }
    short = {name for param in options for name in (*param.opts, *param.secondary_opts)} | {"-h"}
    rest = iter(words)
    for word in rest:
        if word == "--":
            return
        param = valued.get(_as_listed(word))
        for value in itertools.islice(rest, 0 if param is None else param.nargs):
            if value.startswith("--") or value in short:
                called = f"the option {value}" if value != "--" else "the end of the options"
                raise UsageError(
                    f"{word} takes {_taken(valued[_as_listed(word)])}; {called} follows. Give it a value, or drop it."
                )


def _as_listed(word: str) -> str:
    """An option as it is declared: --Crop_Border is --crop-border; a letter keeps its case."""
    return word.replace("_", "-").lower() if word.startswith("--") else word


def _misused(name: str, param: click.Parameter) -> str:
    """An option that has a value and takes none, or has none, or too few, at the end of the command line."""
    if isinstance(param, click.Option) and param.is_flag:
        return f"{name} takes no value. Write it alone."
    if param.nargs > 1:
        return f"{name} takes {_taken(param)}; got fewer. Give all of them."
    return f"{name} takes {_taken(param)}; got nothing. Give it a value, or drop it."


def _name_of(param: click.Parameter) -> str:
    return param.human_readable_name if isinstance(param, click.Argument) else param.opts[-1]


def _taken(param: click.Parameter) -> str:
    """Which values a parameter takes, in words."""
    from ganeval.cli.options import Name, Value

    if isinstance(param.type, Value | Name):
        return param.type.takes
    if param.nargs > 1:
        return f"{param.nargs} values, {param.metavar}"
    return f"a value, {param.metavar}" if param.metavar and isinstance(param, click.Option) else "text"


def _meant(option: str) -> str:
    """What is meant by an option of another tool, torch-fidelity's --isc and --kid among them; "" where unknown."""
    if known := HABITS.get(option.replace("_", "-")):
        return known
    name = option.removeprefix("--")
    return f"--metrics {name}" if option.startswith("--") and _place_of_metric(name) is not None else ""


def overlooked(words: Sequence[str]) -> str:
    """What may have gone wrong when the shell cut the command line into words; "" where all looks right.

    Args:
        words: The command line.
    """
    for index, (word, after) in enumerate(itertools.pairwise(words)):
        if (together := f"{word} {after}") and not os.path.exists(word) and os.path.exists(together):
            return f"A path with a space needs quotes: {shlex.quote(together)}."
        if word in ("--metrics", "-m") and (keys := list(itertools.takewhile(_is_metric, words[index + 1 :])))[1:]:
            return f"Metrics are separated by commas: --metrics {','.join(keys)}."
    return ""


def _is_metric(word: str) -> bool:
    return not os.path.exists(word) and _place_of_metric(word) is not None


def _second_set(message: str, context: click.Context) -> str:
    """What to do with more sets of images than a command takes; "" for all else."""
    found = re.fullmatch(r"Got unexpected extra arguments? \((.+)\)", message)
    options = {option for parameter in context.command.params for option in parameter.opts}
    places = [option for option in ("--against", "--reference", "--paired") if option in options]
    if found is None or not places:
        return ""
    extra = [found[1]] if _names_images(found[1]) else found[1].split()
    if not all(map(_names_images, extra)):
        return ""
    subjects = [str(context.params[p.name]) for p in context.command.params if isinstance(p, click.Argument) and p.name]
    typed = [option for option in places if context.params.get(option.removeprefix("--"))]
    ways = " or ".join(f"`{context.command_path} {shlex.join([*subjects, o, extra[0]])}`" for o in places)
    named = "" if typed or len(extra) > 1 else f" What to compare with is an option: {ways}."
    if len(subjects) > 1:
        table = shlex.join(["ganeval", "score", *subjects, *extra])
        against = [f"{option} {shlex.quote(str(context.params[option.removeprefix('--')]))}" for option in typed]
        several = f"Several make one table: `{' '.join([table, *(against or ['--reference REF'])])}`."
        return f". It compares two.{named} {several}"
    if named:
        return f".{named}"
    missing = "" if typed else f" {places[0]} REF"
    commands = [command + missing for command in _one_by_one([*subjects, *extra], context)]
    return f". It takes one subject. Run it for each: {'; '.join(f'`{command}`' for command in commands)}."


def _one_by_one(subjects: Sequence[str], context: click.Context) -> list[str]:
    """The command line of this run with one of its subjects at a time."""
    words = [str(word) for word in context.meta[ARGUMENTS]]
    valued = {
        option for p in context.command.params if isinstance(p, click.Option) and not p.is_flag for option in p.opts
    }
    places = [
        place
        for place, (before, word) in enumerate(zip(["", *words], words, strict=False))
        if word in subjects and before.replace("_", "-") not in valued
    ]
    return [
        shlex.join(["ganeval", *(word for at, word in enumerate(words) if at == place or at not in places)])
        for place in places
    ]


def called_command(root: click.Group, arguments: Sequence[str]) -> tuple[str, click.Command]:
    """The command that a command line names, "ganeval gate init", and that command."""
    names, context = ["ganeval"], click.Context(root)
    command: click.Command = root
    for word in arguments:
        word = listed(word, command.list_commands(context)) if isinstance(command, click.Group) else word
        found = command.get_command(context, word) if isinstance(command, click.Group) else None
        if found is None:
            break
        names.append(word)
        command = found
    return " ".join(names), command
