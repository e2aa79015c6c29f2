"""Which image of one set goes with which of another: by name, never by position unless that was asked for.

Names agree as they are, or in any case of their letters, or once what every name of a set has around them is taken off
("0801x4" and "0801"), or by a rule of the user's (`--pair-by`).
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ganeval.errors import DataError, UsageError
from ganeval.formatting import counted
from ganeval.options.kinds import BY_ORDER, PairRule
from ganeval.sources.base import ImageSource

REGEX_SECONDS: Final = 5
"""Longest time that a regular expression may take over all names of a set: one that backtracks takes for ever."""

_HINT: Final = (
    r"name what the pairs share with --pair-by: a suffix to leave out ('x4'), or a regular expression whose group is "
    r"the shared part ('(\d+)')"
)
_ORDER: Final = (
    'Save each array under the name of its image (np.savez(file, **{"0801": array, ...})), or pair in the order of '
    "names with --pair-by 'order'"
)


@dataclass(frozen=True)
class Pairing:
    """Pairs of images by their places in two sets.

    Attributes:
        indices: (fake, real) of each pair, in the order of the fakes.
        told: What was taken off the names to pair them, for the user; "" where names agree as they are.
    """

    indices: list[tuple[int, int]]
    told: str = ""


@dataclass(frozen=True)
class _Keys:
    """What pairs two sets, a key an image: equal keys are a pair.

    Attributes:
        fake: Of all fakes.
        real: Of all originals.
        made: How keys come from names, for messages.
        told: As in `Pairing`.
    """

    fake: Sequence[str]
    real: Sequence[str]
    made: str = "path without extension"
    told: str = ""


def pair_up(fake: ImageSource, real: ImageSource, rule: str | None = None, *, part: bool = False) -> Pairing:
    """Pairs two sets. Two single images are a pair under any names.

    Args:
        fake: The images to score, maybe some of a set: names are looked at over the whole of it.
        real: Their originals.
        rule: As in `--pair-by`; None for names that agree, or that agree but for what all names of a set share.
        part: True where originals without a partner are left aside.

    Raises:
        DataError: a name is there twice (a.png and a.jpg), nothing agrees, or some image has no partner.
        UsageError: a rule that fits none of the names, or gives two of a set the same key.
    """
    if fake.single and real.single:
        if rule is not None:
            raise UsageError(f"--pair-by pairs sets; {fake.name} and {real.name} are two images. Drop it.")
        return Pairing([(0, 0)])
    if fake.single or real.single:
        one, many = (fake, real) if fake.single else (real, fake)
        raise DataError(
            f"{one.name} is a single image, and {many.name} is a set of {len(many):,}. A single image pairs with "
            "another single image: name two images, or two sets."
        )
    stems = _stems(fake), _stems(real)
    keys = _as_they_are(stems) if rule is None else _by_rule(fake, real, stems, rule)
    places = {keys.real[real.place(index)]: index for index in range(len(real))}
    chosen = [keys.fake[fake.place(index)] for index in range(len(fake))]
    common = [key for key in chosen if key in places]
    if not common:
        numbered = next((source.name for source in (fake, real) if _only_numbered(source)), None)
        advice = f"rename the images of one set, or {_HINT}"
        if numbered is not None:
            advice = f"the images of {numbered} have no names, only places. {_ORDER}"
        elif several := _several(fake, *stems) or _several(real, *stems[::-1]):
            advice = several
        raise DataError(
            f"No image of {fake.name} ({counted(len(fake), 'image')}) has its name in {real.name} ({len(real):,}); the "
            f"first are {_first(stems[0])} and {_first(stems[1])}. Pairs are made by {keys.made}: {advice}."
        )
    asked = [(fake, chosen, places)] + [(real, list(places), dict.fromkeys(chosen))] * (not part)
    lonely = [
        f"{len(alone)} of {len(own)} images of {source.name} have no partner ({_first(alone)})"
        for source, own, others in asked
        if (alone := [key for key in own if key not in others])
    ]
    if lonely:
        agree = "1 pair agrees" if len(common) == 1 else f"{len(common)} pairs agree"
        raise DataError(
            f"{' and '.join(lonely)}; {agree}. Pairs are made by {keys.made}: add what is missing, or move aside what "
            "has no partner."
        )
    return Pairing([(index, places[key]) for index, key in enumerate(chosen)], keys.told)


def _several(source: ImageSource, own: Sequence[str], others: Sequence[str]) -> str:
    """What to do where the names of the other set are there in several folders, of one method each; "" elsewhere."""
    files = Counter(name.rpartition("/")[2] for name in own)
    shared = files.keys() & {name.rpartition("/")[2] for name in others}
    if not any(files[file] > 1 for file in shared):
        return ""
    folders = sorted({folder for folder, _, file in (name.rpartition("/") for name in own) if file in shared})
    return (
        f"{source.name} has the same names in {len(folders)} folders ({_first(folders)}). Name one of them, or each as "
        "a set of its own"
    )


def _only_numbered(source: ImageSource) -> bool:
    """Whether images are called by their places alone, as those of one array are."""
    items = source.whole
    return all(item.name == f"{place:0{len(items[0].name)}d}" for place, item in enumerate(items))


def names_of_pairs(fake: ImageSource, real: ImageSource, rule: str | None) -> list[str]:
    """What each image to score is called as one of a pair: as its original; of two single images as itself.

    Args:
        fake: The images to score.
        real: Their originals.
        rule: As in `--pair-by`.

    Raises:
        DataError, UsageError: as `pair_up`.
    """
    if fake.single:
        return [item.stem for item in fake.items]
    return [real.items[original].stem for _, original in pair_up(fake, real, rule).indices]


def _stems(source: ImageSource) -> list[str]:
    """Names without extension, each once."""
    if not len(source):
        raise DataError(f"{source.name} holds no image to pair. Check the path.")
    stems = [item.stem for item in source.whole]
    counts = Counter(stems)
    doubled = [item.name for item in source.whole if counts[item.stem] > 1] if len(counts) < len(stems) else []
    if doubled:
        raise DataError(
            f"{source.name} has {len(doubled)} images whose names differ in the extension alone ({_first(doubled)}): "
            "which of them to pair is open. Keep one of each."
        )
    return stems


Stems = tuple[Sequence[str], Sequence[str]]  # fakes, originals


def _as_they_are(stems: Stems) -> _Keys:
    """Keys without a rule: the names, or what is left of them where none agrees as it is."""
    if not set(stems[0]).isdisjoint(stems[1]):
        return _Keys(*stems)
    folded = [[name.casefold() for name in names] for names in stems]
    if not set(folded[0]).isdisjoint(folded[1]):
        if any(len(set(names)) < len(names) for names in folded):
            return _Keys(*stems)
        words = "names without regard to upper and lower case"
        return _Keys(folded[0], folded[1], words, f"no name is the same in both sets, so pairs are made by {words}")
    if min(map(len, stems)) < 2:
        return _Keys(*stems)
    ends = [_shared(names) for names in stems]
    off = tuple(_unlike(ends[0][0], ends[1][0], at_end=True)), tuple(_unlike(ends[0][1], ends[1][1], at_end=False))
    told, keys = [], []
    for which, names, before, after in zip(("fakes", "originals"), stems, *off, strict=True):
        keys.append([name[len(before) : len(name) - len(after)] for name in names])
        told += [f"{before!r} at the start ({which})"] * bool(before)
        told += [f"{after!r} at the end ({which})"] * bool(after)
        if any(_cuts_a_number(before, key, after) for key in keys[-1]):
            return _Keys(*stems)
    if set(keys[0]).isdisjoint(keys[1]):
        return _Keys(*stems)
    words = f"names without {' and '.join(told)}"
    return _Keys(keys[0], keys[1], words, f"no name is the same in both sets, so pairs are made by {words}")


def _shared(names: Sequence[str]) -> tuple[str, str]:
    """What all names begin with, and what the rest of all of them ends with."""
    before = _beginning(names)
    return before, _beginning([name[len(before) :][::-1] for name in names])[::-1]


def _beginning(names: Sequence[str]) -> str:
    """What all names begin with."""
    first, last = min(names), max(names)  # in the order of letters no name between them parts from both earlier
    alike = next((place for place, letter in enumerate(first) if last[place : place + 1] != letter), len(first))
    return first[:alike]


def _unlike(one: str, other: str, *, at_end: bool) -> tuple[str, str]:
    """Both texts without what both have at their end, or at their beginning: that belongs to the names of pictures."""
    alike = len(_beginning([one[::-1], other[::-1]] if at_end else [one, other]))
    if at_end:
        return one[: len(one) - alike], other[: len(other) - alike]
    return one[alike:], other[alike:]


def _cuts_a_number(before: str, key: str, after: str) -> bool:
    """Whether nothing is left, or a cut goes through a number: "08" and "09" off 0801 and 0901 pair other pictures."""
    cuts = [(before[-1:], key[:1]), (key[-1:], after[:1])]
    return not key or any(left.isdigit() and right.isdigit() for left, right in cuts)


def _by_rule(fake: ImageSource, real: ImageSource, stems: Stems, rule: str) -> _Keys:
    """Keys by `--pair-by`."""
    if rule == BY_ORDER:
        if len(stems[0]) != len(stems[1]):
            raise DataError(
                f"--pair-by 'order' pairs images by their places in the order of names, and {fake.name} has "
                f"{len(stems[0]):,} images where {real.name} has {len(stems[1]):,}. Add what is missing, or pair by "
                "name."
            )
        numbers = [str(place) for place in range(len(stems[0]))]
        return _Keys(numbers, numbers, "the order of names")
    if not PairRule.is_regular(rule):
        return _by_suffix(fake, real, stems, rule)
    found = [_groups(rule, names) for names in stems]
    counts = [sum(key is not None for key in keys) for keys in found]
    keys: list[Sequence[str]] = []
    for names, groups, count in zip(stems, found, counts, strict=True):
        matched = [key for key in groups if key is not None]
        if count not in (0, len(names)) or not any(counts):
            raise UsageError(
                f"--pair-by {rule!r} matches {counts[0]:,} of the {len(stems[0]):,} names of {fake.name} and "
                f"{counts[1]:,} of the {len(stems[1]):,} of {real.name}; the first names are {_first(stems[0])} and "
                f"{_first(stems[1])}. It has to match all names of a set, of one set at least."
            )
        keys.append(matched or names)
    for source, names, own in zip((fake, real), stems, keys, strict=True):
        if len(set(own)) < len(own):
            twice, count = Counter(own).most_common(1)[0]
            same = [name for name, key in zip(names, own, strict=True) if key == twice]
            raise UsageError(
                f"--pair-by {rule!r} gives {count:,} names of {source.name} the same {twice!r} ({_first(same)}). Take "
                "more of the name into the group."
            )
    return _Keys(keys[0], keys[1], f"--pair-by {rule!r}")


def _by_suffix(fake: ImageSource, real: ImageSource, stems: Stems, suffix: str) -> _Keys:
    counts = [sum(name.endswith(suffix) for name in names) for names in stems]
    if not any(count == len(names) for count, names in zip(counts, stems, strict=True)):
        raise UsageError(
            f"--pair-by {suffix!r}: {counts[0]:,} of the {len(stems[0]):,} names of {fake.name} end so, and "
            f"{counts[1]:,} of the {len(stems[1]):,} of {real.name}; the first are {_first(stems[0])} and "
            f"{_first(stems[1])}. Give an ending that all names of one set have, without the extension."
        )
    keys = [
        [name.removesuffix(suffix) for name in names] if count == len(names) else names
        for count, names in zip(counts, stems, strict=True)
    ]
    return _Keys(keys[0], keys[1], f"names without {suffix!r} at their end (--pair-by)")


# In a process of its own, since nothing else ends a search that backtracks.
_SEARCH: Final = """
import json, re, sys
rule, names = json.load(sys.stdin)
search = re.compile(rule).search
json.dump([found[1] if (found := search(name)) else None for name in names], sys.stdout)
"""


def _groups(rule: str, names: Sequence[str]) -> list[str | None]:
    """The group of the regular expression in each name, None where it does not match."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-W", "ignore", "-c", _SEARCH],
            input=json.dumps([rule, list(names)]),
            capture_output=True,
            encoding="ascii",
            timeout=REGEX_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(
            f"--pair-by {rule!r} had not matched {len(names):,} names after {REGEX_SECONDS} s: it backtracks, as "
            r"'(a+)+$' does. Write it without a repetition inside a repetition, such as '(\d+)'."
        ) from error
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["no reason given"]
        raise UsageError(f"--pair-by {rule!r} cannot be matched: {lines[-1][:200]}. Write a simpler one.") from error
    found: list[str | None] = json.loads(done.stdout)
    return found


def _first(names: Sequence[str] | Mapping[str, int]) -> str:
    """The first three names, for a message."""
    shown = list(names)[:3]
    return ", ".join(map(repr, shown)) + (", …" if len(names) > 3 else "")
