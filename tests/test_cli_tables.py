"""Tables of scores: whatever the terminal's width, no figure and no note is cut off."""

import io

import pytest
from rich.console import Console

from ganeval.cli.tables import print_results
from tests.rows import result


@pytest.mark.parametrize("width", [20, 80, 200])
def test_a_table_is_whole_in_a_terminal_of_any_width(width):
    rows = [
        result(3.8431, debiased=0.067312, ci95=(2.13, 4.56), floor=6.287, floor_n=200, note="too few"),
        result(0.8575, key="a_metric_with_a_long_name@efflite0", better="higher", note="too close"),
    ]
    out = io.StringIO()
    print_results(rows, Console(file=out, width=width, highlight=False))
    head, first, second, *below = out.getvalue().splitlines()

    assert "…" not in out.getvalue()
    assert head.split() == ["metric", "value", "debiased", "95%", "interval", "floor"]
    assert first.split() == ["fd@efflite0", "↓", "3.8431", "0.067312", "[2.13,", "4.56]", "6.287", "(0.61x)", "[1]"]
    assert second.split() == ["a_metric_with_a_long_name@efflite0", "↑", "0.8575", "[2]"]
    assert {"[1] too few", "[2] too close"} <= set(below)
