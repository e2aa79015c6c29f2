"""Crop sheets and rating pages: one place of each picture, the worst; nothing tells a rater the names."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import DataError
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.report import ReportOptions, write_report
from ganeval.report.blind import blind_page
from ganeval.report.crops import place_of_crop, rated, read_crops, side_of_crop
from ganeval.report.pictures import Album
from tests.report_inputs import HOSTILE, write_run, write_values

PLAIN = ScoreOptions("")


@pytest.fixture
def versions(tmp_path):
    """Six originals and two versions: `a` wrong in one square, `b` a little wrong everywhere; --pairs of both."""
    rng = np.random.default_rng(0)
    stems = [f"p{i}" for i in range(6)]
    for i, stem in enumerate(stems):
        real = rng.integers(60, 180, (120, 160, 3), dtype=np.uint8)
        a, b = real.copy(), real + 3
        a[40:70, 10 * i : 10 * i + 30] += 60
        for name, pixels in (("hr", real), ("a", a), ("b", b)):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / name / f"{stem}.png")
    named = []
    for name, base in (("a", 20.0), ("b", 40.0)):
        table = [(stem, base + i) for i, stem in enumerate(stems)]
        values = write_values(tmp_path / f"{name}.csv", ["psnr"], table)
        named.append((values, str(tmp_path / name), str(tmp_path / "hr")))
    return named


def test_the_crop_is_where_a_version_is_furthest_from_the_original():
    original = np.full((3, 80, 100), 100, dtype=np.uint8)
    near, far = original.copy(), original.copy()
    near[:, 5:25, 5:25] += 20
    far[:, 50:74, 60:84] += 90

    assert side_of_crop(original) == 24
    assert place_of_crop([near, far], original, 24) == (50, 60, 24, 24)
    assert place_of_crop([near], original, 200) == (0, 0, 80, 100)
    sums = [
        ((far[:, y : y + 24, x : x + 24].astype(float) - 100) ** 2).sum() for y in range(57) for x in range(77)
    ]  # every square, slowly
    assert divmod(int(np.argmax(sums)), 77) == (50, 60)


def test_a_sheet_has_the_original_and_each_version_at_one_place(versions):
    album = Album()
    (sheet,) = read_crops(versions, PLAIN, album, [])

    assert sheet.subjects == [versions[0][1], versions[1][1]]
    assert [row.stem for row in sheet.rows] == [f"p{i}" for i in range(6)]
    for i, row in enumerate(sheet.rows):
        assert [picture.alt.rpartition(", at ")[2] for picture in (row.original, *(c for c, _ in row.crops))] == [
            f"{10 * i}, 40"
        ] * 3
        assert [values for _, values in row.crops] == [[("psnr", 20.0 + i)], [("psnr", 40.0 + i)]]
        crop, original = (np.asarray(picture.image).astype(int) for picture in (row.crops[0][0], row.original))
        assert set(np.unique(crop - original)) == {60}


def test_other_originals_get_a_sheet_of_their_own(versions, tmp_path):
    (tmp_path / "hr").rename(tmp_path / "other")
    a, b = versions
    sheets = read_crops([(a[0], a[1], str(tmp_path / "other")), (b[0], b[1], str(tmp_path / "a"))], PLAIN, Album(), [])

    assert [sheet.title for sheet in sheets] == [str(tmp_path / "other"), str(tmp_path / "a")]


def test_versions_of_another_size_are_left_out_and_told(versions, tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "b" / "p0.png")
    problems = []
    (sheet,) = read_crops(versions, PLAIN, Album(), problems)

    assert [row.stem for row in sheet.rows] == [f"p{i}" for i in range(1, 6)]
    assert "p0" in problems[0]
    assert "20 x 20" in problems[0]


def test_versions_that_share_no_image_are_refused(versions, tmp_path):
    values = write_values(tmp_path / "a.csv", ["psnr"], [("p0", 1.0)])
    other = write_values(tmp_path / "b.csv", ["psnr"], [("p1", 1.0)])
    with pytest.raises(DataError, match="share no image"):
        read_crops([(values, *versions[0][1:]), (other, *versions[1][1:])], PLAIN, Album(), [])


def tasks_of(page):
    return json.loads(re.search(r'id="tasks">(.*?)</script>', page.decode(), re.DOTALL)[1])


def test_a_rating_page_holds_every_version_of_each_picture_and_names_none_of_them_in_words(versions):
    page = blind_page(versions, PLAIN, "Rating", [])
    tasks = tasks_of(page)

    assert [task["image"] for task in tasks] == [f"p{i}" for i in range(6)]
    assert all(task["original"].startswith("data:image/webp") for task in tasks)
    assert all([v["name"] for v in task["versions"]] == [versions[0][1], versions[1][1]] for task in tasks)
    assert versions[0][1] not in re.sub(r"<script.*?</script>", "", page.decode(), flags=re.DOTALL)
    assert b"1 of 6" in page
    assert "default-src 'none'" in page.decode().replace("&#39;", "'")


def test_a_single_version_is_rated_against_its_original(versions):
    tasks = tasks_of(blind_page(versions[:1], PLAIN, "Rating", []))

    assert all(task["original"] is None for task in tasks)
    assert all([v["name"] for v in task["versions"]] == [versions[0][1], versions[0][2]] for task in tasks)


def test_large_pictures_are_cut_for_rating_and_not_shrunk(tmp_path):
    rng = np.random.default_rng(0)
    real = rng.integers(0, 200, (700, 900, 3), dtype=np.uint8)
    fake = real.copy()
    fake[600:, 850:] += 50
    for name, pixels in (("hr", real), ("a", fake)):
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "x.png")
    values = write_values(tmp_path / "a.csv", ["psnr"], [("x", 1.0)])
    ((_, _, pictures),) = rated([(values, str(tmp_path / "a"), str(tmp_path / "hr"))], PLAIN, [])

    assert [picture.shape for picture in pictures] == [(3, 512, 512)] * 2
    assert np.array_equal(pictures[0], fake[188:, 388:].transpose(2, 0, 1))


def test_a_name_cannot_end_the_script_that_holds_it(versions, tmp_path):
    for name in ("hr", "a"):
        for i, text in enumerate(HOSTILE[:1] + HOSTILE[5:6]):
            (tmp_path / name / f"p{i}.png").rename(tmp_path / name / f"{text.replace('/', '')}.png")
    stems = [text.replace("/", "") for text in HOSTILE[:1] + HOSTILE[5:6]]
    values = write_values(tmp_path / "a.csv", ["psnr"], [(stem, float(i)) for i, stem in enumerate(stems)])
    page = blind_page([(values, *versions[0][1:])], PLAIN, HOSTILE[4], [])

    assert {task["image"] for task in tasks_of(page)} == set(stems)
    assert page.count(b"<script") == 2


def test_the_report_shows_crops_and_writes_the_rating_page(versions, tmp_path, command_line):
    arguments = [text for named in versions for text in ("--pairs", *map(str, named))]
    report, rating = tmp_path / "r.html", tmp_path / "rate.html"
    code, output, _ = command_line("report", "--out", report, "--blind", rating, *arguments)

    assert code == 0
    assert output.splitlines()[-1] == str(rating)
    assert len(tasks_of(rating.read_bytes())) == 6
    assert 'id="crops"' in report.read_text()
    for wrong in ([], [*arguments, "--pairs", versions[0][0], versions[0][1], versions[0][1]]):
        code, _, error = command_line("report", "--out", report, "--blind", tmp_path / "no.html", *wrong)
        assert (code, "--pairs CSV FAKE REAL" in error) == (2, True)
    assert not (tmp_path / "no.html").exists()


def test_runs_below_the_results_are_found(tmp_path):
    write_run(tmp_path / "results" / "toy-seed0")
    written = write_report(ReportOptions(tmp_path / "r.html", results=tmp_path / "results"), Silent())

    assert [len(group.runs) for group in written.page.trainings] == [1]
