"""Sets that hold several versions of the same pictures: real_A, fake_B and rec_A of one results folder, HR beside LR.

Scored as one set they give a number of a mixture. They are told by the ends or beginnings of their names, or by their
folders: by words that name a role ("fake", "hr", "mask"), or because every picture is there under each of the endings.
Numbered versions ("0001_0", "0001_1") are several samples of one input and no mixture; so are class names in front.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

ROLES: Final = frozenset(
    {
        *("real", "fake", "rec", "recon", "reconstructed", "reconstruction", "idt", "generated", "gen", "synthesized"),
        *("input", "inputs", "output", "outputs", "target", "targets", "source", "src", "original", "orig", "gt"),
        *("groundtruth", "truth", "pred", "prediction", "predicted", "reference", "ref", "mask", "masks", "label"),
        *("labels", "seg", "segmentation", "hr", "lr", "sr", "hq", "lq", "bicubic", "bilinear", "lanczos", "nearest"),
        *("x2", "x3", "x4", "x8", "blur", "blurred", "sharp", "noisy", "denoised", "degraded", "restored", "masked"),
        *("inpainted", "warped", "grid", "sample", "samples", "image", "images", "img", "condition", "cond", "depth"),
        *("traina", "trainb", "testa", "testb", "vala", "valb"),
    }
)
"""Words that say which version of a picture a file is; compared in lower case."""

MOST: Final = 16  # groups; more of them are names of pictures
ALIGNED: Final = 4  # pictures that must be there under every ending, where no word names a role
SAMPLED: Final = 512  # names that are looked at first
_SEPARATORS: Final = "_-. "


@dataclass(frozen=True)
class Mixture:
    """The groups of a set that holds several versions of its pictures.

    Attributes:
        groups: Glob that picks a group (or words, where none does) -> number of its images.
        where: What tells them apart: "the end of their names", "the beginning of their names", "their folders".
    """

    groups: dict[str, int]
    where: str

    def words(self) -> str:
        """The groups with their counts, and how to pick one."""
        told = ", ".join(f"{glob} ({count:,})" for glob, count in self.groups.items())
        return f"{len(self.groups)} groups of images that differ in {self.where}: {told}"

    @property
    def example(self) -> str:
        """A glob for a message: of generated images where a name says so."""
        globs = [glob for glob in self.groups if "*" in glob] or ["GLOB"]
        return next((glob for glob in globs if _tokens(glob) & _MADE), globs[0])


def find_mixture(names: Sequence[str]) -> Mixture | None:
    """The groups of a set, None where it holds one version of each picture, as far as names tell.

    Args:
        names: All of them, sorted, "/" between folders.
    """
    if len(names) < 2:
        return None
    # Groups are large: what does not show in some names is not there, and a set may have a million of them.
    some = names if len(names) <= SAMPLED else sorted(random.Random(0).sample(names, SAMPLED))
    if _by_folder(some) is not None and (found := _by_folder(names)) is not None:
        return found
    for end in _ENDS:
        if _by_word(some, end, whole=False) is not None and (found := _by_word(names, end)) is not None:
            return found
    return _by_alignment(names, some)


def _tokens(tag: str) -> set[str]:
    """The words of a part of a name, and without the letter of a domain behind them: "fakeB" is also "fake"."""
    words = {word for word in re.split(r"[^A-Za-z0-9]+", tag.lower()) if word}
    return words | {word[:-1] for word in words if word[-1] in "ab"}


def _is_role(tag: str) -> bool:
    return bool(_tokens(tag) & ROLES)


_MADE: Final = frozenset({"fake", "generated", "gen", "output", "outputs", "sr", "pred", "predicted", "synthesized"})


def _by_folder(names: Sequence[str]) -> Mixture | None:
    """Folders of one level whose names are roles: real_A/, fake_B/."""
    folders = [name.rpartition("/")[0].split("/") for name in names]
    shared = 0
    while all(len(parts) > shared and parts[shared] == folders[0][shared] for parts in folders):
        shared += 1
    if any(len(parts) <= shared or not parts[shared] for parts in folders):
        return None
    counts = Counter(parts[shared] for parts in folders)
    if not 2 <= len(counts) <= MOST or sum(map(_is_role, counts)) < 2:
        return None
    above = "/".join(folders[0][:shared])
    prefix = f"{above}/" if above else ""
    return Mixture({f"{prefix}{name}/*": count for name, count in sorted(counts.items())}, "their folders")


_ENDS: Final = {
    # what follows the last number of a stem; of "0801x4" it is the factor
    "end": re.compile(r"((?<=\d)x\d|\D*)$"),
    "beginning": re.compile(r"^(\D*)"),
}


def _stem(name: str) -> str:
    """The name of the file without folders and ending."""
    base = name.rpartition("/")[2]
    return base.rpartition(".")[0] or base


def _by_word(names: Sequence[str], end: str, *, whole: bool = True) -> Mixture | None:
    """Names that end, or begin, with two roles at least and a number on the other side of them.

    Args:
        names: All of a set, or some.
        end: "end" or "beginning".
        whole: False for some, which lack the other versions of their pictures.
    """
    tags: Counter[str] = Counter()
    endings: dict[str, set[str]] = {}
    bare = 0  # names that are nothing but the words
    for name in names:
        stem = _stem(name)
        found = _ENDS[end].search(stem)
        tag = found[0] if found else ""
        bare += tag == stem
        if end == "beginning" and (first := re.split(r"[_\-. ]", tag)[0]).lower() in ROLES:
            tag = tag[: len(first) + 1]
        tags[tag] += 1
        endings.setdefault(tag, set()).add(name[name.rfind(".") :] if "." in name.rpartition("/")[2] else "")
        if len(tags) > MOST:
            return None
    roles = [tag for tag in tags if _is_role(tag)]
    plain_beside = bool(roles) and set(tags) - set(roles) == {""}
    plain_beside = plain_beside and (not whole or _share_stems(names, roles))
    if len(tags) < 2 or bare or not (len(roles) >= 2 or plain_beside):
        return None
    return _mixture(tags, endings, end)


def _share_stems(names: Sequence[str], roles: Sequence[str]) -> bool:
    """Whether most pictures are there under their plain name and with a role behind it."""
    stems = {name.rpartition(".")[0] or name for name in names}
    plain = {stem for stem in stems if not stem.endswith(tuple(roles))}
    both = {stem for stem in plain if any(stem + role in stems for role in roles)}
    return 2 * len(both) > len(plain)


def _mixture(tags: Counter[str], endings: dict[str, set[str]], end: str) -> Mixture:
    groups = {}
    for tag, count in sorted(tags.items()):
        ending = next(iter(endings[tag])) if len(endings[tag]) == 1 else ".*"
        if not tag:
            # beside "0801x4" the plain names are those whose last digit isn't a factor
            last = "[!x][0-9]" if any(other[-1:].isdigit() for other in tags) else "[0-9]"
            glob = f"*{last}{ending}" if end == "end" else f"[0-9]*{ending}"
        else:
            glob = f"*{tag}{ending}" if end == "end" else f"{tag}*{ending}"
        groups[glob] = count
    return Mixture(groups, f"the {end} of their names")


def _by_alignment(names: Sequence[str], some: Sequence[str]) -> Mixture | None:
    """Names of which every one is there with the same few endings: 0001_ours and 0001_theirs, and so on.

    Args:
        names: Sorted, so that the versions of a picture follow each other.
        some: A few of them.
    """
    near = [_without_ending(name) for name in names[: 2 * MOST]]
    first = min(near)
    for cut in [i for i, letter in enumerate(first) if letter in _SEPARATORS and i > first.rfind("/") + 1]:
        tags = _tags_behind(near, first[:cut])
        if not 2 <= len(tags) <= MOST or len(names) % len(tags) or _is_series(tags):
            continue
        if all(_without_ending(name).endswith(tuple(tags)) for name in some):
            stems = [_without_ending(name) for name in names]
            pictures = _pictures(stems, tags)
            if pictures is not None and len(pictures) >= max(ALIGNED, len(tags)):
                endings: dict[str, set[str]] = {tag: set() for tag in tags}
                for name, stem in zip(names, stems, strict=True):
                    endings[_tag_of(stem, tags)].add(name[len(stem) :])
                return _mixture(Counter(dict.fromkeys(tags, len(pictures))), endings, "end")
    return None


def _without_ending(name: str) -> str:
    return name.rpartition(".")[0] or name


def _tags_behind(stems: Sequence[str], picture: str) -> list[str]:
    """The suffixes of one picture's name, longest first."""
    tags = {stem[len(picture) :] for stem in stems if stem.startswith(picture)}
    separate = [tag for tag in tags if not tag or tag[0] in _SEPARATORS]
    return sorted(separate, key=lambda tag: (-len(tag), tag)) if len(separate) == len(tags) else []


def _is_series(tags: Sequence[str]) -> bool:
    """Whether endings differ in numbers alone: several samples of one input."""
    return len({re.sub(r"\d+", "0", tag) for tag in tags}) == 1


def _tag_of(stem: str, tags: Sequence[str]) -> str:
    return next(tag for tag in tags if stem.endswith(tag))


def _pictures(stems: Sequence[str], tags: Sequence[str]) -> set[str] | None:
    """The pictures, if each is there once with every ending; None otherwise."""
    found: dict[str, set[str]] = {tag: set() for tag in tags}
    known: Callable[[str], bool] = lambda stem: any(stem.endswith(tag) for tag in tags)  # noqa: E731
    for stem in stems:
        if not known(stem):
            return None
        tag = _tag_of(stem, tags)
        found[tag].add(stem[: len(stem) - len(tag)])
    sets = list(found.values())
    return sets[0] if all(one == sets[0] for one in sets[1:]) and len(sets[0]) * len(tags) == len(stems) else None
