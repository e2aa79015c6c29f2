"""Rows for tests of boards: of one protocol unless told otherwise."""

import dataclasses
import json
import random
import subprocess
import sys

from ganeval.results.protocol import Protocol
from ganeval.results.result import SCHEMA, Result

BASE = Protocol("fd", 1, {"ddof": 1}, "efflite0", "ab" * 32, reference_sha256="cd" * 32, n_real=599, n_fake=599)


def result(value=1.0, *, subject="folder", key="fd@efflite0", better="lower", protocol=BASE, **fields):
    return Result(
        subject, key, value, better, protocol.n_real, protocol.n_fake, protocol=protocol, **{"note": "", **fields}
    )


def checkpoint(value, recipe="dcgan.digits-cpu", seed=0, stem="last", *, time="2026-01-01T00:00:00+00:00", **fields):
    """A row of a reference model's checkpoint."""
    facts = {
        "kind": "checkpoint",
        "model": recipe.partition(".")[0],
        "recipe": recipe,
        "training_seed": seed,
        "step": 1500,
        "checkpoint": stem,
        "parameters": fields.pop("parameters", 1_200_000),
    }
    provenance = {"time": time, "device": "cpu", "threads": 2, "cores": 4, "versions": {"torch": "2"}, "subject": facts}
    return result(value, subject=f"{recipe} {seed} {stem}", provenance=provenance, **fields)


def seeds(values, recipe="dcgan.digits-cpu", stem="last", **fields):
    """One row a training seed."""
    return [checkpoint(value, recipe, seed, stem, **fields) for seed, value in enumerate(values)]


def line(row):
    """As `append_jsonl` writes it."""
    return json.dumps({"schema": SCHEMA, **row.to_dict()}, sort_keys=True) + "\n"


APPENDING = """
import dataclasses, json, sys
from pathlib import Path
from ganeval.results.result import Result, append_jsonl

row = Result.from_dict(json.loads(sys.argv[2]))
for value in range(int(sys.argv[3])):
    append_jsonl(Path(sys.argv[1]), [dataclasses.replace(row, value=float(value))])
"""


def append_together(path, workers, count):
    """Some processes append the values 0 to count - 1 at once, each under a training seed of its own."""
    texts = [json.dumps(checkpoint(0.0, seed=worker).to_dict()) for worker in range(workers)]
    commands = [[sys.executable, "-c", APPENDING, str(path), text, str(count)] for text in texts]
    processes = [subprocess.Popen(command) for command in commands]
    assert [process.wait() for process in processes] == [0] * workers


def write_many(path, count):
    """Rows of 20 recipes, 5 seeds and 200 protocols, as a long-lived project has them."""
    protocols = [dataclasses.replace(BASE, seed=seed) for seed in range(200)]
    rng = random.Random(0)
    with path.open("w") as file:
        for i in range(count):
            recipe = f"model{i % 20}.digits-cpu"
            file.write(line(checkpoint(rng.random(), recipe, i % 5, protocol=protocols[i % 200])))
