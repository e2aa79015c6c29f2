"""Charts as inline SVG, drawn through ElementTree so that every label is escaped; a style sheet colours them."""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import pairwise
from xml.etree import ElementTree

from markupsafe import Markup

from ganeval.report.axes import Axis, axis_over, tick_label
from ganeval.report.charts import Dot, Histogram, LineChart, Scatter, Series, thinned
from ganeval.report.numbers import number

Node = ElementTree.Element
Attributes = Mapping[str, str | float]
Box = tuple[float, float, float, float]  # left, top, right, bottom

# A chart fills a card of about this many pixels, on a phone and on a desktop, so that its text is of one size.
WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 342, 12, 172
GLYPH_WIDTH, GLYPH_HEIGHT, GLYPH_PAD = 160, 18, 6
NAME_LENGTH, LETTER, LINE = 24, 5.8, 12  # of names beside points: letters, pixels a letter, pixels a line
SHOWN_AS_DOTS = 40  # a line of more points has no dot at each


def line_chart(chart: LineChart) -> Markup:
    """Lines, with dots and error bars where there are few points."""
    lines = [thinned(series) for series in chart.series]
    ends = [end for line in lines for end in (*line.low, *line.high) if end is not None]
    heights = [y for line in lines for y in line.y] + ends + list(chart.band or ())
    across = axis_over([x for line in lines for x in line.x], LEFT + 6, RIGHT)
    if chart.names:  # the first and the last; what is between has tool tips
        across = dataclasses.replace(across, ticks=(0.0, float(len(chart.names) - 1)))
    up = axis_over(heights, BOTTOM - 4, TOP)
    svg = _frame(f"{chart.title}: {chart.y_label} over {chart.x_label}", across, up, chart.x_label, chart.names)
    if chart.band is not None:
        high, low = up.at(chart.band[1]), up.at(chart.band[0])
        box: Attributes = {"class": "band", "x": LEFT, "y": high, "width": RIGHT - LEFT, "height": max(low - high, 1)}
        _add(svg, "rect", box)
    for place, line in enumerate(lines):
        _draw_series(svg, line, across, up, f"s{place % 8}", chart.names)
    return _markup(svg)


def _draw_series(svg: Node, line: Series, across: Axis, up: Axis, name: str, names: Sequence[str]) -> None:
    points = list(zip((across.at(x) for x in line.x), (up.at(y) for y in line.y), strict=True))
    if len(points) > 1:
        _add(svg, "polyline", {"class": f"line {name}", "points": " ".join(f"{x:g},{y:g}" for x, y in points)})
    for place, (low, high) in enumerate(zip(line.low, line.high, strict=True)):
        if low is not None and high is not None:
            x = points[place][0]
            _add(svg, "line", {"class": f"bar {name}", "x1": x, "x2": x, "y1": up.at(low), "y2": up.at(high)})
    if len(points) <= SHOWN_AS_DOTS:
        for (x, y), (step, value) in zip(points, zip(line.x, line.y, strict=True), strict=True):
            dot = _add(svg, "circle", {"class": f"dot {name}", "cx": x, "cy": y, "r": 2.6})
            words = names[int(step)] if names else f"{step:,.6g}"
            _add(dot, "title", {}, f"{line.name}: {number(value)} at {words}")


def histogram(chart: Histogram) -> Markup:
    """Bars of counts."""
    across = axis_over(chart.edges, LEFT + 2, RIGHT)
    up = axis_over(chart.counts, BOTTOM, TOP, zero=True, whole=True)
    svg = _frame(f"{chart.title}: counts of {chart.x_label}", across, up, chart.x_label)
    for (left, right), count in zip(pairwise(chart.edges), chart.counts, strict=True):
        x, y = across.at(left), up.at(count)
        box: Attributes = {
            "class": "fill s0",
            "x": x,
            "y": y,
            "width": max(across.at(right) - x - 1, 0.5),
            "height": BOTTOM - y,
        }
        _add(_add(svg, "rect", box), "title", {}, f"{number(left)} to {number(right)}: {count:,}")
    return _markup(svg)


def scatter(chart: Scatter) -> Markup:
    """Points over a logarithmic axis; those of the front joined by a line and named."""
    across = axis_over([point.x for point in chart.points], LEFT + 8, RIGHT - 8, log=True)
    up = axis_over([point.y for point in chart.points], BOTTOM - 6, TOP + 8)
    svg = _frame(f"{chart.title}: {chart.y_label} over {chart.x_label}", across, up, chart.x_label)
    front = sorted((point for point in chart.points if point.front), key=lambda point: point.x)
    if len(front) > 1:
        path = " ".join(f"{across.at(p.x):g},{up.at(p.y):g}" for p in front)
        _add(svg, "polyline", {"class": "line front", "points": path})
    for point in chart.points:
        place = {"cx": across.at(point.x), "cy": up.at(point.y), "r": 4 if point.front else 3}
        dot = _add(svg, "circle", {"class": "fill s0" if point.front else "fill quiet", **place})
        _add(dot, "title", {}, f"{point.label}: {number(point.y)} at {number(point.x)}")
    taken: list[Box] = []
    for point in front:
        _name_point(svg, point.label, across.at(point.x), up.at(point.y), taken)
    return _markup(svg)


def _name_point(svg: Node, label: str, x: float, y: float, taken: list[Box]) -> None:
    """Writes a name beside its point where no other name stands; else the point's tool tip has to do."""
    text = shortened(label, NAME_LENGTH)
    length = len(text) * LETTER
    for left, baseline in ((x + 6, y - 5), (x - 6 - length, y - 5), (x + 6, y + 12), (x - 6 - length, y + 12)):
        box = (left, baseline - LINE, left + length, baseline)
        free = all(box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in taken)
        if free and left >= LEFT and box[2] <= WIDTH and baseline < BOTTOM:
            taken.append(box)
            _add(svg, "text", {"class": "name", "x": round(left, 1), "y": round(baseline, 1)}, text)
            return


def glyph_axis(dots: Sequence[Dot], bars: bool) -> Axis:
    """The scale that the rows of one table share: all of it is for what is ranked, anchors may lie beyond."""
    inside = [dot for dot in dots if not dot.anchor] or dots
    values = [v for dot in inside for v in (dot.value, dot.low, dot.high) if v is not None]
    return axis_over(values, GLYPH_PAD, GLYPH_WIDTH - GLYPH_PAD, zero=bars)


def glyph(dot: Dot, axis: Axis, bars: bool) -> Markup:
    """One row of a table as a dot with its interval, an arrow to what lies beyond, or a bar from zero."""
    svg = _svg(GLYPH_WIDTH, GLYPH_HEIGHT, "")
    middle, kind = GLYPH_HEIGHT / 2, "quiet" if dot.anchor else "s0"
    if bars:
        zero, end = axis.at(0.0), axis.at(dot.value)
        box = {"x": min(zero, end), "y": 4, "width": max(abs(end - zero), 0.5), "height": GLYPH_HEIGHT - 8}
        _add(svg, "rect", {"class": f"fill {kind}", **box})
        return _markup(svg)
    _add(svg, "line", {"class": "grid", "x1": 0, "x2": GLYPH_WIDTH, "y1": middle, "y2": middle})
    if not axis.low <= dot.value <= axis.high:
        tip, back = (1, GLYPH_PAD + 1) if dot.value < axis.low else (GLYPH_WIDTH - 1, GLYPH_WIDTH - GLYPH_PAD - 1)
        _add(
            svg,
            "path",
            {"class": f"fill {kind}", "d": f"M{tip},{middle:g} {back},{middle - 4:g} {back},{middle + 4:g}z"},
        )
        return _markup(svg)
    if dot.low is not None and dot.high is not None:
        low, high = max(dot.low, axis.low), min(dot.high, axis.high)
        ends = {"x1": axis.at(low), "x2": axis.at(high), "y1": middle, "y2": middle}
        _add(svg, "line", {"class": f"bar {kind}", **ends})
    _add(svg, "circle", {"class": f"fill {kind}", "cx": axis.at(dot.value), "cy": middle, "r": 3.5})
    return _markup(svg)


def glyph_scale(axis: Axis) -> Markup:
    """The axis above a column of glyphs: its first and last tick."""
    svg = _svg(GLYPH_WIDTH, GLYPH_HEIGHT, "")
    for tick, anchor in ((axis.ticks[0], "start"), (axis.ticks[-1], "end")):
        x = axis.at(tick)
        _add(svg, "line", {"class": "axis", "x1": x, "x2": x, "y1": GLYPH_HEIGHT - 4, "y2": GLYPH_HEIGHT})
        _add(svg, "text", {"class": "tick", "x": x, "y": GLYPH_HEIGHT - 6, "text-anchor": anchor}, tick_label(tick))
    return _markup(svg)


def shortened(text: str, length: int) -> str:
    """At most `length` characters: the start and the end, which tell names apart."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[: length - 1 - half]}…{text[-half:]}"


def _frame(label: str, across: Axis, up: Axis, x_label: str, names: Sequence[str] = ()) -> Node:
    """The drawing with its axes; what goes up the page stands in the caption."""
    svg = _svg(WIDTH, HEIGHT, label)
    for tick in up.ticks:
        y = up.at(tick)
        _add(svg, "line", {"class": "grid", "x1": LEFT, "x2": RIGHT, "y1": y, "y2": y})
        _add(svg, "text", {"class": "tick", "x": LEFT - 6, "y": y + 3.5, "text-anchor": "end"}, tick_label(tick))
    _add(svg, "line", {"class": "axis", "x1": LEFT, "x2": RIGHT, "y1": BOTTOM, "y2": BOTTOM})
    for tick in across.ticks:
        x = across.at(tick)
        _add(svg, "line", {"class": "axis", "x1": x, "x2": x, "y1": BOTTOM, "y2": BOTTOM + 4})
        words = names[int(tick)] if names else tick_label(tick)
        anchor = "end" if names and x > RIGHT - 30 else "middle"
        _add(svg, "text", {"class": "tick", "x": x, "y": BOTTOM + 16, "text-anchor": anchor}, words)
    _add(svg, "text", {"class": "label", "x": RIGHT, "y": HEIGHT - 5, "text-anchor": "end"}, shortened(x_label, 48))
    return svg


def _svg(width: int, height: int, label: str) -> Node:
    size: Attributes = {"viewBox": f"0 0 {width} {height}", "width": width, "height": height}
    told: Attributes = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    return _add(None, "svg", {"class": "chart" if label else "glyph", **size, **told})


def _add(parent: Node | None, tag: str, attributes: Attributes, text: str | None = None) -> Node:
    written = {name: value if isinstance(value, str) else f"{value:g}" for name, value in attributes.items()}
    node = ElementTree.Element(tag, written) if parent is None else ElementTree.SubElement(parent, tag, written)
    node.text = text
    return node


def _markup(svg: Node) -> Markup:
    return Markup(ElementTree.tostring(svg, encoding="unicode", short_empty_elements=True))
