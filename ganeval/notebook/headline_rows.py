"""Which rows people read first, and what they call them: for the first screen, and for tables of several subjects."""

from collections.abc import Sequence

from ganeval.backbones import BACKBONES
from ganeval.metrics.base import Output, PixelMetric
from ganeval.metrics.keys import Request, declared, field_name, parse_key
from ganeval.results.result import Result

MOST = 5  # headline numbers of sets, and of pairs


def request_of(row: Result) -> Request:
    """The metric and network of a row; its key may name other weights ("fd@inception#1a2b3c4d") or a class."""
    output, at, backbone = row.key.partition("#")[0].partition("@")
    return parse_key(f"{output.partition(':')[0]}{at}{backbone}")


def output_of(row: Result) -> Output:
    """The output that a row holds, as its metric declares it."""
    known = declared(row.key)
    return request_of(row).metric.outputs[0] if known is None else known[1]


def is_headline(row: Result) -> bool:
    """Whether the row has a place on the first screen."""
    return output_of(row).headline is not None


def name_of(row: Result) -> str:
    """What the field calls the row's key, or what the metric is called in a sentence."""
    return field_name(row.key) or output_of(row).title


def network_of(row: Result) -> str:
    """The row's network in words for people; "" for a metric of pixels."""
    name = request_of(row).backbone
    if name is None:
        return ""
    words = BACKBONES.get(name).summary.partition(",")[0].partition(" (")[0]
    other = row.key.partition("#")[2]
    return f"{words} with weights {other}" if other else words


def title_of(row: Result, *, network: bool) -> str:
    """The metric in the field's words, with what changes its meaning: "PSNR (Y, crop 4)".

    Args:
        row: Of the metric.
        network: Name the network, too, where the field's own name does not imply it.
    """
    field, output, request, protocol = field_name(row.key), output_of(row), request_of(row), row.protocol
    changes = []
    if field is None and request.backbone is not None:
        changes += [network_of(row)] if network else []
        changes += [f"not {output.published}"] if output.published else []
    if row.debiased is not None:
        changes.append("debiased")
    if protocol is not None:
        changes += ["Y"] if isinstance(request.metric, PixelMetric) and protocol.channel == "y" else []
        changes += [f"mod-crop {protocol.params['mod_crop']}"] if "mod_crop" in protocol.params else []
        changes += [f"crop {protocol.crop_border}"] if protocol.crop_border else []
        changes += ["masked"] if "mask" in protocol.params else []
    title = field or f"{output.title[0].upper()}{output.title[1:]}"
    return f"{title} ({', '.join(changes)})" if changes else title


def shown_value(row: Result) -> float | None:
    """The debiased value if there is one: an interval is of that."""
    return row.value if row.debiased is None else row.debiased


def headline_rows(results: Sequence[Result], *, named: bool) -> list[Result]:
    """All rows of metrics that were named, or the headline ones: those of the canonical network where it is there.

    Args:
        results: The rows of one subject; those of single classes are left out.
        named: True where the user named the metrics.
    """
    rows = [row for row in results if ":" not in row.key.partition("@")[0]]
    if named:
        return rows
    valued = [row for row in rows if row.status == "ok" or (row.status == "failed" and is_headline(row))]
    headlines = sorted((row for row in valued if is_headline(row)), key=lambda row: output_of(row).headline or 0)
    sets = [row for row in headlines if not request_of(row).paired]
    if any(row.n_real is not None for row in sets):
        # Beside numbers with a reference, one without says little where it cannot be compared with published ones.
        sets = [row for row in sets if row.n_real is not None or row.comparable_to_published]
    networks = [row for row in sets if row.comparable_to_published] or sets
    sets = [row for row in sets if request_of(row).backbone == request_of(networks[0]).backbone]
    pairs = [row for row in headlines if request_of(row).paired]
    published = [row for row in pairs if row.comparable_to_published]
    if any(request_of(row).backbone is not None for row in published):
        pairs = published
    return [*sets[:MOST], *pairs[:MOST]] or valued
