"""Rows from features: each tool's number, and the terms of its difference from ganeval's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ganeval.explain.features import OTHER_WEIGHTS, Side, part_of
from ganeval.explain.frechet_parts import Parts, parts_of
from ganeval.explain.pipelines import TERMS, Term, Tool
from ganeval.explain.refusals import mixed_sizes, refusal
from ganeval.summaries.base import SetSummary

OWN = "ganeval"
OTHER = "ganeval, other weights"


@dataclass(frozen=True)
class Row:
    """The result of one tool.

    Attributes:
        tool: Name of the tool.
        value: Its number; None if it would stop with an error.
        terms: Cause -> its part of the difference from ganeval's number, in the order of `TERMS`; steps that the tool
            lacks are left out. They sum to value - start.
        n_real: Number of reference images that it reads; None if unknown.
        n_fake: Number of scored images that it reads.
        refusal: Why it would stop with an error.
        alone: Its number if images are given one by one, if that avoids the error.
        steps: Its pipeline in one line.
    """

    tool: str
    value: float | None
    terms: Mapping[Term, float] = field(default_factory=dict)
    n_real: int | None = None
    n_fake: int | None = None
    refusal: str = ""
    alone: float | None = None
    steps: str = ""


Files = tuple[tuple[int, ...] | None, tuple[int, ...] | None]
"""Positions that a tool reads, reference first; None for all."""


class Stations:
    """Distances by preparation, reading and file selection, each computed once.

    Args:
        real: The reference images, or their statistics.
        fake: The scored images.
    """

    def __init__(self, real: Side | SetSummary, fake: Side) -> None:
        self.real = real
        self.fake = fake
        self._known: dict[tuple[str, str, Files], Parts] = {}

    def parts(self, path: str, reading: Literal["own", "pillow"], files: Files = (None, None)) -> Parts:
        """The distance for one preparation, reading and selection.

        Args:
            path: Name of the preparation.
            reading: Rules for files.
            files: Positions of the images.
        """
        real = self.real
        same = not isinstance(real, Side) or real.own is real.pillow
        if reading == "pillow" and files == (None, None) and same and self.fake.own is self.fake.pillow:
            reading = "own"
        key = (path, reading, files)
        if key not in self._known:
            fakes = _summary(self.fake, path, reading, files[1])
            if isinstance(real, Side):
                self._known[key] = parts_of(_summary(real, path, reading, files[0]), fakes)
            else:
                self._known[key] = parts_of(real, fakes, fixed=True)
        return self._known[key]


def _summary(side: Side, path: str, reading: Literal["own", "pillow"], positions: Sequence[int] | None) -> SetSummary:
    whole = (side.own if reading == "own" else side.pillow).sets[path]
    return whole if positions is None else part_of(whole, positions)


def own_row(stations: Stations) -> Row:
    """The number of ganeval itself, the start of every waterfall."""
    parts = stations.parts("inception", "own")
    steps = "ganeval's rules for files, TF1 bilinear, (x-128)/128, float64 mean, n - 1"
    return Row(OWN, parts.value(), {}, parts.n_real, parts.n_fake, steps=steps)


def other_weights_row(stations: Stations) -> Row:
    """The number of ganeval itself with the second weights file."""
    parts, start = stations.parts(OTHER_WEIGHTS, "own"), stations.parts("inception", "own").value()
    steps = "as ganeval, with the file of --other-weights"
    return Row(OTHER, parts.value(), {"weights": parts.value() - start}, parts.n_real, parts.n_fake, steps=steps)


def tool_row(tool: Tool, stations: Stations, *, terms: bool) -> Row:
    """The number of one tool, and the terms of its difference from ganeval's.

    Args:
        tool: The tool.
        stations: The distances, with `tool.path` and, with `terms`, all of `tool.way` among the preparations.
        terms: False to skip the intermediate steps: the whole difference then counts as "resize".
    """
    sides = [stations.real if isinstance(stations.real, Side) else None, stations.fake]
    chosen = [None if side is None else side.chosen(tool.reading) for side in sides]
    why, curable = "", True
    for side, found in zip(sides, chosen, strict=True):
        if side is not None and found is not None and not why:
            why = refusal(tool, side, found)
            curable = tool.reading.stack is not None and why == mixed_sizes(tool.reading, side, found)
    counts = [None if found is None else len(found) for found in chosen]
    if why and not curable:
        return Row(tool.name, None, {}, counts[0], counts[1], why, steps=tool.steps)
    files = _files(sides, chosen)
    value, steps = _walk(tool, stations, files, terms=terms)
    if why:
        return Row(tool.name, None, {}, counts[0], counts[1], why, value, tool.steps)
    return Row(tool.name, value, steps, counts[0], counts[1], steps=tool.steps)


def _files(sides: Sequence[Side | None], chosen: Sequence[tuple[int, ...] | None]) -> Files:
    """Positions of the images that a tool reads; None for all."""
    real, fake = (
        None if side is None or found is None or len(found) == len(side.names) else found
        for side, found in zip(sides, chosen, strict=True)
    )
    return real, fake


def _walk(tool: Tool, stations: Stations, files: Files, *, terms: bool) -> tuple[float, dict[Term, float]]:
    """The tool's number and its terms, step by step from ganeval's number."""
    at = stations.parts("inception", "own")
    value = at.value()
    taken: dict[Term, float] = {}

    def step(term: Term, parts: Parts, new: float) -> None:
        nonlocal at, value
        taken[term] = taken.get(term, 0.0) + new - value
        at, value = parts, new

    if (pillow := stations.parts("inception", "pillow")) is not at:
        step("decode", pillow, pillow.value())
    if files != (None, None):
        some = stations.parts("inception", "pillow", files)
        step("n", some, some.value())
    way: Sequence[tuple[Term, str]] = tool.way if terms else tool.way and (("resize", tool.path),)
    for term, path in way:
        there = stations.parts(path, "pillow", files)
        step(term, there, there.value())
    if tool.mean == "float32":
        step("dtype", at, at.value("float32"))
    if tool.ddof == 0:
        step("ddof", at, at.value(tool.mean, 0))
    return value, {term: taken[term] for term in TERMS if term in taken}
