"""What the tests of the report are made of: run folders, result rows, tables and pictures, also with hostile names."""

import csv
import html.parser
import json

import numpy as np
from PIL import Image

from ganeval.results.protocol import Protocol
from ganeval.results.result import Result, append_jsonl

HOSTILE = (
    "<script>window.owned=1</script>",
    '"><img src=x onerror="window.owned=1">',
    "' onload='window.owned=1",
    "javascript:window.owned=1",
    "</style></title></textarea><svg onload=window.owned=1>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp; \u202egnp.exe \x1b[31m",
)


def write_picture(path, height=12, width=16, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_run(folder, name="toy.digits-cpu", steps=(0, 100, 200), loss="loss_g", metric="fd@efflite0"):
    """A run as train-reference leaves it, without weights."""
    folder.mkdir(parents=True)
    recipe = {"name": name, "model": "toy", "training": {"steps": steps[-1]}, "expected": [], "sources": {"lr": name}}
    (folder / "recipe.json").write_text(json.dumps(recipe))
    lines = []
    for place, step in enumerate(range(10, steps[-1] + 1, 10)):
        row = {"step": step, "lr_g": 1e-4, loss: 1 / (place + 1), "images/s": 100.0}
        if step in steps:
            row[f"score {metric}"] = 100.0 - step / 10
        lines.append(json.dumps(row))
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    for step in steps:
        write_picture(folder / "grids" / f"{step:07d}.png", 30, 40, seed=step)
    return folder


def checkpoint_row(
    value, key="fd@efflite0", *, recipe="toy.digits-cpu", seed=0, checkpoint="last", step=200, **changes
):
    """One row of a checkpoint with an interval of one on each side."""
    subject = {
        "kind": "checkpoint",
        "model": recipe.partition(".")[0],
        "recipe": recipe,
        "training_seed": seed,
        "step": step,
        "checkpoint": checkpoint,
        "parameters": 12_345,
    }
    provenance = {
        "time": f"2026-03-01T10:00:{seed:02d}+00:00",
        "device": "cpu",
        "threads": 1,
        "cores": 2,
        "versions": {"ganeval": "0.1.0"},
        "subject": subject,
    }
    metric, _, backbone = key.partition("@")
    protocol = Protocol(metric.partition(":")[0], 1, backbone=backbone or None, n_real=100, n_fake=100)
    row = {
        "subject": f"{recipe}/{seed}/{checkpoint}.safetensors",
        "key": key,
        "value": value,
        "better": "lower",
        "n_real": 100,
        "n_fake": 100,
        "protocol": protocol,
        "stderr": None if value is None else 0.5,
        "ci95": None if value is None else (value - 1, value + 1),
        "floor": 2.0,
        "floor_n": 50,
        "provenance": provenance,
    }
    return Result(**{**row, **changes})


def write_rows(path, rows):
    append_jsonl(path, rows)
    return path


def write_values(path, columns, rows):
    """A table of --per-image or --blame."""
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", *columns])
        table.writerows(rows)
    return path


def write_pairs(folder, stems, metrics=("psnr", "lpips")):
    """Folders `fake` and `real` with one image a stem, and the table of their values."""
    for place, stem in enumerate(stems):
        write_picture(folder / "fake" / f"{stem}.png", 40, 40, seed=place)
        write_picture(folder / "real" / f"{stem}.png", 40, 40, seed=place + 100)
    rows = [(stem, 20 + place, 0.5 - place / 100) for place, stem in enumerate(stems)]
    return write_values(folder / "values.csv", metrics, rows), str(folder / "fake"), str(folder / "real")


class Reader(html.parser.HTMLParser):
    """Tags with their attributes, and the text outside style and script."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.words = []
        self.inside = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag if tag in ("style", "script") else None

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside is None:
            self.words.append(data)
