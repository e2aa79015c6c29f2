"""Options that an error names must be options of the command that it speaks of."""

import re

from ganeval.cli.habits import called_command
from ganeval.cli.main import root

_IN_BACKTICKS = re.compile(r"`([^`]*)`")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]")


def foreign_options(arguments: list[str], text: str) -> set[str]:
    """Options in an error's text that its command lacks, but for those that were typed.

    In backticks `ganeval other ...` is a command of its own; other text in backticks may be another program's.
    """
    typed = {word.partition("=")[0].replace("_", "-").lower() for word in arguments}
    quoted = [words.split()[1:] for words in _IN_BACKTICKS.findall(text) if words.startswith("ganeval ")]
    parts = [(arguments, _IN_BACKTICKS.sub("", text)), *((words, " ".join(words)) for words in quoted)]
    return {name for words, part in parts for name in set(_OPTION.findall(part)) - _options(words) if name not in typed}


def _options(arguments: list[str]) -> set[str]:
    command = called_command(root, arguments)[1]
    return {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
