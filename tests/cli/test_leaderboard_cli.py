"""`ganeval leaderboard`: what people see, what files hold, and that text of strangers stays text."""

import csv
import dataclasses
import io
import json
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ganeval.cli import main as cli
from ganeval.errors import DataError, UsageError
from ganeval.escaping import markdown, printable, spreadsheet
from ganeval.leaderboard import append_timings
from ganeval.leaderboard.gathering import gather
from ganeval.leaderboard.showing import count, number, spread
from ganeval.report.boards import board_views
from ganeval.results.result import append_jsonl, to_json
from tests.leaderboard.test_leaderboard_timings import ROW, WRITTEN
from tests.rows import BASE, checkpoint, line, result, seeds

BOARDS = """
[digits]
title = "Handwritten digits"
data = "digits:test"
sort = "fd@efflite0"
metrics = ["fd@efflite0", "kd@efflite0", "precision@efflite0"]
note = "A note."
[digits.anchors]
"digits:train" = "real images"
"""
HOSTILE = '=HYPERLINK("http://x")|<script>alert(1)</script>`*_[a](javascript:b)\x1b[31m\u202e\n@user'


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with two recipes of three seeds, anchors, a row of another protocol and a timing."""
    results = tmp_path / "leaderboards" / "results"
    results.mkdir(parents=True)
    (tmp_path / "leaderboards" / "boards.toml").write_text(BOARDS)
    rows = [
        *seeds([7.0, 7.2, 7.1]),
        *seeds([6.9, 7.1, 7.0], stem="best"),
        *seeds([80.0, 81.0, 82.0], stem="untrained"),
        *seeds([9.0, 9.1, 9.2], "wgan.digits-cpu", parameters=900_000),
        *seeds([0.01, 0.02, 0.03], key="kd@efflite0", protocol=dataclasses.replace(BASE, metric="kd")),
        result(1.5, subject="digits:train"),
        result(3.0, subject="small", protocol=dataclasses.replace(BASE, n_fake=100)),
    ]
    append_jsonl(results / "digits.jsonl", rows)
    append_timings(results / "timings.jsonl", [ROW, dataclasses.replace(ROW, name="wgan.digits-cpu", value=100.0)])
    monkeypatch.chdir(tmp_path)
    return results


def run(*arguments, **kwargs):
    done = CliRunner().invoke(cli.root, ["leaderboard", *arguments], catch_exceptions=False, **kwargs)
    assert done.exit_code == 0, done.output
    return done


def test_show_prints_seeds_ties_anchors_costs_protocols_and_what_is_apart(project):
    done = run("show")
    lines = done.stdout.splitlines()
    cells = [text.split() for text in lines]

    assert lines[0] == "Handwritten digits, against digits:test"
    assert cells[1][:8] == ["rank", "entry", "checkpoint", "seeds", "fd", "↓", "params", "images/s"]
    assert cells[2][:7] == ["1=", "dcgan.digits-cpu", "best", "3", "7.00", "±", "0.10"]
    assert cells[3][:7] == ["1=", "dcgan.digits-cpu", "last", "3", "7.10", "±", "0.10"]
    assert cells[4][:7] == ["3", "wgan.digits-cpu", "last", "3", "9.10", "±", "0.10"]
    assert cells[5][:3] == ["digits:train", "(real", "images)"]
    assert cells[6][:2] == ["dcgan.digits-cpu", "untrained"]
    assert {"1.2M*", "900k*", "900*", "0.02000"} <= set(" ".join(lines[2:5]).split())
    assert "A note." in done.stdout
    assert f"fd@efflite0 {BASE.fingerprint}" in done.stdout
    assert "apart, not comparable: 1 row of small (fd@efflite0): n_fake 100 instead of 599" in done.stdout
    assert "sampling, batch 64" in done.stdout
    assert "9.00x" in done.stdout


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_table_fits_and_says_what_has_no_room(project, width):
    done = run("show", "--board", "digits", env={"COLUMNS": str(width)})
    table = done.stdout.splitlines()[:7]

    assert max(len(text.rstrip()) for text in table) <= width
    assert ("kd ↓" in table[1]) or "no room for" in done.stdout


def test_one_board_is_shown_by_name_and_an_unknown_one_names_those_there_are(project):
    assert "sampling" not in run("show", "--board", "digits").stdout
    assert run("show", "--board", "timings").stdout.startswith("sampling, batch 64")
    with pytest.raises(UsageError, match=r"Did you mean 'digits'\? Available: digits, timings"):
        run("show", "--board", "digit")


def test_a_file_of_no_board_gets_one_of_its_own(project):
    append_jsonl(
        project / "mine.jsonl", [result(4.0, subject="samples"), result(5.0, subject="x", key="fd:7@efflite0")]
    )
    done = run("show", "--board", "mine")

    assert "samples" in done.stdout
    assert "fd:7" not in done.stdout
    assert "Every metric of mine.jsonl. boards.toml can choose them" in done.stdout


def test_no_rows_is_no_error_and_says_how_to_get_some(tmp_path, monkeypatch):
    (tmp_path / "leaderboards" / "results").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    done = run("show")

    assert done.stdout == ""
    assert "--append leaderboards/results/NAME.jsonl" in done.stderr


def test_a_cut_line_is_named_on_stderr_and_the_board_still_shown(project):
    file = project / "digits.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    done = run("show")

    assert f"digits.jsonl:{len(file.read_text().splitlines())}:" in done.stderr
    assert done.stdout.startswith("Handwritten digits")


def test_a_future_schema_stops_with_its_name(project):
    (project / "later.jsonl").write_text('{"schema": 9}\n')

    with pytest.raises(DataError, match=r"later\.jsonl:1 is of schema 9"):
        run("show")


def test_results_elsewhere_come_with_their_own_boards(project, tmp_path, monkeypatch):
    monkeypatch.chdir("/")

    assert "Handwritten digits, against" in run("show", "--results", str(project)).stdout
    assert "7.00 ± 0.10" in run("show", "--results", str(project / "digits.jsonl"), "--board", "digits").stdout


def test_rows_are_added_once_and_no_line_is_touched(project, tmp_path):
    before = (project / "digits.jsonl").read_bytes()
    new = tmp_path / "new.jsonl"
    skipped = dataclasses.replace(result(1.0), value=None, status="skipped")
    rows = [*seeds([7.0]), checkpoint(6.0, seed=9), checkpoint(6.0, seed=9), skipped]
    bare = dataclasses.replace(result(3.0), protocol=None)
    append_jsonl(new, [*rows, bare])
    new.write_text(new.read_text() + '{"subject": "cut')
    done = run("add", str(new), "--board", "digits")

    after = (project / "digits.jsonl").read_bytes()
    assert after.startswith(before)
    assert after[len(before) :].decode() == line(checkpoint(6.0, seed=9))
    assert "added 1 row to" in done.stdout
    assert "skipped 2 rows: already there" in done.stdout
    assert "skipped 1 row: without a value" in done.stdout
    assert "skipped 1 row: without a protocol" in done.stdout
    assert "skipped 1 row: damaged, see above" in done.stdout
    assert "new.jsonl:6:" in done.stderr
    assert "added nothing" in run("add", str(new), "--board", "digits").stdout
    assert (project / "digits.jsonl").read_bytes() == after


def test_another_seed_checkpoint_or_protocol_with_an_equal_value_is_another_row(project, tmp_path):
    new = tmp_path / "new.jsonl"
    other = dataclasses.replace(BASE, seed=8)
    rows = [checkpoint(7.0, seed=5), checkpoint(7.0, stem="step-10"), checkpoint(7.0, protocol=other), checkpoint(7.0)]
    append_jsonl(new, rows)

    assert "added 3 rows" in run("add", str(new), "--board", "digits").stdout


def test_the_json_of_score_and_of_pytest_benchmark_can_be_added(project, tmp_path):
    (tmp_path / "mine.json").write_text(to_json([result(4.0, subject="samples"), result(5.0, subject="others")]))
    (tmp_path / "bench.json").write_text(json.dumps(WRITTEN))
    before = (project / "timings.jsonl").read_bytes()

    assert "added 2 rows to" in run("add", str(tmp_path / "mine.json")).stdout
    assert "samples" in run("show", "--board", "mine").stdout
    assert "added 3 rows to" in run("add", str(tmp_path / "bench.json")).stdout
    assert "skipped 3 rows: already there" in run("add", str(tmp_path / "bench.json")).stdout
    assert (project / "timings.jsonl").read_bytes().startswith(before)
    assert "resize_of_torch_fidelity" in run("show", "--board", "timings").stdout


def test_add_makes_the_folder_where_there_is_none(tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    append_jsonl(tmp_path / "a.jsonl", [result(4.0)])
    run("add", "a.jsonl")

    assert (tmp_path / "leaderboards" / "results" / "a.jsonl").is_file()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.jsonl", "nonsense\n", r"holds no row.*x\.jsonl:1: not JSON"),
        ("x.jsonl", "", "holds no row"),
        ("x.json", "{", "is not JSON"),
        ("x.json", "[]", 'has no "rows"'),
        ("x.json", '{"rows": [{"a": 1}]}', "holds no row"),
        ("x.json", '{"schema": 5, "rows": []}', "schema 5"),
        ("x.jsonl", '{"schema": 5}\n', "schema 5"),
    ],
)
def test_what_holds_no_row_is_refused_and_nothing_written(project, tmp_path, name, content, message):
    before = sorted(path.name for path in project.iterdir())
    (tmp_path / name).write_text(content)

    with pytest.raises(DataError, match=message):
        run("add", str(tmp_path / name))
    assert sorted(path.name for path in project.iterdir()) == before


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden"])
def test_a_board_cannot_name_a_file_elsewhere(project, name):
    with pytest.raises(UsageError, match="isn't a name of a file"):
        run("add", str(project / "digits.jsonl"), "--board", name)


def test_csv_and_parquet_of_a_board_and_of_all_rows_agree(project, tmp_path):
    pytest.importorskip("pyarrow")
    for options in (["--board", "digits"], ["--board", "timings"], []):
        text = run("export", "--format", "csv", *options).stdout
        run("export", "--format", "parquet", "-o", str(tmp_path / "t.parquet"), *options)
        table = pd.read_parquet(tmp_path / "t.parquet")
        read = pd.read_csv(io.StringIO(text))

        assert list(read.columns) == list(table.columns)
        assert len(read) == len(table) > 0
    assert len(table) == 17


def test_csv_holds_the_numbers_to_the_last_digit(project):
    rows = list(csv.DictReader(io.StringIO(run("export", "--format", "csv", "--board", "digits").stdout)))

    assert [row["rank"] for row in rows] == ["1=", "1=", "3", "", ""]
    assert float(rows[0]["fd@efflite0 mean"]) == pytest.approx(7.0, rel=1e-15)
    assert rows[0]["entry"] == "dcgan.digits-cpu"


def test_json_holds_boards_and_timings_whole(project):
    content = json.loads(run("export", "--format", "json").stdout)
    digits = content["boards"]["digits"]

    assert content["schema"] == 1
    assert [entry["rank"] for entry in digits["entries"]] == ["1=", "1=", "3", "", ""]
    assert digits["entries"][0]["cells"]["fd@efflite0"]["sd"] == pytest.approx(0.1)
    assert digits["columns"][0]["fingerprint"] == BASE.fingerprint
    assert digits["apart"][0]["differs"] == "n_fake 100 instead of 599"
    assert content["timings"][0]["lines"][0]["row"]["value"] == 900.0


def test_markdown_is_a_table_that_renders_as_one(project):
    from markdown_it import MarkdownIt

    text = run("export").stdout
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    kinds = [token.type for token in tokens]

    assert kinds.count("table_open") == 2
    assert kinds.count("tr_open") == 1 + 5 + 1 + 2
    assert text.startswith("## Handwritten digits, against digits:test")


def test_the_model_index_is_what_hugging_face_reads(project):
    yaml = pytest.importorskip("yaml")
    card = pytest.importorskip("huggingface_hub.repocard_data")
    text = run("export", "--format", "hf-model-index", "--entry", "dcgan.digits-cpu").stdout
    index = yaml.safe_load(text)["model-index"]
    name, results = card.model_index_to_eval_results(index)
    values = {found.metric_type: found.metric_value for found in results}

    assert name == "dcgan.digits-cpu"
    assert values["fd@efflite0"] == pytest.approx(7.1)
    assert values["kd@efflite0"] == pytest.approx(0.02)
    assert {(found.dataset_type, found.dataset_split) for found in results} == {("digits", "test")}
    assert results[0].metric_args["fingerprint"] == BASE.fingerprint
    assert results[0].metric_args["seeds"] == 3
    best = run("export", "--format", "hf-model-index", "--entry", "dcgan.digits-cpu", "--checkpoint", "best").stdout
    assert yaml.safe_load(best)["model-index"][0]["results"][0]["metrics"][0]["value"] == pytest.approx(7.0)


def test_small_numbers_and_odd_names_survive_yaml(project):
    yaml = pytest.importorskip("yaml")
    append_jsonl(project / "mine.jsonl", [result(1e-5, subject=HOSTILE), result(3e-7, subject=HOSTILE, key="kd@x")])
    text = run("export", "--format", "hf-model-index", "--entry", HOSTILE).stdout
    (found,) = yaml.safe_load(text)["model-index"]

    assert found["name"] == printable(HOSTILE)
    assert [metric["value"] for metric in found["results"][0]["metrics"]] == [1e-5, 3e-7]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "hf-model-index"], "--entry NAME goes with"),
        (["--entry", "x"], "--entry NAME goes with"),
        (["--checkpoint", "x"], "--checkpoint goes with"),
        (["--format", "hf-model-index", "--entry", "dcgan.digits"], "Did you mean 'dcgan.digits-cpu'"),
        (["--format", "hf-model-index", "--entry", "dcgan.digits-cpu", "--checkpoint", "x"], "has the checkpoints"),
        (["-o", "no/such/folder.md"], "does not exist"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_before_anything_is_written(project, options, message):
    with pytest.raises(UsageError, match=message):
        run("export", *options)


def test_a_file_gets_the_same_bytes_as_stdout(project, tmp_path):
    for format_ in ("table", "md", "csv", "json"):
        out = tmp_path / f"out.{format_}"
        shown = run("export", "--format", format_, "--board", "digits", "-o", str(out))
        assert shown.stdout == ""
        assert out.read_text() == run("export", "--format", format_, "--board", "digits").stdout
    assert run("show", "--format", "md").stdout == run("export").stdout


def test_hostile_names_stay_text_everywhere(project):
    append_jsonl(project / "digits.jsonl", [result(4.0, subject=HOSTILE), result(5.0, subject="+1 = @SUM(A1)")])
    for format_ in ("table", "md", "csv"):
        text = run("export", "--format", format_, "--board", "digits").stdout
        assert "\x1b" not in text
        assert "\u202e" not in text
    rows = list(csv.DictReader(io.StringIO(run("export", "--format", "csv").stdout)))
    entries = {row["subject"] for row in rows}
    assert {entry for entry in entries if entry.startswith(("=", "+", "@", "-"))} == set()
    assert "'" + printable(HOSTILE) in entries


def test_a_hostile_name_breaks_out_of_no_cell_of_markdown(project):
    from markdown_it import MarkdownIt

    append_jsonl(project / "digits.jsonl", [result(4.0, subject=HOSTILE)])
    parser = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table")
    page = parser.render(run("export", "--board", "digits").stdout)
    tokens = parser.parse(run("export", "--board", "digits").stdout)

    assert "<script" not in page
    assert "<a " not in page
    assert "<em>" not in page
    assert "<code>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert len([t for t in tokens if t.type == "td_open"]) % 8 == 0
    assert {t.type for token in tokens for t in token.children or ()} <= {"text", "text_special"}


@given(st.text(max_size=40))
def test_any_text_is_one_line_of_literal_text(text):
    from markdown_it import MarkdownIt

    shown = MarkdownIt("commonmark", {"html": True}).renderInline(markdown(text))
    assert "\n" not in markdown(text)
    assert "<" not in shown
    assert printable(text).isprintable()
    assert not spreadsheet(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_numbers_are_short_and_honest():
    assert [number(x) for x in (0, 7.12345, 123456.7, 0.0012345, 1.5e-7, 2e9)] == [
        "0",
        "7.123",
        "123457",
        "0.001234",
        "1.500e-07",
        "2.000e+09",
    ]
    assert [spread(7.1234, 0.34), spread(1234.5, 56.0), spread(1.0, 0.0)] == ["7.12 ± 0.34", "1234 ± 56", "1.000 ± 0"]
    assert [count(x) for x in (900, 1_200_000, 3_000_000_000)] == ["900", "1.2M", "3G"]


@pytest.mark.skipif(sys.gettrace() is not None, reason="the tracer of `make coverage` has a start of its own")
def test_show_starts_fast_and_without_torch_pandas_or_numpy(project):
    code = (
        "import sys; from ganeval.cli.main import root\n"
        "root.main(['leaderboard', 'show'], standalone_mode=False)\n"
        "print(*sorted({'torch', 'pandas', 'numpy', 'scipy'} & set(sys.modules)), file=sys.stderr)"
    )
    used = os.times()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    now = os.times()

    assert "7.00 ± 0.10" in done.stdout
    assert done.stderr.strip() == ""
    # Processor time: the wall clock of a busy machine says little. Half a second is the promise.
    assert now.children_user + now.children_system - used.children_user - used.children_system < 0.5


@pytest.mark.slow
def test_the_wall_clock_of_show_is_under_half_a_second_on_an_idle_machine(project):
    def seconds():
        before = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "ganeval.cli.main", "leaderboard", "show"], check=True, capture_output=True
        )
        return time.perf_counter() - before

    assert min(seconds() for _ in range(20)) < 0.5


@pytest.fixture
def enlarged(tmp_path, make_folder, command_line, monkeypatch):
    """Scores two copies of some originals, both with noise, one a little more, and returns their board as Markdown."""

    def board(count, noises=(("bicubic", 6.5), ("lanczos", 6.0)), show=("--format", "md")):
        monkeypatch.chdir(tmp_path)
        originals = make_folder("hr", count, sizes=[(40, 40)])
        rng = np.random.default_rng(0)
        for name, noisy in noises:
            folder = tmp_path / name
            folder.mkdir()
            for i, path in enumerate(sorted(originals.iterdir())):
                pixels = np.asarray(Image.open(path), dtype=np.float64)
                noise = rng.normal(0, noisy * (1 + i % 9), pixels.shape)
                Image.fromarray(np.clip(pixels + noise, 0, 255).round().astype(np.uint8)).save(folder / path.name)
            options = ["--paired", originals, "--metrics", "psnr", "--append", "urban.jsonl"]
            assert command_line("score", folder, "--name", name, *options)[0] == 0
        return command_line("leaderboard", "show", "--results", "urban.jsonl", *show)[1]

    return board


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({}, "n = 599"),
        ({"n_real": 60_000}, "n = 599 against 60,000"),
        ({"crop_border": 0, "channel": "rgb", "n_fake": 1}, "1 pair"),
        ({"crop_border": 4, "channel": "y", "params": {"mod_crop": 4}}, "599 pairs, Y, mod-crop 4, crop 4"),
        ({"crop_border": 0, "channel": "rgb", "params": {"mask": "ab"}}, "599 pairs, masked"),
    ],
)
def test_a_board_says_how_many_images_and_what_was_cut_off(changes, facts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    row = result(3.0, protocol=dataclasses.replace(BASE, **changes))
    append_jsonl(tmp_path / "mine.jsonl", [row])
    (board,) = board_views(gather(tmp_path / "mine.jsonl").boards)

    shown = f"{facts}; protocols of most rows: fd@efflite0 {row.fingerprint}"
    assert shown in run("show", "--results", "mine.jsonl").stdout.splitlines()
    assert [column.facts for column in board.columns] == [facts]


def test_enlargements_are_ranked_image_by_image(enlarged):
    """Where images differ by 10 dB among themselves, .7 dB in every one of 20 is a difference."""
    text = enlarged(20)

    assert "| 1 | lanczos |" in text
    assert "| 2 | bicubic |" in text
    assert "not told" not in text


def test_a_fifth_of_a_decibel_is_a_difference_of_100_pairs_on_board_report_and_exports(enlarged, tmp_path):
    """As on Urban100: images differ by many dB, each of the 100 pairs by some .2 dB."""
    noises = (("bicubic", 6.14), ("lanczos", 6.0))
    content = json.loads(enlarged(100, noises, ("--format", "json")))["boards"]["urban"]
    ranks = {entry["name"]: entry["rank"] for entry in content["entries"]}
    means = {entry["name"]: entry["cells"]["psnr"]["mean"] for entry in content["entries"]}
    (board,) = board_views(gather(tmp_path / "urban.jsonl").boards)
    table = pd.read_csv(
        io.StringIO(run("export", "--results", "urban.jsonl", "--board", "urban", "--format", "csv").stdout)
    )

    assert 0.1 < means["lanczos"] - means["bicubic"] < 0.3
    assert ranks == {"lanczos": "1", "bicubic": "2"}
    assert content["ranks"]["tested"] == 1
    assert {entry.name: entry.rank for entry in board.entries} == ranks
    assert {entry: str(rank) for entry, rank in zip(table["entry"], table["rank"], strict=True)} == ranks


def test_five_pairs_are_untested_and_the_board_says_how_many_would_do(enlarged, tmp_path):
    text = enlarged(5)

    assert "| 1? | lanczos |" in text
    assert "| 1? | bicubic |" in text
    assert "untested against another entry" in text
    assert "fewer than 6 images" in text
    assert "5 pairs; protocols of most rows: psnr " in text
    (board,) = board_views(gather(tmp_path / "urban.jsonl").boards)
    assert board.ranks == [
        "? untested against another entry: fewer than 6 images differ, too few for any significance (1 comparison)"
    ]
