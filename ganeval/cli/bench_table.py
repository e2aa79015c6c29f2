"""The table that every `ganeval bench` prints."""

Table = tuple[list[str], list[list[str]], list[str]]
"""Head, lines, notes."""


def show_table(head: list[str], lines: list[list[str]], notes: list[str]) -> None:
    """A table that fits the terminal, and notes below."""
    from rich.table import Table as RichTable
    from rich.text import Text

    from ganeval.cli.consoles import open_console
    from ganeval.escaping import printable
    from ganeval.formatting import filled_columns

    console = open_console()
    table = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    narrow = console.width < 100
    shown = [place for place in filled_columns(head, lines) if not (narrow and head[place] in ("cpu s", "MiB"))]
    for place in shown:
        table.add_column(
            head[place], justify="left" if head[place] in ("tool", "stage", "bound by", "loop") else "right"
        )
    for line in lines:
        table.add_row(*(Text(line[place]) for place in shown))
    console.print(table)
    for note in notes:
        console.print(Text(printable(note), style="dim"), soft_wrap=True)
