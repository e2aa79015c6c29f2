"""`bench`: processes are measured as they are, entrants take turns, ratios are of one round, peers that lack say so."""

import dataclasses
import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ganeval.bench import peers, scoring
from ganeval.bench.materials import crop, random_inception, write_folder
from ganeval.bench.peers import Entrant, Job, entrants
from ganeval.bench.process import run_process
from ganeval.bench.scoring import Comparison, Measured, compare, difference, times, timing_rows, to_dict
from ganeval.bench.stages import measure_limits, measure_stages
from ganeval.cli.bench import parse_counts, scoring_markdown
from ganeval.cli.main import root
from ganeval.errors import DataError, UsageError
from ganeval.leaderboard.timing_board import timing_tables
from ganeval.leaderboard.timings import append_timings, read_timings
from ganeval.sources.datasets.photos import photo
from ganeval.sources.folder import FolderSource
from tests.conftest import ToyBackbone


def python(code):
    return [sys.executable, "-S", "-c", code]


# ---- processes


def test_a_process_is_measured_whole():
    run = run_process("x", python("b = bytearray(60 << 20)\nfor i in range(300000): pass\nprint('done')"), {}, 60)

    assert run.output == "done\n"
    assert 0 < run.processor <= run.wall + 0.5
    assert run.memory > 60


def test_the_environment_is_added_to_ones_own():
    run = run_process("x", python("import os; print(os.environ['GIVEN'], 'PATH' in os.environ)"), {"GIVEN": "yes"}, 60)

    assert run.output == "yes True\n"


def test_a_failed_process_says_its_last_words():
    with pytest.raises(DataError, match=r"status 3.*weights are gone"):
        run_process("peer", python("import sys; sys.stderr.write('weights are gone'); sys.exit(3)"), {}, 60)
    with pytest.raises(DataError, match="did not end within 0 s"):
        run_process("peer", python("import time; time.sleep(60)"), {}, 0.3)
    with pytest.raises(DataError, match="cannot be started"):
        run_process("peer", ["/nowhere/program"], {}, 1)


# ---- turns


@pytest.fixture
def fakes(tmp_path):
    log = tmp_path / "log"

    def entrant(name, fid, milliseconds):
        code = f"import json, time; open({str(log)!r}, 'a').write('{name} '); time.sleep({milliseconds / 1000});"
        return Entrant(name, "ganeval", lambda _: python(f"{code} print(json.dumps({{'fid': {fid}}}))"), json.loads)

    return [entrant("ganeval", 2.0, 10), entrant("peer", 2.0002, 400)], log


def test_entrants_take_turns_and_odd_rounds_go_backwards(fakes, tmp_path):
    chosen, log = fakes
    told, steps = [], []

    compared = compare(chosen, {10: Job(*[tmp_path] * 4, 32)}, 3, "FID", told.append, steps.append)

    assert log.read_text().split() == ["ganeval", "peer", "peer", "ganeval", "ganeval", "peer"]
    assert (len(told), sum(steps)) == (6, 6)
    base, peer = compared.at(10)
    assert times(peer, base).median > 1.5
    assert difference(peer, base, "fid") == pytest.approx(1e-4)
    assert difference(peer, base, "is") is None


def test_a_tool_that_fails_is_left_out_and_told_and_ganeval_is_not(fakes, tmp_path):
    (ours, peer), _ = fakes
    broken = Entrant("broken", "click", lambda _: python("raise ValueError('Imaginary component')"), json.loads)
    job, told = {10: Job(*[tmp_path] * 4, 32)}, []

    compared = compare([ours, broken, peer], job, 2, "FID", told.append, lambda _: None)

    assert [one.name for one in compared.at(10)] == ["ganeval", "peer"]
    assert len(compared.failures) == 1
    assert "Imaginary component" in compared.failures[0]
    assert compared.failures[0] in told
    assert "Imaginary component" in scoring_markdown(compared)
    with pytest.raises(DataError, match="Imaginary"):
        compare([dataclasses.replace(broken, distribution="ganeval")], job, 1, "FID", told.append, lambda _: None)


def made(name, wall, n=10, **more):
    return Measured(name, "1.0", n, wall, wall, tuple(100 * w for w in wall), {"fid": 4.0}, "", **more)


def test_ratios_are_taken_within_a_round():
    base, peer = made("ganeval", (1.0, 10.0, 1.0)), made("peer", (4.0, 40.0, 6.0))

    ratio = times(peer, base)

    assert (ratio.median, ratio.least, ratio.most) == (4.0, 4.0, 6.0)


def test_rows_go_to_the_timing_board_and_back(tmp_path):
    compared = Comparison(
        (made("ganeval", (1.0, 1.1)), made("peer", (4.0, 4.2))), "FID", "Linux, 2 cores", (0.5, 0.6), "2026-01-01T00:00"
    )
    append_timings(tmp_path / "t.jsonl", timing_rows(compared))

    rows, problems = read_timings([tmp_path / "t.jsonl"])

    assert not problems
    tables = {(table.stage, table.unit): table for table in timing_tables(rows)}
    table = tables["FID, 10 + 10, whole process", "s"]
    assert [line.row.name for line in table.lines] == ["ganeval", "peer"]
    assert table.lines[1].times_best == pytest.approx(4.1 / 1.05)
    assert len(tables) == 3


def test_a_score_is_held_against_its_roofline():
    """20 images at 0.5 s each, 8% beside the network and 2.5 s to start: 13.3 s."""
    compared = Comparison(
        (made("ganeval", (19.0,)),), "FID", "Linux, 2 cores", None, "2026-01-01T00:00", network=(0.5, 0.9)
    )

    assert "20 x 0.5000 s of the network alone x 1.08 + 2.5 s = 13.3 s" in scoring_markdown(compared)
    assert "takes 19.0 s and reaches 70% of it" in scoring_markdown(compared)
    assert "20 x 0.9000 s of processor time of the network alone" in scoring_markdown(compared)
    assert to_dict(compared)["network_seconds_an_image"] == 0.5
    assert to_dict(compared)["network_processor_seconds_an_image"] == 0.9


def test_json_and_markdown_hold_what_was_measured():
    both = (made("ganeval", (1.0, 1.2)), made("peer", (4.0, 4.4)))
    compared = Comparison(both, "FID", "Linux, 2 cores", None, "2026-01-01T00:00")

    entries = json.loads(json.dumps(to_dict(compared)))["entrants"]
    text = scoring_markdown(compared)

    assert entries[1]["times_ganeval"]["wall"]["least"] == pytest.approx(4.4 / 1.2)
    assert entries[1]["relative_difference"]["fid"] == 0.0
    assert "| 10 | peer | 4.2 | 3.83 [3.67, 4.00] |" in text
    assert max(len(line.split("|")) for line in text.splitlines()) == 12


def test_the_picture_has_time_and_memory_against_the_count():
    from ganeval.bench.plots import draw

    many = tuple(made(name, (w * n,), n) for n in (10, 20) for name, w in (("ganeval", 1.0), ("peer", 3.0)))
    data = draw(Comparison(many, "FID of PNGs", "Linux", None, ""), "svg").decode()

    for word in ("peer", "images a side", "peak memory, MiB", "wall time"):
        assert word in data


# ---- peers


def test_a_peer_that_is_not_installed_is_told_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(peers.PEERS, "other", Entrant("other", "no-such-package-here", lambda _: [], json.loads))

    with pytest.raises(UsageError, match=r"no-such-package-here is not installed\. Run: pip install no-such-package"):
        entrants(("other",))


def test_an_unknown_peer_gets_a_did_you_mean():
    with pytest.raises(UsageError, match="Did you mean 'torch-fidelity'"):
        entrants(("torchfidelity",))


def test_what_peers_print_is_read():
    assert peers.PEERS["pytorch-fid"].numbers("Warning: x\nFID:  12.5\n") == {"fid": 12.5}
    output = 'noise\n{"inception_score_mean": 1.5, "frechet_inception_distance": 2.5}'
    assert peers.PEERS["torch-fidelity"].numbers(output) == {"fid": 2.5, "is": 1.5}
    with pytest.raises(DataError, match="printed no FID"):
        peers.PEERS["pytorch-fid"].numbers("nothing")


def test_counts_and_outputs_are_checked_before_anything_runs(tmp_path, monkeypatch):
    assert parse_counts("100, 20,20") == [20, 100]
    monkeypatch.setattr(scoring, "compare", lambda *_: pytest.fail("ran"))
    wrong = [["--images", "5"], ["--images", "x"], ["--plot", "a.jpg"], ["--json", str(tmp_path / "no" / "file")]]
    for arguments in wrong:
        result = CliRunner().invoke(root, ["bench", "scoring", *arguments])
        assert isinstance(result.exception, UsageError), arguments


# ---- materials


def test_folders_are_real_photos_and_begin_alike_at_any_count(tmp_path):
    write_folder(tmp_path / "a", 2, 64, split="test", noise=0.0)
    write_folder(tmp_path / "b", 3, 64, split="test", noise=0.0)

    names = [path.name for path in sorted((tmp_path / "a").iterdir())]
    assert names == ["000000.png", "000001.png"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    with Image.open(tmp_path / "a" / names[0]) as image:
        assert image.size == (64, 64)
        assert np.asarray(image).std() > 2


def test_a_photo_smaller_than_the_square_is_enlarged():
    small = photo("chelsea")[:, :50, :90]

    assert crop([small], 64, np.random.default_rng(0)).shape == (3, 64, 64)


@pytest.mark.slow
def test_random_weights_fit_the_network_and_do_not_explode():
    import torch

    from ganeval.backbones.inception import INCEPTION, Inception
    from ganeval.backbones.weights import LoadedWeights

    state = random_inception(1)
    backbone = Inception(INCEPTION, LoadedWeights(state, "0" * 64, False), torch.device("cpu"))
    images = torch.from_numpy(np.stack([photo("chelsea")[:, :256, :256], photo("coffee")[:, :256, :256]]))
    features = backbone(images).features

    assert torch.isfinite(features).all()
    assert features.std() > 0.01


# ---- stages


def test_every_stage_is_held_against_a_limit(make_folder):
    source = FolderSource(make_folder("images", 4, sizes=((24, 24),)))

    class Counted(ToyBackbone):
        def __init__(self):
            super().__init__()
            self.network = lambda prepared: prepared.flatten(1) @ self.projection

    stages, limits = measure_stages(source, Counted, lambda _: None, 2)

    assert min(limits.float32, limits.float64, limits.memory) > 0
    assert [stage.name for stage in stages] == [
        "read + hash + decode",
        "resize",
        "network",
        "resize + network",
        "whole pass",
        "reduce",
        "solve",
    ]
    assert all(stage.reached > 0 and len(stage.seconds) == 2 for stage in stages)
    network = stages[2]
    assert network.work == 4 * 2 * 192 * 16  # a matrix product of 192 by 16 for each image
    assert network.rate == pytest.approx(4 / network.median)


def test_float64_products_are_not_faster_than_float32_ones():
    limits = measure_limits(3)

    assert limits.float64 < 1.5 * limits.float32
