"""What an option takes: how it is written on the command line, which values are valid, which type it has in Python.

A kind refuses a value with a ValueError whose text continues the option's name: "takes a whole number ...; got 0.5."
"""

import math
import operator
import os
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args, get_origin

from ganeval.registry import near_names

PLACEHOLDER: Final = r"[A-Z]+(?:[=:][A-Z]+)?\b(?!\.\w)"  # REF, BACKBONE=FILE; not the name of a file, README.md
SETS: Final = ("subject", "reference", "paired", "mask", "inputs", "train")  # what a glob of `--match` can be for
MOST_RELATIVE: Final = 0.1
"""Largest --until-rel: the value at the stop was 1% off at 10%, 2% too high at 20% and 10% too high at 40%."""


class Kind(ABC):
    """One kind of value."""

    metavar: str = ""
    """What the help page shows in place of a value; empty for switches."""
    python: str = "str"
    """The type of the keyword in Python."""
    takes: str
    """Which values, for errors."""

    def read(self, text: str) -> object:
        """The value that a text of the command line means.

        Raises:
            ValueError: none.
        """
        return self.check(text)

    def of(self, hint: object) -> "Kind":
        """The kind for an option of that type."""
        del hint
        return self

    @abstractmethod
    def check(self, value: object) -> object:
        """The value in the form that a score uses, from Python or a settings file.

        Raises:
            ValueError: it is none of this kind.
        """

    def write(self, value: object) -> str:
        """A value, as the command line would write it."""
        return str(value)

    def as_typed(self, flag: str, value: object) -> list[str]:
        """The words of a command line that give the option this value."""
        return [flag, self.write(value)]

    @property
    def shown(self) -> str:
        """Regular expression of the values that messages show behind the option."""
        return PLACEHOLDER

    def in_python(self, shown: str) -> str:
        """Such a value as Python writes it."""
        return shown

    def refuse(self, value: object) -> ValueError:
        """The error for a value of another kind."""
        return ValueError(f"takes {self.takes}; got {repr(value)[:80]}.")


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number.

    Attributes:
        least: The smallest.
        most: The largest.
    """

    least: int
    most: int | None = None
    metavar = "N"
    python = "int"

    @property
    def takes(self) -> str:  # type: ignore[override]
        """With its limits."""
        ends = f"of at least {self.least}" if self.most is None else f"from {self.least} to {self.most}"
        return f"a whole number {ends}"

    @property
    def shown(self) -> str:
        """Digits, also behind them."""
        return rf"{PLACEHOLDER}|\d+\b(?!\.\d)"

    def read(self, text: str) -> object:
        """Digits; a text of thousands of them is refused before Python reads it."""
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text.strip()):
            raise self.refuse(text)
        return self.check(int(text))

    def check(self, value: object) -> object:
        """An int or what counts as one (numpy's); no bool, no float."""
        try:
            number = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            raise self.refuse(value) from None
        if isinstance(value, bool) or number < self.least or (self.most is not None and number > self.most):
            raise self.refuse(value)
        return number


@dataclass(frozen=True)
class OneOf(Kind):
    """One of a few words, in any case.

    Attributes:
        words: All of them.
    """

    words: tuple[str, ...] = ()

    def of(self, hint: object) -> "OneOf":
        """The words of a Literal, which may be one with None."""
        literals = [known for known in (hint, *get_args(hint)) if get_origin(known) is Literal]
        return OneOf(get_args(literals[0]))

    @property
    def metavar(self) -> str:  # type: ignore[override]
        """All words."""
        return f"[{'|'.join(self.words)}]"

    @property
    def python(self) -> str:  # type: ignore[override]
        """A Literal."""
        return f"Literal[{', '.join(map(_quoted, self.words))}]"

    @property
    def takes(self) -> str:  # type: ignore[override]
        """All words."""
        return " or ".join(filter(None, [", ".join(self.words[:-1]), self.words[-1]]))

    @property
    def shown(self) -> str:
        """A word or several, "0..1 | -1..1"."""
        word = rf"(?:{'|'.join(map(re.escape, self.words))})\b"
        return rf"{PLACEHOLDER}|{word}(?: \| {word})*"

    def in_python(self, shown: str) -> str:
        """Each word in quotes."""
        return " or ".join(repr(word) for word in shown.split(" | "))

    def check(self, value: object) -> object:
        """The word as it is listed."""
        folded = value.casefold().replace("_", "-") if isinstance(value, str) else None
        for word in self.words:
            if word == folded:
                return word
        raise self.refuse(value)

    def refuse(self, value: object) -> ValueError:
        """With the word that was meant."""
        near = near_names(value, self.words, most=1) if isinstance(value, str) else []
        return ValueError(f"{super().refuse(value)}{f' Did you mean {near[0]!r}?' if near else ''}")


@dataclass(frozen=True)
class Text(Kind):
    """Any text.

    Attributes:
        metavar: What the help page shows in its place.
        takes: What it is.
    """

    metavar: str = "TEXT"
    takes: str = "text"

    def check(self, value: object) -> object:
        """A str. One that a settings file gave stays the object that it is: the mark on it must not get lost."""
        if not isinstance(value, str):
            raise self.refuse(value)
        return value


class Place(Kind):
    """Images: a path, a data set, a factory; in Python also images in memory, which `ganeval.api` makes a path of."""

    metavar = "REF"
    python = "Images"
    takes = "a path or a name, as in ./samples or digits:test"
    more = ""
    """What Python takes beside images."""

    def check(self, value: object) -> object:
        """A str as it is (`Text.check`), but a data set as it is listed; a path as its text."""
        if isinstance(value, str):
            from ganeval.sources.datasets.table import listed_dataset

            return listed_dataset(value)
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        raise ValueError(f"is a {type(value).__name__}; expected a path, a data set, a tensor or an array{self.more}.")


class Reference(Place):
    """Images, or a generator that draws them."""

    python = "Subject"
    more = ", a network or a function"


class FileOrFolder(Kind):
    """A file or folder of this machine, which need not be there."""

    metavar = "PATH"
    python = "str | Path"
    takes = "a path"

    def check(self, value: object) -> object:
        """A Path."""
        if not isinstance(value, str | os.PathLike):
            raise self.refuse(value)
        return Path(value)


class File(FileOrFolder):
    """A file to read or to write."""

    metavar = "FILE"
    takes = "a file"

    def check(self, value: object) -> object:
        """A Path that is not a folder's."""
        path = Path(str(super().check(value)))
        if os.path.isdir(path):  # False also where one may not look
            raise ValueError(f"takes {self.takes}; {path} is a folder. Name a file in it.")
        return path


class Folder(FileOrFolder):
    """A folder."""

    metavar = "DIR"
    takes = "a folder"

    def check(self, value: object) -> object:
        """A Path that is not a file's."""
        path = Path(str(super().check(value)))
        if os.path.isfile(path):
            raise ValueError(f"takes {self.takes}; {path} is a file. Name its folder: {path.parent}.")
        return path


class Device(Kind):
    """Name of a device; whether it is here is known when torch is."""

    metavar = "DEVICE"
    takes = "auto, cpu, cuda or cuda:1"

    @property
    def shown(self) -> str:
        """Also names of devices."""
        return rf"{PLACEHOLDER}|(?:cpu|cuda(?::\d+)?|auto)\b"

    def in_python(self, shown: str) -> str:
        """A name in quotes."""
        return repr(shown)

    def check(self, value: object) -> object:
        """A name, in any case; a torch.device is called by it."""
        if isinstance(value, str):
            return value.lower()
        if type(value).__module__ == "torch":
            return str(value)
        raise self.refuse(value)


class Keys(Kind):
    """Metric keys; what each means is known to `ganeval.metrics.keys`."""

    metavar = "KEYS"
    python = "str | Sequence[str]"
    takes = "metric keys, as in fid,kd@efflite0"

    @property
    def shown(self) -> str:
        """Also keys in small letters."""
        key = r"[a-z][a-z0-9_]*(?:@[a-z0-9_-]*[a-z0-9])?"
        return rf"{PLACEHOLDER}|{key}(?:,{key})*"

    def in_python(self, shown: str) -> str:
        """In quotes."""
        return repr(shown)

    def check(self, value: object) -> object:
        """Comma-separated."""
        if isinstance(value, str):
            return value
        if isinstance(value, Sequence) and all(isinstance(key, str) for key in value):
            return ",".join(value)
        raise self.refuse(value)


@dataclass(frozen=True)
class Switch(Kind):
    """True or False.

    Attributes:
        off: Help of the flag that turns it off, for an option that is on by default.
    """

    off: str = ""
    python = "bool"
    takes = "true or false"

    def check(self, value: object) -> object:
        """A bool."""
        if not isinstance(value, bool):
            raise self.refuse(value)
        return value

    def as_typed(self, flag: str, value: object) -> list[str]:
        """The flag, or the one that turns it off."""
        return [flag if value else f"--no-{flag[2:]}"]


class Links(Kind):
    """Which links are followed."""

    python = 'bool | Literal["no", "inside", "anywhere"]'
    takes = "true, false or 'anywhere'"

    def check(self, value: object) -> object:
        """One of "no", "inside" and "anywhere"."""
        if isinstance(value, bool):
            return "inside" if value else "no"
        if isinstance(value, str) and value in ("no", "inside", "anywhere"):
            return value
        raise self.refuse(value)

    def as_typed(self, flag: str, value: object) -> list[str]:
        """One of the two flags."""
        return [f"{flag}-anywhere" if value == "anywhere" else flag]


class Repeated(Kind):
    """A mapping that the command line gives entry by entry; `read` reads one."""

    twice: str
    """What an error says of a key that is there twice, with {key}, {first} and {second}."""

    @abstractmethod
    def read(self, text: str) -> tuple[str, object]:
        """Key and value."""

    def gather(self, entries: Sequence[tuple[str, object]]) -> dict[str, object]:
        """All entries.

        Raises:
            ValueError: a key is there twice.
        """
        gathered: dict[str, object] = {}
        for key, value in entries:
            if key in gathered:
                raise ValueError(self.twice.format(key=key, first=gathered[key], second=value))
            gathered[key] = value
        return gathered

    def as_typed(self, flag: str, value: object) -> list[str]:
        """The flag with each entry."""
        entries = value.items() if isinstance(value, Mapping) else ()
        return [word for key, entry in entries for word in (flag, f"{key}={entry}")]


class Globs(Repeated):
    """Set -> glob; a glob alone is the subject's."""

    metavar = "[SET=]GLOB"
    python = "str | Mapping[str, str]"
    takes = "a glob, as in --match '*_fake_B.png'"
    twice = "picks files of the {key} twice: {first!r} and {second!r}. Give one."

    @property
    def shown(self) -> str:
        """A glob in quotes, maybe with its set: '*.png', 'reference=*.png'."""
        return rf"{PLACEHOLDER}|'[^']*'"

    def in_python(self, shown: str) -> str:
        """A glob, or a dict."""
        place, equals, glob = shown.strip("'").partition("=")
        return f"{{'{place}': '{glob}'}}" if equals and place in SETS else shown

    def read(self, text: str) -> tuple[str, object]:
        """GLOB or SET=GLOB."""
        place, equals, glob = text.partition("=")
        if not equals or place not in SETS:
            place, glob = "subject", text
        if not glob:
            raise self.refuse(text)
        return place, glob

    def check(self, value: object) -> object:
        """A dict."""
        globs = {"subject": value} if isinstance(value, str) else value
        if not isinstance(globs, Mapping):
            raise self.refuse(value)
        for place, glob in globs.items():
            if place not in SETS:
                raise ValueError(f"picks files of {', '.join(SETS)}; got {place!r}.")
            if not isinstance(glob, str) or not glob:
                raise self.refuse(glob)
        return dict(globs)


class PairRule(Kind):
    """How the names of two sets pair: a suffix, a regular expression with one group, or by order."""

    metavar = "RULE"
    takes = "a suffix ('x4'), a regular expression with one group ('(\\d+)'), or 'order'"

    @property
    def shown(self) -> str:
        """In quotes."""
        return rf"{PLACEHOLDER}|'[^']*'"

    @staticmethod
    def is_regular(rule: str) -> bool:
        """Whether it is a regular expression: no suffix has such letters."""
        return any(letter in rule for letter in "()[]{}*?|^$\\")

    def check(self, value: object) -> object:
        """A str that is a suffix, or compiles with one group."""
        if not isinstance(value, str) or not value or len(value) > LONGEST_RULE:
            raise self.refuse(value)
        if not self.is_regular(value):
            return value
        try:
            with warnings.catch_warnings(action="ignore"):
                groups = re.compile(value).groups
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"{self.refuse(value)} It is not a regular expression: {str(error)[:80]}.") from error
        if groups != 1:
            raise ValueError(
                f"{self.refuse(value)} It has {groups} groups: put the part of the name that pairs share, and nothing "
                "else, into ( ); (?: ) makes no group."
            )
        return value


BY_ORDER: Final = "order"
MOST_TILES: Final = 4096
"""Of one image, 64 x 64: a set of a thousand sheets is then four million images."""
LONGEST_RULE: Final = 1000


class Tiles(Globs):
    """Set -> how its images are cut."""

    metavar = "[SET=]RxC[:N]"
    takes = "rows x columns, and maybe which tile, as in --tile 1x3:2"
    twice = "cuts images of the {key} twice: {first!r} and {second!r}. Give one."

    @property
    def shown(self) -> str:
        """Also rows and columns: 1x3, 1x3:2, ROWSxCOLUMNS."""
        return rf"ROWSxCOLUMNS|{PLACEHOLDER}|'[^']*'|\d+x\d+(?::\d+)?"

    def in_python(self, shown: str) -> str:
        """In quotes."""
        return super().in_python(shown) if shown.startswith("'") else repr(shown)

    def check(self, value: object) -> object:
        """A dict."""
        tiles = super().check(value)
        for tile in tiles.values() if isinstance(tiles, Mapping) else ():
            self.parse(str(tile))
        return tiles

    def parse(self, text: str) -> tuple[int, int, int | None]:
        """Rows, columns and which tile.

        Raises:
            ValueError: it is none.
        """
        found = re.fullmatch(r"([1-9][0-9]{0,2})x([1-9][0-9]{0,2})(?::([1-9][0-9]{0,5}))?", text)
        if found is None:
            raise self.refuse(text)
        rows, columns = int(found[1]), int(found[2])
        which = None if found[3] is None else int(found[3])
        if rows * columns < 2 or (which or 1) > rows * columns:
            raise ValueError(f"cuts images into 2 tiles at least, and takes one of them; got {text!r}.")
        if rows * columns > MOST_TILES:
            raise ValueError(f"cuts images into at most {MOST_TILES:,} tiles; got {text!r}.")
        return rows, columns, which


class WeightFiles(Repeated):
    """Backbone -> weights file."""

    metavar = "BACKBONE=FILE"
    python = "Mapping[str, str | Path]"
    takes = "BACKBONE=FILE, as in --weights inception=weights.pth"
    twice = "names {key} twice: {first} and {second}."

    def read(self, text: str) -> tuple[str, object]:
        """BACKBONE=FILE."""
        name, equals, file = text.partition("=")
        if not equals or not name or not file:
            raise self.refuse(text)
        return name, Path(file)

    def check(self, value: object) -> object:
        """A dict of Paths."""
        if not isinstance(value, Mapping):
            raise ValueError(f"takes files by backbone; got {repr(value)[:80]}.")
        return {name.lower(): Path(file) for name, file in value.items()}


class LatentShape(Kind):
    """Shape of one latent."""

    metavar = "Z"
    python = "int | Sequence[int]"
    takes = "a width or a shape, as in 100 or 100x1x1"

    def read(self, text: str) -> object:
        """100 or 100x1x1."""
        sides = text.split("x")
        if not all(side.isdecimal() and len(side) < 10 for side in sides):
            raise self.refuse(text)
        return self.check([int(side) for side in sides])

    def check(self, value: object) -> object:
        """A tuple of sizes of at least 1."""
        sides = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
        if not sides or not all(type(side) is int and side > 0 for side in sides):
            raise ValueError(f"takes a width such as 100, or a shape; got {repr(value)[:80]}.")
        return sides

    def write(self, value: object) -> str:
        """100x1x1."""
        return "x".join(map(str, value)) if isinstance(value, Sequence) else str(value)


class Positive(Kind):
    """A number above 0."""

    metavar = "X"
    python = "float"
    takes = "a number above 0"

    def read(self, text: str) -> object:
        """As Python writes numbers."""
        try:
            return self.check(float(text))
        except ValueError:
            raise self.refuse(text) from None

    def check(self, value: object) -> object:
        """A float."""
        number = _float(value)
        if number is None or not 0.0 < number < math.inf:
            raise self.refuse(value)
        return number


class Fraction(Kind):
    """A small fraction."""

    metavar = "1%"
    python = "float"
    takes: str = f"a fraction above 0 and at most {100 * MOST_RELATIVE:g}%, as in 1% or 0.01"

    def refuse(self, value: object) -> ValueError:
        """With the reason for the upper limit."""
        return ValueError(
            f"{super().refuse(value)} A looser rule stops where the value came out high, which biases it upwards. Ask "
            "for less, or score a fixed --num-samples."
        )

    def read(self, text: str) -> object:
        """1% or 0.01."""
        try:
            return self.check(float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0))
        except ValueError:
            raise self.refuse(text) from None

    def check(self, value: object) -> object:
        """A float; a text of a settings file is read as one of the command line."""
        if isinstance(value, str):
            return self.read(value)
        number = _float(value)
        if number is None or not 0.0 < number <= MOST_RELATIVE:
            raise self.refuse(value)
        return number


class Duration(Kind):
    """A time."""

    metavar = "TIME"
    python = "float"
    takes = "seconds or minutes above 0, as in 90 or 10m"

    def read(self, text: str) -> object:
        """90, 90s, 10m or 2h."""
        units = {"s": 1.0, "m": 60.0, "h": 3600.0}
        number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
        if not (number.replace(".", "", 1).isdecimal() and len(number) < 10 and float(number) > 0):
            raise self.refuse(text)
        return float(number) * unit

    def check(self, value: object) -> object:
        """Seconds."""
        if isinstance(value, str):
            return self.read(value)
        number = _float(value)
        if number is None or not 0.0 < number < math.inf:
            raise self.refuse(value)
        return number

    def write(self, value: object) -> str:
        """In minutes where they are whole."""
        seconds = float(str(value))
        return f"{seconds / 60:g}m" if seconds % 60 == 0 else f"{seconds:g}"


def _float(value: object) -> float | None:
    try:
        return None if isinstance(value, str | bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _quoted(word: str) -> str:
    return f'"{word}"'
