"""Former names work and warn with the present ones: names of modules, keywords, options, keys of settings."""

import json

import numpy as np
import pytest
from PIL import Image

import ganeval
from ganeval import former, leaderboard
from ganeval.options.table import OPTIONS


@pytest.fixture(autouse=True)
def renamed(monkeypatch):
    """As if `compare`, `ranked`, --channel and --num-samples (`n=` in Python) had other names before."""
    monkeypatch.setitem(former.NAMES, "ganeval.contrast", "compare")
    monkeypatch.setitem(former.NAMES, "ganeval.leaderboard.sorted_by_score", "ranked")
    monkeypatch.setitem(former.OPTIONS, "colour_plane", "channel")
    monkeypatch.setitem(former.OPTIONS, "how_many", "num_samples")


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, seed in (("fake", 0), ("real", 1)):
        (tmp_path / name).mkdir()
        for letter in "ab":
            pixels = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{letter}.png")
    return ("score", "fake", "--paired", "real", "--metrics", "psnr", "--json", "-")


def test_the_tables_name_what_there_is():
    assert set(former.OPTIONS.values()) <= set(OPTIONS)
    assert not set(former.OPTIONS) & set(OPTIONS)


def test_a_former_name_is_the_present_one_and_warns():
    with pytest.warns(DeprecationWarning, match=r"ganeval\.contrast is deprecated .* Use ganeval\.compare\.") as told:
        assert ganeval.contrast is ganeval.compare
    with pytest.warns(DeprecationWarning, match=r"Use ganeval\.leaderboard\.ranked\."):
        assert leaderboard.sorted_by_score is leaderboard.ranked

    assert told[0].filename == __file__
    assert "contrast" not in dir(ganeval)


def test_a_former_keyword_is_the_present_one_and_warns(pairs):
    now = ganeval.score("fake", paired="real", metrics="psnr", channel="y")
    with pytest.warns(DeprecationWarning, match="colour_plane= is deprecated .* Use channel=") as told:
        before = ganeval.score("fake", paired="real", metrics="psnr", colour_plane="y")
    with pytest.warns(DeprecationWarning, match="Use n="):
        ganeval.score("fake", paired="real", metrics="psnr", how_many=2)

    assert told[0].filename == __file__
    assert before["psnr"].value == now["psnr"].value
    assert before["psnr"].fingerprint == now["psnr"].fingerprint


@pytest.mark.parametrize("written", [("--colour-plane", "y"), ("--colour_plane=y",)])
def test_a_former_option_is_the_present_one_and_says_so_on_stderr(pairs, command_line, written):
    _, now, _ = command_line(*pairs, "--channel", "y")
    code, out, err = command_line(*pairs, *written)

    assert code == 0
    assert "--colour-plane is deprecated and goes with the next minor version. Use --channel." in err
    assert [row["fingerprint"] for row in json.loads(out)["rows"]] == [
        row["fingerprint"] for row in json.loads(now)["rows"]
    ]


def test_a_former_key_of_the_settings_is_the_present_one_and_says_so(pairs, command_line, tmp_path):
    (tmp_path / "ganeval.toml").write_text('colour-plane = "y"\n')
    code, out, err = command_line(*pairs)

    assert code == 0
    assert "ganeval.toml: colour-plane is deprecated" in err
    assert json.loads(out)["rows"][0]["protocol"]["channel"] == "y"
