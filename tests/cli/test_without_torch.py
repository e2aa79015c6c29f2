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

from ganeval.backbones.engines import openvino_version

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
CALLS = """
import json, sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError(f"{name} is imported")

sys.meta_path.insert(0, NoTorch())
import numpy as np
import ganeval

def kept(scores):
    return {row.key: [row.value, row.fingerprint] for row in scores}

images = np.random.default_rng(5).integers(0, 256, (2, 4, 24, 20, 3), dtype=np.uint8)
found = {
    "score": kept(ganeval.score("gen", reference="real")),
    "several": kept(ganeval.score({"again": "gen", "itself": "real"}, reference="real")),
    "pairs": kept(ganeval.score(images[0], paired=list(images[1]), metrics="psnr,ssim")),
}
with ganeval.Evaluator(reference="real") as evaluator:
    found["evaluator"] = kept(evaluator.score("gen"))
assert len(ganeval.compare("gen", "real", reference="real"))
assert ganeval.check("kept.jsonl", baseline="kept.jsonl").verdict == "pass"
print(json.dumps(found))
"""
WITHOUT = (
    ("list", "metrics"),
    ("list", "backbones"),
    ("list", "models"),
    ("list", "recipes"),
    ("list", "datasets"),
    ("weights", "list"),
    ("score", "gen", "--reference", "real", "--json", "again.json"),
    ("score", "gen", "--metrics", "vendi,cs,prdc,mind,kd,fd", "--reference", "real"),
    ("score", "gen", "--reference", "real", "--append", "kept.jsonl"),
    ("gate", "kept.jsonl", "--baseline", "kept.jsonl"),
    ("score", "gen", "real", "--reference", "real"),
    ("score", "gen", "--paired", "real", "--metrics", "psnr,ssim,mae"),
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


def test_calls_from_python_on_cached_features_need_no_torch(folder):
    run([("score", "gen", "--reference", "real", "--append", "kept.jsonl")], folder)
    environment = {**os.environ, "GANEVAL_CACHE": str(folder / "cache")}
    called = subprocess.run(
        [sys.executable, "-c", CALLS], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )

    assert called.returncode == 0, called.stderr
    found = json.loads(called.stdout)
    rows = json.loads((folder / "rows.json").read_text())["rows"]
    computed = {row["key"]: [row["value"], row["fingerprint"]] for row in rows if row["status"] == "ok"}
    assert found["score"] == found["evaluator"]
    assert {key: found["score"][key] for key in computed} == computed
    assert set(found["pairs"]) == {"psnr", "ssim"}


def test_new_images_need_no_torch_once_openvino_has_converted_the_network(folder):
    if openvino_version() is None:
        pytest.skip("needs OpenVINO")
    (folder / "new").mkdir()
    rng = np.random.default_rng(6)
    for index in range(12):
        Image.fromarray(rng.integers(0, 256, (24, 20, 3), dtype=np.uint8)).save(folder / "new" / f"{index:02d}.png")

    assert run([("score", "new", "--reference", "real", "--metrics", "fd,cs")], folder) == {
        "score new --reference real --metrics fd,cs": False
    }
