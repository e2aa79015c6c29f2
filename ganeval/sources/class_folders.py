"""Do folders name classes, or do they only count? `cat/` and `dog/` do, and so may `0/` to `9/`; FFHQ's `01000/` don't.

Class folders of digits hold files of any number each; folders that count hold the next files of one sequence, or are
named by its steps. Where the two cannot be told apart, no class is taken and the user is told: half a labelling gives
per-class numbers of nothing.
"""

import math
import re
from collections.abc import Sequence
from typing import Final

STEP: Final = 10  # from this common divisor on, numbers are places in a sequence: 0, 1000, 2000
SPLITS: Final = frozenset(
    {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval", "holdout"}
)
COUNTERS: Final = frozenset(
    {
        *("part", "parts", "shard", "chunk", "batch", "block", "slice", "piece", "split", "subset", "set", "bucket"),
        *("dir", "folder", "page", "volume", "vol", "fold", "run", "seed", "rank", "gpu", "worker", "node", "proc"),
        *("process", "job", "task", "epoch", "step", "steps", "iter", "iteration", "round"),
    }
)
"""Words before a number that counts."""
CLASS_WORDS: Final = frozenset({"class", "cls", "label", "category", "id", "identity", "person", "subject"})
"""Words before a number that names a class."""

_NUMBERED: Final = re.compile(r"(\D*)(\d+)")
_RANGE: Final = re.compile(r"\D*(\d+)\s*(?:-|_|to)\s*(\d+)")
_DATE: Final = re.compile(r"(19|20)\d\d[-_.]?(0[1-9]|1[0-2])([-_.]?[0-3]\d)?.*")
_HEX: Final = re.compile(r"[0-9a-f]{1,4}", re.IGNORECASE)


def why_no_classes(files: dict[str, list[str]]) -> str:
    """Why folders name no classes, in words; "" where they may well do.

    Args:
        files: Folder -> names of its files, sorted.
    """
    folders = list(files)
    if all(folder.lower() in SPLITS for folder in folders):
        return "they are splits of a data set"
    if len(folders) > 1 and all(_DATE.fullmatch(folder) for folder in folders):
        return "they are dates"
    if _are_buckets(files):
        return "each file's name begins with its folder's"
    ranges = [_RANGE.fullmatch(folder) for folder in folders]
    if all(ranges) and _cover_ranges([(int(m[1]), int(m[2])) for m in ranges if m], files):
        return "they are ranges of file numbers"
    matches = [_NUMBERED.fullmatch(folder) for folder in folders]
    found = [(m[1], m[2]) for m in matches if m]
    words = {word.rstrip("_-. ").lower() for word, _ in found}
    if len(found) != len(folders) or len(words) != 1 or words & CLASS_WORDS:
        return ""
    if words & COUNTERS:
        return f"{next(iter(words))!r} and a number"
    return _why_numbers_count([digits for _, digits in found], list(files.values()))


def _why_numbers_count(digits: Sequence[str], files: Sequence[list[str]]) -> str:
    """The same of folders that are numbers, perhaps with one text before all of them."""
    if len(digits) < 2:
        return ""
    order = sorted(range(len(digits)), key=lambda i: int(digits[i]))
    numbers = [int(digits[i]) for i in order]
    counts = [len(files[i]) for i in order]
    step = math.gcd(*numbers)
    # Two ids such as n01440764 may share a divisor by chance; steps reach their folders' number in about as many steps.
    if step >= (STEP if len(numbers) > 2 else 10 * STEP) and numbers[-1] // step < 100 * len(numbers):
        return f"steps of {step:,}"
    if _continue(*[files[i] for i in order]):
        return "the numbers of their files continue from one to the next"
    alike = len(set(counts[:-1])) == 1 and counts[-1] <= counts[0] and counts[0] > 1
    width = min(map(len, digits))
    gapless = numbers[-1] - numbers[0] == len(numbers) - 1
    if alike and gapless and width >= 3 and numbers[-1] < 10 ** (width - 1):
        return f"{width} digits where {len(str(numbers[-1]))} would do, and {counts[0]:,} files in each"
    if alike and len(counts) > 2 and counts[-1] < 0.9 * counts[0] and not _restart(files):
        return f"{counts[0]:,} files in each but the last"
    return ""


def _file_number(name: str) -> int | None:
    """The last number of a file's name, without its ending."""
    found = re.findall(r"\d{1,18}", name.rpartition(".")[0] or name)
    return int(found[-1]) if found else None


def _continue(*folders: list[str]) -> bool:
    """Whether each folder's files are numbered behind those of the folder before."""
    last = -1
    for names in folders:
        numbers = [_file_number(name) for name in names]
        known = [number for number in numbers if number is not None]
        if len(known) != len(numbers) or min(known) <= last:
            return False
        last = max(known)
    return True


def _restart(folders: Sequence[list[str]]) -> bool:
    """Whether folders hold files of the same names."""
    first = set(folders[0])
    return any(not first.isdisjoint(names) for names in folders[1:])


def _are_buckets(files: dict[str, list[str]]) -> bool:
    """Folders named by the first digits of a hash, which their files' names go on with: 0a/0a5c71.png."""
    if len(files) < 2 or not all(map(_HEX.fullmatch, files)) or all(folder.isdecimal() for folder in files):
        return False
    return all(
        name.lower().startswith(folder.lower()) and _HEX.match(name, len(folder)) is not None
        for folder, names in files.items()
        for name in names
    )


def _cover_ranges(ranges: Sequence[tuple[int, int]], files: dict[str, list[str]]) -> bool:
    """Whether ranges are as long as their folders are full, or longer than classes (of ages, say) are."""
    widths = [last - first + 1 for first, last in ranges]
    full = [abs(width - len(names)) <= 1 for width, names in zip(widths, files.values(), strict=True)]
    return min(widths) > 0 and (sum(full) >= len(full) - 1 or min(widths) >= 100)
