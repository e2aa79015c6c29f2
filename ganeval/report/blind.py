"""A page on which people say which of two versions of a picture is better, without being told which is which.

One HTML file that loads nothing and sends nothing: pictures inside, order and sides drawn by the browser anew for each
reader, answers by keys, and at the end a CSV that the browser saves.
"""

import json
import math
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ganeval.errors import DataError
from ganeval.options import ScoreOptions
from ganeval.report.crops import Named, rated
from ganeval.report.page import MAX_BYTES, PICTURE_BYTES, asset, policy
from ganeval.report.pictures import Album


def blind_page(pairs: Sequence[Named], reading: ScoreOptions, title: str, problems: list[str]) -> bytes:
    """The page: every two versions of each picture beside each other; of a single one, the version and its original.

    Args:
        pairs: (CSV of `score --per-image`, scored images, originals), the originals being the same.
        reading: How the images are read.
        title: Of the page.
        problems: Where pictures that were left out are told.

    Raises:
        DataError: an input cannot be used, or the page would be too large.
    """
    album, shown = Album(), []
    for stem, names, pixels in rated(pairs, reading, problems):
        kept = [album.add(one, "") for one in pixels]
        shown.append((stem, names, kept))
    if not shown:
        raise DataError("No picture can be rated: none could be read. See the messages above.")
    encoded = album.encode(PICTURE_BYTES)
    alone = len(shown[0][1]) == 2
    tasks = [
        {
            "image": stem,
            "original": None if alone else encoded[kept[-1]].uri,
            "versions": [
                {"name": name, "picture": encoded[picture].uri}
                for name, picture in list(zip(names, kept, strict=True))[: None if alone else -1]
            ],
        }
        for stem, names, kept in shown
    ]
    count = len(shown) * math.comb(len(shown[0][1]) - (not alone), 2)
    style, script = asset("report.css") + asset("blind.css"), asset("blind.js")
    environment = Environment(loader=PackageLoader("ganeval.report"), autoescape=True, undefined=StrictUndefined)
    text = environment.get_template("blind.html.j2").render(
        title=title,
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
        tasks=Markup(_inside_script(tasks)),
        count=count,
        alone=alone,
    )
    data = text.encode("utf-8", "backslashreplace")
    if len(data) > MAX_BYTES:
        raise DataError(f"The page would be {len(data):,} bytes; at most {MAX_BYTES:,} are written. Rate fewer images.")
    return data


def _inside_script(content: object) -> str:
    """JSON that cannot end the element which holds it."""
    return json.dumps(content).replace("<", "\\u003c")
