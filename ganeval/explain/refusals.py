"""Errors of tools: images that they don't find, cannot read, or cannot batch."""

from collections.abc import Sequence

from ganeval.explain.features import Side
from ganeval.explain.pipelines import Reading, Tool

SHOWN = 3  # sizes listed in a message


def refusal(tool: Tool, side: Side, chosen: Sequence[int]) -> str:
    """Why a tool would stop with an error on these images; "" if it would not.

    Args:
        tool: The tool.
        side: The images.
        chosen: Positions of the images that the tool finds.
    """
    skipped = side.pillow.skipped or side.own.skipped
    if skipped and tool.reading.extensions is not None:
        return f"{len(skipped)} files of {side.own.name} cannot be decoded (first: {skipped[0].partition(':')[0]})"
    if len(chosen) < 2:
        endings = " ".join(sorted(tool.reading.extensions or ()))
        deep = "" if tool.reading.nested else ", and looks in no folder inside it"
        return f"it finds {len(chosen)} of {len(side.names)} images in {side.own.name}: it looks for {endings}{deep}"
    return mixed_sizes(tool.reading, side, chosen)


def mixed_sizes(reading: Reading, side: Side, chosen: Sequence[int]) -> str:
    """Why these images cannot be batched; "" if they can."""
    if reading.stack == 1:
        return ""
    sizes = [(side.pillow.facts[i].height, side.pillow.facts[i].width) for i in chosen]
    step = len(sizes) if reading.stack is None else reading.stack
    if all(len(set(sizes[start : start + step])) == 1 for start in range(0, len(sizes), step)):
        return ""
    several = list(dict.fromkeys(sizes))
    shown = ", ".join(f"{h}x{w}" for h, w in several[:SHOWN]) + (", ..." if len(several) > SHOWN else "")
    what = "one array" if reading.stack is None else f"a batch of {reading.stack}"
    return f"{len(several)} sizes in {side.own.name} ({shown}), and {what} has one"
