"""Untrusted text in a terminal, in Markdown, LaTeX and a spreadsheet: it stays text and drives nothing."""

import re
from collections.abc import Sequence

# A spreadsheet reads a cell that starts with one of these as a formula (OWASP, "CSV Injection").
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_MARKUP = re.compile(r"[\\`*_\[\]|~#]")
_COMMANDS = re.compile(r"(?:^|(?<=[\r\n]))\s*:(?=:)|#(?=#(?:vso|teamcity)?\[)")
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", ":": "&#58;"}
_ACTIVE = re.compile(r"[&<>]|(?<!\w)@|:(?=//)")  # tags, mentions of people, addresses that become links


def printable(text: str) -> str:
    """Text with control characters shown as escapes: a file name must drive neither the terminal nor a CI."""
    return inert_lines("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text))


def inert_lines(text: str) -> str:
    """Text in which no line is a command to a CI: the first character of one becomes an escape, which JSON also reads.

    Source: actions/runner, ActionCommand.cs (`::` behind blanks at the beginning of a line, `##[` anywhere).
    """
    return _COMMANDS.sub(lambda match: match[0][:-1] + f"\\u{ord(match[0][-1]):04x}", text)


def first_of(messages: Sequence[str], count: int = 10) -> list[str]:
    """The first few messages and the number of the others: a damaged file may have a million of them."""
    more = len(messages) - count
    return [*messages[:count], f"... and {more:,} more"] if more > 0 else list(messages)


def encodable(name: str) -> str:
    """A name that can be written as UTF-8: bytes that are not text (surrogates) become backslash escapes."""
    if name.isascii():
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def markdown(text: str) -> str:
    """Text that Markdown shows as it is, also inside a table: no markup, no HTML, no link, no mention of a person."""
    marked = _MARKUP.sub(r"\\\g<0>", printable(text))
    return _ACTIVE.sub(lambda match: _ENTITIES[match[0]], marked)


def spreadsheet(text: str) -> str:
    """Text that a spreadsheet does not take for a formula: an apostrophe goes in front of what would start one."""
    shown = printable(text)
    return f"'{shown}" if text.lstrip(" '\"").startswith(FORMULA_STARTS) else shown


def latex(text: str) -> str:
    """Text that LaTeX sets as it is: no command, no comment, no mathematics."""
    return "".join(_LATEX.get(character, character) for character in printable(text))
