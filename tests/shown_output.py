"""Output that pages show: blocks of `$ ganeval ...` with what it prints, and Python blocks with what they print."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONSOLE = re.compile(r"^```text\n(\$ .*?)^```$", re.DOTALL | re.MULTILINE)
PYTHON = re.compile(r"^```python\n([^`]*?)^```\n\n```text\n((?!\$ ).*?)^```$", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


def console(block):
    """(command, output) of each command in a console block."""
    found = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(found[::2], found[1::2], strict=True))


def shown(text):
    """(command, output) of each command that a page shows."""
    return [pair for block in CONSOLE.findall(text) for pair in console(block)]


def twins(page):
    """The page and its Chinese translation, where it has one."""
    chinese = page.with_name(f"{page.stem}.zh.md")
    return [page, chinese] if chinese.exists() else [page]


def rewrite(page, before, after):
    """Puts what was printed into a page and into its translation."""
    for path in twins(page):
        path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")


def evened(printed):
    """Without spaces at the ends of lines and empty lines at the end, which editors take away."""
    return "".join(f"{line.rstrip()}\n" for line in printed.rstrip().splitlines())


def without_machine(text):
    """Without what differs between machines: times, and hashes of random weights, which are sums of floats."""
    return re.sub(
        r"\bin [\d.]+ (?:seconds|minutes|hours)\b", "in TIME", re.sub(r"\bweights [0-9a-f]{8}\b", "weights HASH", text)
    )


def words_of(text):
    """The text with numbers taken out and spaces evened: columns move where a number has a digit more."""
    return [" ".join(NUMBER.sub("#", line).split()) for line in without_machine(text).strip().splitlines()]


def numbers_of(text):
    return [float(number.replace(",", "")) for number in NUMBER.findall(without_machine(text))]


def compare(printed, expected, tolerance=2e-4):
    """The same words, and numbers within 2%: the last digits differ between machines."""
    assert words_of(printed) == words_of(expected)
    assert numbers_of(printed) == pytest.approx(numbers_of(expected), rel=0.02, abs=tolerance)


def printed_by(code):
    """What a Python block prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "page", "exec"), {"__name__": "page"})
    return evened(out.getvalue())
