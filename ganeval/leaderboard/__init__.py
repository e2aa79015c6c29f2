"""Leaderboards: result rows in, pandas tables with seeds, ties and anchors out. Names load when first used."""

from typing import TYPE_CHECKING, Any

from ganeval.former import present_name

if TYPE_CHECKING:
    from ganeval.leaderboard.boards import Board, load_boards
    from ganeval.leaderboard.ranking import RankedBoard, ranked
    from ganeval.leaderboard.rows import load, load_timings
    from ganeval.leaderboard.timings import TimingRow, append_timings

__all__ = [
    "Board",
    "RankedBoard",
    "TimingRow",
    "append_timings",
    "load",
    "load_boards",
    "load_timings",
    "ranked",
]

_HOMES = {
    "Board": "boards",
    "RankedBoard": "ranking",
    "TimingRow": "timings",
    "append_timings": "timings",
    "load": "rows",
    "load_boards": "boards",
    "load_timings": "rows",
    "ranked": "ranking",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for: pandas is slower to load than a board is to print."""
    import importlib

    name = present_name(__name__, name)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """What can be asked for, for completion in a shell or a notebook."""
    return sorted({*globals(), *__all__})
