"""Tables of scores: whatever the terminal's width, no figure and no note is cut off."""

import dataclasses
import io

import pytest
from rich.console import Console

from ganeval.cli.tables import print_results
from tests.rows import BASE, result


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


def printed(*rows):
    out = io.StringIO()
    print_results(rows, Console(file=out, width=200, highlight=False))
    return out.getvalue().splitlines()


@pytest.mark.parametrize(("better", "worst"), [("lower", "c 7, d 5, b 3"), ("higher", "a 1, b 3, d 5")])
def test_classes_become_a_note_of_their_mean_with_the_worst_three_first(better, worst):
    rows = [result(4.0, key="fd_per_class@efflite0", better=better)]
    rows += [
        result(value, key=f"fd_per_class:{name}@efflite0", better=better)
        for name, value in {"a": 1.0, "b": 3.0, "c": 7.0, "d": 5.0}.items()
    ]
    lines = printed(*rows)

    assert [line.split()[0] for line in lines] == ["metric", "fd_per_class@efflite0", "599", "[1]"]
    assert lines[-1] == f"[1] worst: {worst}"
    assert printed(dataclasses.replace(rows[0], note="of 4 classes"), *rows[1:])[-1] == (
        f"[1] of 4 classes; worst: {worst}"
    )


def test_few_images_put_the_metrics_with_little_bias_first_and_many_leave_the_order():
    many = dataclasses.replace(BASE, n_fake=5000)
    for protocol, first in ((BASE, "kd@efflite0"), (many, "fd@efflite0")):
        rows = [result(1.0, protocol=protocol), result(2.0, key="kd@efflite0", protocol=protocol)]
        assert printed(*rows)[1].split()[0] == first


def test_skipped_metrics_are_listed_by_reason_with_or_without_a_table():
    skipped = [result(None, key=key, status="skipped", note="no weights") for key in ("fid", "kid")]
    skipped += [result(None, key="lpips", status="failed", note="[red]too few[/red]")]

    assert printed(*skipped) == ["skipped fid, kid: no weights", "skipped lpips: [red]too few[/red]"]
    assert printed(result(1.0), *skipped)[-2:] == printed(*skipped)
