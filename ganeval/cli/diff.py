"""`ganeval diff`: is B better than A, and by how much could one have told?"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganeval.cli.options import PLACE, GroupedCommand, check_writable, takes
from ganeval.options import ScoreOptions

if TYPE_CHECKING:
    from rich.console import Console

    from ganeval.scoring.compare import Comparison


@click.command("diff", cls=GroupedCommand, short_help="Is B better than A?")
@click.argument("a", type=PLACE)
@click.argument("b", type=PLACE)
@takes("diff")
@click.option("--json", "json_target", metavar="-|FILE", help="Rows as JSON, to stdout (-) or a file.")
def command(a: str, b: str, options: ScoreOptions, json_target: str | None) -> None:
    """Compare B with A. The verdict is B's: better, worse, no difference detected, cannot tell.

    Sets whose files have the same stems are compared image by image, and two checkpoints latent by latent, which
    detects smaller differences. Other sets are compared as a whole.

    \b
    ganeval diff ./old ./new --reference ./real
    ganeval diff ./old ./new --paired ./hr --metrics psnr,ssim --channel y --crop-border 4
    """
    check_writable(None if json_target in (None, "-") else Path(str(json_target)))

    from ganeval.cli.consoles import open_console
    from ganeval.cli.progress import RichReporter
    from ganeval.files.read_write import write_output
    from ganeval.results.result import SCHEMA
    from ganeval.scoring.compare import compare
    from ganeval.scoring.open_inputs import check_places

    check_places(options, a, b)
    comparisons = compare(options, b, RichReporter())
    text = json.dumps({"schema": SCHEMA, "rows": [c.to_dict() for c in comparisons]}, indent=2, allow_nan=False)
    if json_target == "-":
        click.echo(text)
        return
    if json_target is not None:
        write_output(Path(json_target), text + "\n")
    print_comparisons(comparisons, open_console())


def answer(comparisons: "Sequence[Comparison]") -> str:
    """Is B better than A? In one sentence."""
    b, a = comparisons[0].result.subject, comparisons[0].against
    keys: dict[str, list[str]] = {}
    for c in comparisons:
        keys.setdefault(c.difference.verdict, []).append(c.result.key)
    better, worse = (", ".join(keys.get(verdict, [])) for verdict in ("better", "worse"))
    rest = [
        f"{words}: {', '.join(keys[verdict])}"
        for verdict, words in (("no difference detected", "no difference detected"), ("cannot tell", "inconclusive"))
        if verdict in keys
    ]
    if better and worse:
        found = f"B ({b}) is better than A ({a}) by {better}, and worse by {worse}"
    elif better or worse:
        found = f"B ({b}) is {'better' if better else 'worse'} than A ({a}) by {better or worse}"
    elif "no difference detected" in keys:
        found, rest = f"No difference between A ({a}) and B ({b}) was detected", rest[1:]
    else:
        found, rest = f"Inconclusive: whether B ({b}) is better than A ({a})", []
    return "; ".join([found, *rest])


def print_comparisons(comparisons: "Sequence[Comparison]", console: "Console") -> None:
    """The answer; two lines a metric: values and verdict, then the difference with its interval; then methods."""
    from ganeval.cli.tables import ARROWS, format_value
    from ganeval.escaping import printable
    from ganeval.formatting import interval

    def show(text: str, style: str = "dim") -> None:
        console.print(printable(text), style=style, markup=False, soft_wrap=True)

    if comparisons:
        show(answer(comparisons), style="bold")
    width = max((len(c.result.key) for c in comparisons), default=0)
    for c in comparisons:
        d = c.difference
        a, b = ("-" if value is None else format_value(value) for value in (c.value_a, c.result.value))
        counts = "" if d.wins is None else f" ({d.wins} pairs better, {d.losses} worse)"
        show(f"{c.result.key:<{width}}  A {a}  B {b} {ARROWS[c.result.better]}  {d.verdict}{counts}", style="")
        parts = [f"B - A = {format_value(d.delta)}"]
        if d.ci95 is not None:
            parts.append(f"95% {interval(d.ci95)}")
        if d.p is not None:
            parts.append(f"p {d.p:.2g}")
        if d.mde is not None:
            parts.append(f"smallest detectable {format_value(d.mde)}")
        show(f"{'':<{width}}  {', '.join(parts)}")
        if d.verdict == "no difference detected" and d.n_needed is not None:
            unit = "images per set" if d.wins is None else "pairs"
            show(f"{'':<{width}}  a difference of this size would need about {d.n_needed} {unit}")
        if d.note:
            show(f"{'':<{width}}  {d.note}")
    for how in dict.fromkeys(c.difference.method for c in comparisons if c.difference.method):
        show(how)
