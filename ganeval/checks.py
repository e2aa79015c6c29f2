"""Cheap checks of a set of images, from what decoding already knows: what to doubt before trusting a score."""

from collections import Counter

from ganeval.engine import SourceSummary

SMALL_N = 2048  # below this, a Frechet distance is mostly bias on the usual backbones


def cheap_checks(summary: SourceSummary) -> tuple[str, ...]:
    """One line a finding, worst first; empty when there is nothing to say.

    Args:
        summary: What one pass over the images saw.
    """
    n = summary.n
    lines: list[str] = []
    copies = n - len(set(summary.digests))
    if copies:
        lines.append(f"{copies} of {n} images are exact copies of another one in the set")
    sizes = Counter((fact.height, fact.width) for fact in summary.facts)
    if len(sizes) > 1:
        (height, width), most = sizes.most_common(1)[0]
        lines.append(f"{len(sizes)} different image sizes; {most} of {n} are {width} x {height}")
    formats = Counter(fact.format for fact in summary.facts)
    if len(formats) > 1:
        lines.append("file formats are mixed: " + ", ".join(f"{count} {name}" for name, count in formats.most_common()))
    notes = Counter(note for fact in summary.facts for note in fact.notes)
    lines += [f"decoding rule {note!r} applied to {count} of {n} images" for note, count in notes.most_common()]
    if n < SMALL_N:
        lines.append(f"only {n} images: prefer kd and mind to fd, which is biased upward at small n")
    return tuple(lines)
