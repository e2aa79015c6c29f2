"""Sheets of boards in a terminal; columns that have no room are left out on the right, and named."""

import os
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ganeval.escaping import printable
from ganeval.leaderboard.showing import Sheet

WIDTH = 100  # of what is not a terminal
GAP = 2  # between columns


def print_sheets(sheets: Sequence[Sheet], console: Console) -> None:
    """Title, table and notes of each."""
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH
    for place, sheet in enumerate(sheets):
        if place:
            console.print()
        shown = _fitting(sheet, console.width)
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for column in range(shown):
            left = column in sheet.left
            head = Text(printable(sheet.head[column]))
            table.add_column(head, justify="left" if left else "right", no_wrap=not left, overflow="fold")
        for line in sheet.lines:
            # Only what is ranked stands out.
            table.add_row(*(Text(printable(cell)) for cell in line[:shown]), style=None if line[0] else "dim")
        console.print(Text(printable(sheet.title), style="bold"), soft_wrap=True)
        console.print(table)
        left_out = ", ".join(sheet.head[shown:])
        for note in (*sheet.notes, *([f"no room for {left_out}: widen, or --format md"] if left_out else ())):
            console.print(Text(printable(note), style="dim"), soft_wrap=True)


def _fitting(sheet: Sheet, width: int) -> int:
    """How many columns fit; those of `fixed` are always shown."""
    taken = -GAP
    for column, head in enumerate(sheet.head):
        taken += GAP + max(len(printable(text)) for text in (head, *(line[column] for line in sheet.lines)))
        if taken > width and column >= sheet.fixed:
            return column
    return len(sheet.head)
