"""Files name images of this machine or a checkpoint; code, pickles and addresses are for people to ask for."""

import copy
import json
import os
import pickle
import zipfile
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch
from PIL import Image

from ganeval.api import check
from ganeval.cli.config import read_file
from ganeval.cli.options import PLACE
from ganeval.errors import UsageError
from ganeval.gate.rules import read_rules
from ganeval.sources.resolve import open_source
from ganeval.untrusted import RecordedPlace, UntrustedPlaceError

EVIL = "from pathlib import Path\nPath('canary').touch()\n\n\ndef make():\n    Path('canary').touch()\n"
RULE = '[[rule]]\nmetric = "psnr"\nmargin = "2%"\n'
GATE = ("--baseline", "baseline.jsonl", "--rules", "gates.toml", "--device", "cpu")


@pytest.fixture
def work(command_line, monkeypatch, tmp_path):
    """A folder with images `new`, `old` and `real`, a recorded baseline of `old`, and code that leaves a canary."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    memory = fsspec.filesystem("memory")
    for name in ("new", "old", "real"):
        Path(name).mkdir()
        for place in range(4):
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(f"{name}/{place}.png")
            memory.pipe_file(f"/recorded/{name}/{place}.png", Path(f"{name}/{place}.png").read_bytes())
    Path("evil.py").write_text(EVIL)
    torch.save({"weight": torch.zeros(2)}, "evil.pth")
    with zipfile.ZipFile("evil.pt", "w") as archive:
        archive.writestr("evil/constants.pkl", b"")  # the mark of TorchScript
    Path("evil.onnx").write_bytes(b"\x08\x07")
    assert command_line("gate", "init", "old", "--paired", "real", "--metrics", "psnr")[0] == 0
    yield command_line
    memory.rm("/recorded", recursive=True)
    assert not Path("canary").exists()


def plain(text: str) -> str:
    """Text without the line breaks of the terminal."""
    return " ".join(text.split())


def rename_row(subject: str) -> None:
    rows = [json.loads(line) for line in Path("baseline.jsonl").read_text().splitlines()]
    Path("baseline.jsonl").write_text("".join(json.dumps({**row, "subject": subject}) + "\n" for row in rows))


@pytest.mark.parametrize("subject", ["evil.pt", "evil.pth", "evil.onnx"])
def test_a_row_of_the_baseline_makes_the_gate_open_no_generator(work, subject):
    rename_row(subject)
    code, out, err = work("gate", "new", *GATE)

    assert code in (0, 4, 5)
    assert "image by image" in out
    assert all(words in plain(err) for words in ("baseline.jsonl", "subject of a row", f"--against {subject}"))


def test_same_weights_by_a_row_that_names_a_generator_is_refused(work):
    rename_row("evil.pt")
    code, out, err = work("gate", "new", *GATE, "--mode", "same-weights")

    assert (code, out) == (2, "")
    assert "--against evil.pt" in err


@pytest.mark.parametrize("against", ["evil.pt", "evil:make", "memory://recorded/old", "http://127.0.0.1:9/x"])
def test_rules_make_the_gate_open_no_generator_and_no_address(work, against):
    Path("gates.toml").write_text(f'[run]\npaired = "real"\nagainst = "{against}"\n{RULE}')
    code, out, err = work("gate", "new", *GATE)

    assert (code, out) == (2, "")
    assert all(words in plain(err) for words in ("gates.toml", "[run] against", f"--against {against}"))


@pytest.mark.parametrize("command", ["gate", "accept", "check"])
def test_rules_make_no_command_fetch_originals(work, command):
    Path("gates.toml").write_text(f'[run]\npaired = "memory://recorded/real"\n{RULE}')
    before = Path("baseline.jsonl").read_bytes()
    if command == "check":
        with pytest.raises(UntrustedPlaceError, match="type it yourself: paired= memory://recorded/real"):
            check("new", baseline="baseline.jsonl", rules="gates.toml")
        return
    code, out, err = work("gate", *(["accept"] if command == "accept" else []), "new", *GATE)

    assert (code, out) == (2, "")
    assert "--paired memory://recorded/real" in err
    assert Path("baseline.jsonl").read_bytes() == before


@pytest.mark.parametrize(("file", "head"), [("ganeval.toml", ""), ("pyproject.toml", "[tool.ganeval]\n")])
@pytest.mark.parametrize("key", ["reference", "paired"])
def test_settings_make_score_fetch_nothing(work, file, head, key):
    metric = "psnr" if key == "paired" else "fd@efflite0"
    Path(file).write_text(f'{head}{key} = "memory://recorded/real"\n')
    code, out, err = work("score", "new", "--metrics", metric)

    assert (code, out) == (2, "")
    assert all(words in plain(err) for words in (file, key, f"--{key} memory://recorded/real"))
    if key == "paired":
        assert work("score", "new", "--metrics", metric, "--paired", "memory://recorded/real")[0] == 0


def test_images_that_files_name_are_scored_as_ever(work):
    Path("ganeval.toml").write_text('paired = "real"\n')
    Path("gates.toml").write_text(f'[run]\npaired = "real"\nagainst = "old"\n{RULE}')

    assert work("score", "new", "--metrics", "psnr")[0] == 0
    assert work("gate", "old", *GATE, "--mode", "samples")[0] == 0
    code, out, _ = work("gate", "new", *GATE)
    assert code in (0, 4, 5)
    assert "paired with old" in out


@pytest.mark.parametrize("place", ["s3://bucket/x", "file:///x", "zip://a::x.zip", "//host/share", r"\\host\share"])
def test_every_form_of_an_address_is_refused_where_a_file_names_it(place):
    with pytest.raises(UntrustedPlaceError, match="type it yourself"):
        open_source(RecordedPlace(place, "f.toml", "reference", "--reference"), data_root=None)


def test_the_mark_stays_on_copies():
    place = RecordedPlace("x", "f.toml", "reference", "--reference")

    assert place == "x"
    for same in (copy.deepcopy(place), PLACE.convert(place, None, None), pickle.loads(pickle.dumps(place))):
        assert isinstance(same, RecordedPlace)
        assert (same, same.file, same.key, same.option) == ("x", "f.toml", "reference", "--reference")


def test_every_text_of_settings_and_rules_is_marked(tmp_path):
    (tmp_path / "ganeval.toml").write_text('reference = "a"\npaired = "b"\ndata_root = "c"\nmetrics = ["psnr"]\n')
    (tmp_path / "gates.toml").write_text(f'[run]\nreference = "a"\npaired = "b"\nagainst = "c"\n{RULE}')
    found = [*read_file(tmp_path / "ganeval.toml").values(), *read_rules(tmp_path / "gates.toml").run.values()]

    assert len(found) == 7
    assert all(isinstance(place, RecordedPlace) for place in found)
    assert issubclass(UntrustedPlaceError, UsageError)


def test_a_gate_takes_the_files_that_its_baseline_took(work):
    for name in ("new", "real"):
        Path(f"{name}/other.txt.png").write_bytes((Path("old") / sorted(os.listdir("old"))[0]).read_bytes())
    glob = ("--match", "[!o]*", "--match", "paired=[!o]*")
    recorded = ("--baseline", "b.jsonl", "--rules", "g.toml")
    assert work("gate", "init", "new", "--paired", "real", *glob, *recorded, "--device", "cpu")[0] == 0

    code, _, err = work("gate", "new", "--paired", "real", *recorded, "--device", "cpu")

    assert code == 0, err
    code, _, err = work("gate", "new", "--paired", "real", "--match", "*", *recorded, "--device", "cpu")
    assert (code, "another number of images" in plain(err)) == (6, True)
