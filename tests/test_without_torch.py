"""What needs no network does not import torch: a score of cached features, lists, differences, the doctor.

The commands run in a process of their own, because the tests themselves have imported torch.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

CODE = """
import json, sys
from ganeval.cli.main import main
for command in json.loads(sys.argv[1]):
    sys.argv[1:] = command
    try:
        main()
    except SystemExit as end:
        assert not end.code, (command, end.code)
    print(json.dumps([" ".join(command), "torch" in sys.modules]), file=sys.stderr)
"""
WITHOUT = (
    ("list", "metrics"),
    ("list", "backbones"),
    ("list", "recipes"),
    ("list", "datasets"),
    ("weights", "list"),
    ("score", "gen", "--reference", "real", "--json", "again.json"),
    ("score", "gen", "--metrics", "vendi,cs,prdc,mind,kd,fd", "--reference", "real"),
    ("score", "gen", "real", "--reference", "real"),
    ("diff", "gen", "real", "--reference", "real"),
    ("doctor", "gen", "--against", "real"),
)


def run(commands, folder):
    """Command -> whether torch had been imported after it."""
    environment = {**os.environ, "GANEVAL_CACHE": str(folder / "cache")}
    found = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(commands)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return dict(json.loads(line) for line in found.stderr.splitlines() if line.startswith('["'))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two sets, whose features are in the cache beside them."""
    work = tmp_path_factory.mktemp("cached")
    rng = np.random.default_rng(5)
    for name in ("gen", "real"):
        (work / name).mkdir()
        for index in range(24):
            pixels = rng.integers(0, 256, (24, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(work / name / f"{index:02d}.png")
    assert list(run([("score", "gen", "--reference", "real", "--json", "rows.json")], work).values()) == [True]
    return work


def test_what_needs_no_network_needs_no_torch(folder):
    imported = run(WITHOUT, folder)

    assert imported == {" ".join(command): False for command in WITHOUT}
    first, again = (json.loads((folder / name).read_text())["rows"] for name in ("rows.json", "again.json"))
    assert [(row["key"], row["value"], row["fingerprint"]) for row in first] == [
        (row["key"], row["value"], row["fingerprint"]) for row in again
    ]
    assert [row["provenance"].get("threads") for row in again] == [row["provenance"].get("threads") for row in first]
