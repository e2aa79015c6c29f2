"""Progress on stderr: a bar with rate and time left on a terminal, nothing otherwise."""

import contextlib
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ganeval.cli.consoles import open_console
from ganeval.escaping import printable


class RichReporter:
    """Draws stages as bars on stderr when that is a terminal; always prints messages there."""

    def __init__(self) -> None:
        self.console = open_console(stderr=True)
        self._describe: Callable[[str], None] | None = None  # of the bar that is there now

    @contextlib.contextmanager
    def stage(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar of `total` steps that disappears when done; none where there is nothing to do."""
        if not self.console.is_terminal or total == 0:
            yield lambda _: None
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(title, total=total)

            def describe(text: str) -> None:
                progress.update(task, description=text)

            self._describe = describe
            try:
                yield lambda steps: progress.advance(task, steps)
            finally:
                self._describe = None

    @contextlib.contextmanager
    def doing(self, words: str, otherwise: str) -> Iterator[None]:
        """Says on the bar what goes on, and then again what went on before."""
        describe = self._describe
        if describe is None:
            yield
            return
        describe(words)
        yield
        describe(otherwise)

    def message(self, text: str) -> None:
        """One line; text of the user's is never read as markup."""
        self.console.print(printable(text), markup=False, style="yellow", soft_wrap=True)
