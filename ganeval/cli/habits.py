"""Options of other tools, and what to type here: hints for those who come from pytorch-fid, torch-fidelity or pyiqa."""

import re
from collections.abc import Sequence
from typing import Final

import click

_REFERENCE: Final = "--reference REF (sets) or --paired REF (image by image)"
_SUBJECT: Final = "the images themselves, without an option: ganeval score FOLDER --reference REF"

HABITS: Final = {
    "--batch": "--batch-size N",
    "--bs": "--batch-size N",
    "--crop": "--crop-border N",
    "--cuda": "--device cuda",
    "--data": "--data-root PATH",
    "--fake": _SUBJECT,
    "--feature-extractor": "--metrics METRIC@BACKBONE",
    "--generated": _SUBJECT,
    "--gpu": "--device cuda, or cuda:1",
    "--gt": _REFERENCE,
    "--input": _SUBJECT,
    "--input1": _SUBJECT,
    "--input2": _REFERENCE,
    "--limit": "--num-samples N",
    "--modcrop": "--mod-crop N",
    "--model": "--metrics METRIC@BACKBONE",
    "--n": "--num-samples N",
    "--output": "--json FILE, or --append FILE.jsonl",
    "--path": _SUBJECT,
    "--path1": _SUBJECT,
    "--path2": _REFERENCE,
    "--pred": _SUBJECT,
    "--real": _REFERENCE,
    "--ref": _REFERENCE,
    "--samples": _SUBJECT,
    "--target": _REFERENCE,
    "--test-y-channel": "--channel y",
    "--ycbcr": "--channel y",
    "--y-channel": "--channel y",
}
"""Long option of another tool -> what is meant, here."""


def said(error: click.ClickException) -> str:
    """What an error of click says, with the option that is meant by one of another tool."""
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        known = {option for parameter in error.ctx.command.params for option in parameter.opts}
        meant = HABITS.get(error.option_name.replace("_", "-"), "")
        if known & set(re.findall(r"--[a-z-]+", meant)):
            return f"No such option {error.option_name!r}. Use {meant}."
    return error.format_message()


def command_path(root: click.Group, arguments: Sequence[str]) -> str:
    """The command that a command line names: "ganeval gate init"."""
    names, context = ["ganeval"], click.Context(root)
    command: click.Command = root
    for word in arguments:
        found = command.get_command(context, word) if isinstance(command, click.Group) else None
        if found is None:
            break
        names.append(word)
        command = found
    return " ".join(names)
