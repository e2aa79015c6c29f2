"""Boards on the page: seeds pooled, ranks with ties, anchors, costs, and rows under another protocol set apart."""

import pytest

from ganeval.leaderboard.gathering import gather
from ganeval.leaderboard.timings import TimingRow, append_timings
from ganeval.progress import Silent
from ganeval.report import ReportOptions, write_report
from ganeval.report.boards import board_views
from ganeval.report.numbers import duration, magnitude, spread, to_spread
from ganeval.report.svg import GLYPH_PAD, GLYPH_WIDTH, glyph
from ganeval.results.protocol import Protocol
from tests.report_inputs import Reader, checkpoint_row, write_rows

BOARD = """
[digits]
title = "Handwritten <digits>"
data = "digits:test"
sort = "fd@efflite0"
metrics = ["fd@efflite0", "precision@efflite0"]
[digits.anchors]
"digits:train" = "real images"
"""


@pytest.fixture
def results(tmp_path):
    """A folder of rows: two recipes of three seeds each, an untrained one, real images, one row of another protocol."""
    folder = tmp_path / "leaderboards" / "results"
    folder.mkdir(parents=True)
    (tmp_path / "leaderboards" / "boards.toml").write_text(BOARD)
    rows = [checkpoint_row(v, recipe="good.digits", seed=s) for s, v in enumerate((10.0, 11.0, 12.0))]
    rows += [checkpoint_row(v, recipe="poor.digits", seed=s) for s, v in enumerate((50.0, 60.0, 70.0))]
    rows += [checkpoint_row(400.0, recipe="good.digits", checkpoint="untrained", step=0)]
    rows += [checkpoint_row(0.9, "precision@efflite0", recipe="good.digits", better="higher", ci95=None)]
    rows += [checkpoint_row(4.0, subject="digits:train", provenance={"device": "cpu"})]
    other = Protocol("fd", 1, backbone="efflite0", n_real=100, n_fake=50)
    rows += [checkpoint_row(33.0, recipe="good.digits", seed=9, protocol=other, n_fake=50)]
    write_rows(folder / "digits.jsonl", rows)
    return folder


def timing(name, stage, value, unit):
    return TimingRow(name, stage, value, unit, 3, 1, "cpu", {}, "Linux", "run1", "2026-03-01T00:00:00+00:00", "bench")


def test_seeds_are_pooled_and_the_intervals_drawn(results):
    (board,) = board_views(gather(results).boards)

    assert [(entry.rank, entry.name, len(entry.seeds)) for entry in board.entries[:2]] == [
        ("1", "good.digits", 3),
        ("2", "poor.digits", 3),
    ]
    assert board.entries[0].cells["fd@efflite0"].mean == 11.0
    assert board.entries[0].cells["fd@efflite0"].sd == 1.0
    assert board.axis is not None


def test_anchors_do_not_stretch_the_scale_but_point_beyond_it(results):
    (board,) = board_views(gather(results).boards)
    (untrained,) = [entry for entry in board.entries if entry.checkpoint == "untrained"]

    from ganeval.report.boards import dot_of

    drawn = str(glyph(dot_of(untrained, board.sort), board.axis, False))

    assert board.axis.high < 150
    assert f"M{GLYPH_WIDTH - 1}," in drawn
    assert board.axis.at(board.axis.low) == GLYPH_PAD


def test_rows_of_another_protocol_stand_apart_with_the_difference(results):
    (board,) = board_views(gather(results).boards)

    assert board.apart == [("good.digits last", "fd@efflite0", 33.0, "n_fake 50 instead of 100")]


def test_costs_are_columns_and_pictures_once_they_are_known(results):
    names = ("good.digits", "poor.digits")
    rows = [timing(name, "sampling, batch 64", 100.0 + 50 * i, "images/s") for i, name in enumerate(names)]
    append_timings(results / "timings.jsonl", rows)

    (board,) = board_views(gather(results).boards)

    assert [cost.head for cost in board.costs] == ["params", "images/s"]
    (chart,) = [chart for chart in board.scatters if chart.x_label == "images sampled a second, batch 64"]
    assert [(point.x, point.front) for point in chart.points] == [(100.0, True), (150.0, True)]


def test_the_page_shows_boards_and_timings(results, tmp_path):
    append_timings(results / "timings.jsonl", [timing("good.digits", "sampling, batch 64", 100.0, "images/s")])
    out = tmp_path / "report.html"

    write_report(ReportOptions(out, results=results), Silent())

    read = Reader(out.read_text(encoding="utf-8"))
    words = " ".join("".join(read.words).split())
    assert "Handwritten <digits>" in words
    assert "good.digits last" in words
    assert "11.0 ± 1.0" in words
    assert "real images" in words
    assert "n_fake 50 instead of 100" in words
    sections = [attributes.get("id") for tag, attributes in read.tags if tag == "section"]
    assert sections[:2] == ["boards", "timings"]


def test_a_spread_sets_the_digits():
    assert [to_spread(124.5831, sd) for sd in (None, 1.34, 0.0123, 250.0)] == ["124.58", "124.6", "124.583", "125"]
    assert [spread(sd) for sd in (None, 1.34, 0.0123, 250.0)] == ["", "1.3", "0.012", "250"]


def test_costs_are_said_in_short():
    assert [duration(s) for s in (45, 720, 12_600)] == ["45 s", "12 min", "3.5 h"]
    assert [magnitude(n) for n in (950, 12_345, 4_560_000)] == ["950", "12.3k", "4.56M"]
