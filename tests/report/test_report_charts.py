"""Axes, charts and pictures of the report: drawn where their numbers are, escaped, within the byte budget."""

import base64
import io
import re
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import BadImageError, DataError
from ganeval.progress import Silent
from ganeval.report.axes import axis_over, tick_label
from ganeval.report.charts import MAX_POINTS, Dot, DotChart, Histogram, LineChart, Point, Scatter, Series, thinned
from ganeval.report.numbers import number
from ganeval.report.pictures import HEADER, LEVELS, Album, read_picture
from ganeval.report.plots import draw, file_stem, write_plots
from ganeval.report.svg import glyph, glyph_axis, histogram, line_chart, scatter, shortened
from tests.report_inputs import (
    HOSTILE,
    Reader,
)


@pytest.mark.parametrize("values", [[0.0, 1.0], [3.2, 3.3], [-5.0, 120.0], [7.0], [0.0], [1e-9, 2e-9], [1e7, 9e7]])
def test_an_axis_holds_its_values_and_has_ticks_inside(values):
    axis = axis_over(values, 10, 110)

    assert all(10 <= axis.at(value) <= 110 for value in values)
    assert len(axis.ticks) >= 2
    assert all(10 <= axis.at(tick) <= 110 for tick in axis.ticks)


def test_a_logarithmic_axis_of_less_than_a_decade_has_several_ticks():
    for low, high in ((64.0, 144.0), (3.1, 4.2), (1.1e6, 1.6e6)):
        ticks = axis_over([low, high], 0, 300, log=True).ticks

        assert len(ticks) >= 2
        assert all(low / 1.25 <= tick <= high * 1.25 for tick in ticks)


def test_a_logarithmic_axis_sets_equal_ratios_at_equal_distances():
    axis = axis_over([1.0, 1000.0], 0, 300, log=True)

    steps = [b - a for a, b in pairwise(axis.at(v) for v in (1.0, 10.0, 100.0, 1000.0))]
    assert max(steps) - min(steps) <= 0.2
    assert {1.0, 10.0, 100.0, 1000.0} <= set(axis.ticks)


def test_counts_have_whole_ticks():
    assert all(tick == int(tick) for tick in axis_over([0, 2], 0, 100, zero=True, whole=True).ticks)


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "0"), (250.0, "250"), (1500.0, "1,500"), (20_000.0, "20k"), (-0.5, "\u22120.5")]
)
def test_ticks_are_short(value, words):
    assert tick_label(value) == words


def test_a_number_keeps_five_digits_and_none_is_empty():
    assert [number(v) for v in (None, float("nan"), 3.14159265, -2e-9)] == ["", "", "3.1416", "\u22122.000e\u221209"]


def test_a_long_line_is_thinned_by_means_and_keeps_its_mean():
    line = Series("loss", tuple(map(float, range(4800))), tuple(np.random.default_rng(0).normal(size=4800)))

    thin = thinned(line)

    assert len(thin.x) == MAX_POINTS
    assert np.mean(thin.y) == pytest.approx(np.mean(line.y))


def test_a_short_line_is_drawn_with_every_point_and_its_interval():
    chart = LineChart("t", "step", "fd", (Series("a", (0.0, 5.0), (1.0, 2.0), (0.5, None), (1.5, None)),))

    drawn = str(line_chart(chart))

    assert drawn.count("<circle") == 2
    assert drawn.count('class="bar s0"') == 1
    assert "a: 2.0000 at 5" in drawn


def test_an_interval_is_drawn_from_its_lower_to_its_upper_end():
    dots = [Dot("a", 5.0, 4.0, 6.0), Dot("b", 10.0, 0.0, 20.0)]
    axis = glyph_axis(dots, bars=False)

    x1, x2 = map(
        float, re.search(r'class="bar s0" x1="([\d.]+)" x2="([\d.]+)"', str(glyph(dots[0], axis, False))).groups()
    )

    assert [x1, x2] == pytest.approx([axis.at(4.0), axis.at(6.0)])
    assert x1 < axis.at(5.0) < x2


def test_bars_begin_at_zero():
    dots = [Dot("a", 5.0), Dot("b", 10.0)]
    axis = glyph_axis(dots, bars=True)

    widths = [float(re.search(r'width="([\d.]+)" height="10"', str(glyph(dot, axis, True))).group(1)) for dot in dots]

    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2)


def test_a_histogram_is_as_high_as_its_counts():
    drawn = str(histogram(Histogram("t", "psnr", (0.0, 1.0, 2.0), (4, 2))))

    heights = [float(h) for h in re.findall(r'class="fill s0"[^>]* height="([\d.]+)"', drawn)]

    assert heights[0] == pytest.approx(2 * heights[1], abs=0.2)


def test_only_the_front_of_a_scatter_plot_is_named():
    drawn = str(scatter(Scatter("t", "images/s", "fd", (Point("good", 10.0, 1.0, True), Point("bad", 5.0, 3.0)))))

    assert re.findall(r'class="name"[^>]*>([^<]*)<', drawn) == ["good"]
    assert "<title>bad: 3.0000 at 5.0000</title>" in drawn


@pytest.mark.parametrize("name", HOSTILE)
def test_labels_of_charts_stay_text(name):
    chart = LineChart(name, name, name, (Series(name, (0.0, 1.0), (0.0, 1.0)),))

    tags = {tag for tag, _ in Reader(str(line_chart(chart))).tags}

    assert tags <= {"svg", "line", "text", "polyline", "circle", "title"}


def test_a_shortened_name_keeps_both_ends():
    assert shortened("wgan-gp.fashion-mnist-cpu", 11) == "wgan-…t-cpu"


def test_small_pictures_are_stored_without_loss():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 20, 30), dtype=np.uint8)
    album = Album()
    picture = album.add(pixels, "noise")

    encoded = album.encode(1_000_000)[picture]

    stored = Image.open(io.BytesIO(base64.b64decode(encoded.uri.removeprefix(HEADER)))).convert("RGB")
    assert np.array_equal(np.asarray(stored).transpose(2, 0, 1), pixels)
    assert encoded.small


def test_pictures_shrink_until_they_fit_and_are_refused_beyond():
    album = Album()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 700, 900), dtype=np.uint8)
    picture = album.add(pixels, "noise")

    roomy, tight = album.encode(10_000_000)[picture], album.encode(20_000)[picture]

    assert roomy.width == LEVELS[0][0]
    assert tight.width < roomy.width
    assert len(tight.uri) <= 20_000
    with pytest.raises(DataError, match=r"1 pictures take .* at most 100 go into one page"):
        album.encode(100)


def test_a_file_that_is_no_picture_is_a_bad_image(tmp_path):
    (tmp_path / "a.png").write_text("no picture")

    with pytest.raises(BadImageError, match="not an image"):
        read_picture(tmp_path / "a.png")


def test_every_kind_of_chart_is_written_as_png_and_svg(tmp_path):
    charts = [
        LineChart("loss & <b>", "step", "$x^2$", (Series("a", (0.0, 1.0), (1.0, 2.0)),), band=(1.0, 1.5)),
        DotChart("fd", "fd", (Dot("a", 1.0, 0.5, 1.5), Dot("b", 2.0, anchor=True))),
        DotChart("classes", "fd", (Dot("0", 1.0),), bars=True),
        Histogram("psnr", "psnr", (0.0, 1.0, 2.0), (3, 4)),
        Scatter("cost", "images/s", "fd", (Point("a", 1.0, 2.0, True),)),
    ]

    files = write_plots(charts, tmp_path / "plots", Silent())

    assert [file.name for file in files[:2]] == ["001-loss-b.png", "001-loss-b.svg"]
    assert len(files) == 10
    for file in files:
        if file.suffix == ".png":
            assert np.asarray(Image.open(file).convert("L")).std() > 5
        else:
            assert "<svg" in file.read_text()


def test_a_plot_is_the_same_bytes_each_time():
    chart = DotChart("fd", "fd", (Dot("a", 1.0),))

    assert draw(chart) == draw(chart)


@pytest.mark.parametrize("title", [*HOSTILE, "../../etc/passwd", ".", "", "a" * 300])
def test_a_title_becomes_a_plain_file_name(title):
    assert re.fullmatch(r"[A-Za-z0-9@_-][A-Za-z0-9.@_-]{0,79}", file_stem(title))
