"""The table in Python calls: keywords become options, signatures and docstrings show them, errors name them.

Messages are written once, for the command line. At the border of `ganeval.api`, what a message calls `--value-range`
becomes the keyword `value_range=`. What is to be typed in a shell, in backticks, stays as it is.
"""

import contextlib
import difflib
import functools
import inspect
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, TypeVar

from ganeval.errors import LEAVE_OUT, BadImageError, GanevalError, UsageError
from ganeval.former import OPTIONS as FORMER
from ganeval.former import told
from ganeval.options.kinds import PLACEHOLDER, Kind, Links, Switch
from ganeval.options.table import DEFAULTS, OPTIONS, flag_of, keyword_of, taken_by

Call = TypeVar("Call", bound=Callable[..., Any])

TAKERS: Final = {"score": "score", "diff": "compare", "gate": "check", "evaluator": "Evaluator"}
"""Words of the table and the Python calls that they stand for."""

OWN: Final = frozenset({"against", "baseline", "mode", "n", "name", "rules"})
"""Keywords of `check` that are options of `ganeval gate` alone."""

_COMMAND: Final = re.compile(r"(`[^`]*`)")
_OTHER: Final = re.compile(rf"--(?P<name>[a-z][a-z-]*[a-z])(?: (?P<value>{PLACEHOLDER}))?")


def in_python(text: str, keywords: Collection[str]) -> str:
    """A message with the options of the command line as keywords; options that are none of them stay.

    Args:
        text: As on the command line.
        keywords: Names that the called function takes.
    """

    def other(found: re.Match[str]) -> str:
        name = found["name"].replace("-", "_")
        return f"{name}={found['value'] or ''}" if name in keywords else found[0]

    def translated(part: str) -> str:
        for pattern, name in _patterns():
            if keyword_of(name) in keywords:
                part = pattern.sub(functools.partial(_keyword, name), part)
        return _OTHER.sub(other, part)

    parts = _COMMAND.split(text)
    return "".join(part if part.startswith("`") else translated(part) for part in parts)


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """What finds an option of the table in a message, with the value behind it."""
    return [
        (re.compile(rf"{_flags(name, option.kind)}(?![\w-])(?: (?P<value>{option.kind.shown}))?"), name)
        for name, option in OPTIONS.items()
    ]


def _flags(name: str, kind: Kind) -> str:
    word = flag_of(name)[2:]
    if isinstance(kind, Links):
        return f"--{word}(?P<end>-anywhere)?"
    return f"--(?P<no>no-)?{word}" if isinstance(kind, Switch) else f"--{word}"


def _keyword(name: str, found: re.Match[str]) -> str:
    """An option as a keyword, with the value that the message shows."""
    kind, keyword, value = OPTIONS[name].kind, keyword_of(name), found["value"]
    if isinstance(kind, Links):
        return f"{keyword}={'True' if found['end'] is None else repr('anywhere')}"
    if isinstance(kind, Switch):
        return f"{keyword}={found['no'] is None}" + (f" {value}" if value else "")
    if value is None:
        return f"{keyword}="
    return f"{keyword}={value if re.fullmatch(PLACEHOLDER, value) else kind.in_python(value)}"


@contextlib.contextmanager
def python_words(taker: str) -> Iterator[None]:
    """Errors from inside name keywords.

    Args:
        taker: As in the table.
    """
    try:
        yield
    except GanevalError as error:
        if error.args and isinstance(error.args[0], str):
            keywords = _keywords(taker)
            advice = f" {LEAVE_OUT}" if isinstance(error, BadImageError) and "on_bad" in keywords else ""
            error.args = (in_python(error.args[0] + advice, keywords), *error.args[1:])
        raise


def _keywords(taker: str) -> set[str]:
    keywords = {keyword_of(name) for name in taken_by(taker)}
    return keywords | OWN if taker == "gate" else keywords


def _help(name: str, taker: str) -> str:
    return in_python(OPTIONS[name].help, _keywords(taker))


def as_options(taker: str, keywords: Mapping[str, object]) -> dict[str, Any]:
    """Keywords by the names of the table.

    Args:
        taker: As in the table.
        keywords: As the caller gave them.

    Raises:
        UsageError: a keyword of another call.
        TypeError: a keyword that no call takes, as Python itself says it.
    """
    names = {keyword_of(name): name for name in taken_by(taker)}
    for keyword in keywords:
        now = FORMER.get(keyword)
        if now is not None and now in names.values():
            warnings.warn(told(f"{keyword}=", f"{keyword_of(now)}="), DeprecationWarning, stacklevel=4)
            names[keyword] = now
        if takers := [] if keyword in names else _calls_with(keyword):
            raise UsageError(f"{TAKERS[taker]}() takes no {keyword}=. It is a keyword of {' and '.join(takers)}.")
        if keyword not in names:
            spelt = {**names, **{name: name for name in names.values()}}
            close = difflib.get_close_matches(keyword, spelt, n=1)
            hint = f" Did you mean {keyword_of(spelt[close[0]])!r}?" if close else ""
            raise TypeError(f"{TAKERS[taker]}() got an unexpected keyword argument {keyword!r}.{hint}")
    return {names[keyword]: value for keyword, value in keywords.items()}


def _calls_with(keyword: str) -> list[str]:
    """The calls that take a keyword, as in "ganeval.score()"."""
    takers = [taker for taker in TAKERS if keyword in map(keyword_of, taken_by(taker))]
    return [f"ganeval.{TAKERS[taker]}()" for taker in takers]


def documented(taker: str) -> Callable[[Call], Call]:
    """Shows the keywords of a call in its signature and its docstring, where completion and `help` look.

    Args:
        taker: As in the table.
    """

    def decorate(call: Call) -> Call:
        signature = inspect.signature(call)
        own = [known for known in signature.parameters.values() if known.kind is not known.VAR_KEYWORD]
        known = taken_by(taker)
        keywords = [
            inspect.Parameter(
                keyword_of(name),
                inspect.Parameter.KEYWORD_ONLY,
                default=DEFAULTS[name] or None if DEFAULTS[name] == {} else DEFAULTS[name],
                annotation=python_type(name),
            )
            for name in known
        ]
        call.__signature__ = signature.replace(parameters=[*own, *keywords])  # type: ignore[attr-defined]
        lines = [f"    {keyword_of(name)}: {_help(name, taker)}" for name in known]
        # `python -OO` leaves no docstring; Python 3.13 takes its indentation off, older ones do not.
        told = inspect.cleandoc(call.__doc__ or "")
        call.__doc__ = told.replace("\n\nRaises:", "\n" + "\n".join(lines) + "\n\nRaises:", 1)
        return call

    return decorate


def python_type(name: str) -> str:
    """The type of an option in Python, as source."""
    kind = OPTIONS[name].kind.python
    return f"{kind} | None" if DEFAULTS[name] in (None, {}) else kind


def keywords_source() -> str:
    """The text of `ganeval/options/keywords.py`."""
    lines = [
        '"""Keywords of the Python calls, made from the table by `pytest --update-golden tests/options`."""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import TYPE_CHECKING, Literal, TypedDict",
        "",
        "if TYPE_CHECKING:",
        "    from collections.abc import Mapping, Sequence",
        "    from pathlib import Path",
        "",
        "    from ganeval.generators.in_memory import Images, Subject",
    ]
    for taker, call in TAKERS.items():
        lines += ["", "", f"class {call[0].upper()}{call[1:]}Keywords(TypedDict, total=False):"]
        lines += [f'    """Keywords of `ganeval.{call}`."""', ""]
        for name in taken_by(taker):
            lines += [f"    {keyword_of(name)}: {python_type(name)}", f'    """{_help(name, taker)}"""']
    return "\n".join(lines) + "\n"
