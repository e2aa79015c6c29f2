"""Features for all tools: each image is decoded once and goes through each distinct preparation, with one network.

Tools share readings, preparations and file selections if these are equal: a tool costs a network pass only if its
prepared images differ from those of other tools.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ganeval.backbones.inception_variants import described, variant_info
from ganeval.explain.pillow import DIFFERENT, PillowSource
from ganeval.explain.pipelines import Reading
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter
from ganeval.scoring.feature_pass import SourceSummary
from ganeval.scoring.loaded_networks import OpenedNetworks, Passes, open_passes
from ganeval.sources.base import ImageSource
from ganeval.summaries.bank import Block, FeatureBank, Rows
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments

OTHER_WEIGHTS: Final = "inception-other-weights"


def open_paths(
    names: Sequence[str],
    options: ScoreOptions,
    device: str,
    reporter: Reporter,
    stack: contextlib.ExitStack,
    other_weights: Path | None = None,
) -> Passes:
    """Opens the network once, behind each preparation.

    Args:
        names: Keys of `PREPARATIONS`, each once.
        options: Weights file, engine, cache, batch size.
        device: Name of the device where the network runs.
        reporter: Where progress goes.
        stack: Removes a temporary store when the run ends.
        other_weights: A second file in the same layout, for the path `OTHER_WEIGHTS`.

    Raises:
        WeightsError: weights that are missing or cannot be used.
    """
    opened = OpenedNetworks()
    first = opened.open("inception", device, options)
    backbones = {
        name: first
        if name == first.info.name
        else first.behind(variant_info(name, f"Inception behind {described(name)}"))
        for name in names
    }
    if other_weights is None:
        return open_passes(backbones, options, reporter, stack)
    other = opened.open("inception", device, dataclasses.replace(options, weights={"inception": other_weights}))
    passes = open_passes({**backbones, OTHER_WEIGHTS: other}, options, reporter, stack)
    # Its store goes by its own protocol, as in `score`; a pass keeps one summary per name.
    renamed = other.behind(dataclasses.replace(other.info, name=OTHER_WEIGHTS))
    return dataclasses.replace(passes, backbones={**backbones, OTHER_WEIGHTS: renamed})


@dataclass(frozen=True)
class Side:
    """The features of one set for all tools.

    Attributes:
        own: Read by ganeval's rules for files.
        pillow: Read by Pillow's conversion alone; the same object if both agree for all images.
        names: Path of each image that Pillow could read, "/" between folders, in order.
        folder: True for a folder, in which tools select files.
    """

    own: SourceSummary
    pillow: SourceSummary
    names: tuple[str, ...]
    folder: bool

    @property
    def passes(self) -> tuple[SourceSummary, ...]:
        """The summaries, without repetition."""
        return (self.own,) if self.own is self.pillow else (self.own, self.pillow)

    def chosen(self, reading: Reading) -> tuple[int, ...]:
        """Positions of the images that a tool finds."""
        return tuple(i for i, name in enumerate(self.names) if not self.folder or reading.takes(name))


def look(source: ImageSource, passes: Passes, *, folder: bool) -> Side:
    """Computes the features of one set by all paths and both readings of its files.

    Args:
        source: The images, opened without cached digests, so that the bytes of files are available.
        passes: Of `open_paths`.
        folder: True for a folder, in which tools select files.

    Raises:
        DataError: no image is left, or an image cannot be decoded and the options say to fail.
    """
    own = passes.run(source, source.name)
    place = {item.name: index for index, item in enumerate(source.items)}
    differ = [place[n] for n, facts in zip(own.names, own.facts, strict=True) if DIFFERENT & set(facts.notes)]
    if not differ:
        return Side(own, own, own.names, folder)
    lenient = dataclasses.replace(passes, options=dataclasses.replace(passes.options, on_bad="skip"))
    pillow = lenient.run(PillowSource(source, differ), f"{source.name} (as Pillow converts it)")
    return Side(own, pillow, pillow.names, folder)


def part_of(summary: SetSummary, positions: Sequence[int]) -> SetSummary:
    """The summary of some of the images."""
    bank = summary.bank
    if bank is None:
        raise ValueError("statistics without rows have no parts")
    wanted, blocks = np.asarray(sorted(positions), dtype=np.int64), []
    for block in bank.blocks:
        taken = np.isin(block.indices, wanted)
        if taken.any():
            new = np.searchsorted(wanted, block.indices[taken])
            blocks.append(Block(new, functools.partial(_some_rows, block, taken)))
    some = FeatureBank(bank.dim, tuple(blocks))
    moments = Moments.empty(bank.dim)
    for _, rows in some.chunks():
        moments = moments.merge(Moments.of(rows))
    return SetSummary(moments, some)


def _some_rows(block: Block, taken: np.ndarray) -> Rows:
    return np.asarray(block.load()[taken], dtype=np.float32)


def mean_in_float32(bank: FeatureBank) -> Rows:
    """(D,) the mean of a float32 array (n, D) as numpy computes it: row by row, in float32."""
    total = np.zeros(bank.dim, dtype=np.float32)
    for _, rows in bank.chunks():
        total = np.add.reduce(np.concatenate([total[None], rows]), axis=0)
    return np.asarray(total / np.float32(len(bank)), dtype=np.float32)
