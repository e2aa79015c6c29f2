"""The report: one file with every section that loads nothing and escapes everything."""

import base64
import hashlib
import json
import re

import pytest

from ganeval.doctor.examine import Examination
from ganeval.doctor.finding import Finding
from ganeval.errors import DataError
from ganeval.progress import Silent
from ganeval.report import ReportOptions, write_report
from ganeval.report.charts import LineChart, Series
from ganeval.report.page import line_values
from ganeval.report.runs import MAX_GRIDS
from tests.report_inputs import (
    HOSTILE,
    Reader,
    checkpoint_row,
    write_pairs,
    write_picture,
    write_rows,
    write_run,
    write_values,
)


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Writes a report outside any project and reads it: page(runs=[...], ...) -> (text, Reader, Written)."""
    monkeypatch.chdir(tmp_path)

    def write(**options):
        out = tmp_path / "report.html"
        written = write_report(ReportOptions(out, **options), Silent())
        text = out.read_text(encoding="utf-8")
        return text, Reader(text), written

    return write


def everything(tmp_path):
    write_run(tmp_path / "runs" / "0")
    rows = [checkpoint_row(40.0 + s, seed=s) for s in range(3)]
    rows += [checkpoint_row(90.0, checkpoint="untrained", step=0)]
    rows += [checkpoint_row(v, f"fd_per_class:{c}@efflite0") for c, v in (("0", 5.0), ("1", 9.0))]
    table = write_values(tmp_path / "blame.csv", ["fd@efflite0"], [("p0", 2.0), ("p1", -1.0)])
    pairs = write_pairs(tmp_path, ["p0", "p1", "p2"])
    return {
        "results": write_rows(tmp_path / "rows.jsonl", rows),
        "runs": [tmp_path / "runs"],
        "pairs": [pairs],
        "blame": [(table, pairs[1])],
    }


def test_the_page_has_every_section_and_stays_small(page, tmp_path):
    text, read, written = page(**everything(tmp_path))

    ids = [attributes.get("id") for tag, attributes in read.tags if tag == "section"]
    assert ids == ["boards", "scores", "history", "classes", "training", "pairs", "crops", "blame", "protocols"]
    assert written.size == len(text.encode()) < 8_000_000
    links = [attributes["href"] for tag, attributes in read.tags if tag == "a"]
    targets = {"#" + attributes["id"] for _, attributes in read.tags if "id" in attributes}
    assert set(links) <= targets


def test_the_page_refers_to_nothing_outside_itself(page, tmp_path):
    text, read, _ = page(**everything(tmp_path))

    for tag, attributes in read.tags:
        for name in ("src", "href", "xlink:href", "action", "poster", "srcset"):
            if name in attributes:
                assert attributes[name].startswith(("data:", "#")), (tag, attributes[name][:60])
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
    assert "url(" not in text
    assert "@import" not in text
    assert "http" not in text.replace('http-equiv="Content-Security-Policy"', "")


def test_the_policy_names_the_digests_of_the_one_style_and_script(page, tmp_path):
    text, read, _ = page(**everything(tmp_path))

    policy = next(a["content"] for t, a in read.tags if t == "meta" and a.get("http-equiv"))
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy


def test_hostile_names_stay_text(page, tmp_path):
    stems = [name.replace("/", "|").replace("\x1b", "") for name in HOSTILE]
    pairs = write_pairs(tmp_path, stems)
    blame = write_values(tmp_path / "blame.csv", [HOSTILE[1]], [(stem, i) for i, stem in enumerate(stems)])
    for place, name in enumerate(HOSTILE):
        write_run(tmp_path / "runs" / str(place), name=name, loss=name, metric=name)
    rows = [
        checkpoint_row(1.0, subject=name, provenance={"versions": {name: name}, "device": name}) for name in HOSTILE
    ]
    rows += [checkpoint_row(2.0, f"fd_per_class:{name}@efflite0", recipe=name) for name in HOSTILE]
    rows += [checkpoint_row(2.0, recipe=name, checkpoint=name, step=s, note=name) for name in HOSTILE for s in (1, 2)]
    harmless = page(**everything(tmp_path / "harmless"))[1]

    text, read, _ = page(
        results=write_rows(tmp_path / "rows.jsonl", rows),
        runs=[tmp_path / "runs"],
        pairs=[pairs],
        blame=[(blame, pairs[1])],
        title=HOSTILE[0],
    )

    assert {tag for tag, _ in read.tags} <= {tag for tag, _ in harmless.tags}
    usual = {name for _, attributes in harmless.tags for name in attributes} | {"data-table", "spellcheck"}  # a filter
    assert {name for _, attributes in read.tags for name in attributes} <= usual
    assert [tag for tag, _ in read.tags].count("script") == 1
    words = "".join(read.words)
    for name in HOSTILE[:-1]:
        assert name in words
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_report_of_nothing_is_refused(page, tmp_path):
    with pytest.raises(DataError, match="nothing to show"):
        page(results=write_rows(tmp_path / "rows.jsonl", []))
    assert not (tmp_path / "report.html").exists()


def test_a_damaged_line_of_rows_is_told_on_the_page(page, tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", [checkpoint_row(1.0)])
    with open(rows, "a") as file:
        file.write('{"subject": "cut')

    _, read, written = page(results=rows)

    assert any("rows.jsonl:2" in problem for problem in written.page.problems)
    assert any("rows.jsonl:2" in words for words in read.words)


@pytest.mark.slow
def test_many_pictures_still_make_a_page_below_eight_megabytes(page, tmp_path):
    for run in range(2):
        folder = write_run(tmp_path / "runs" / str(run), name=f"r{run}")
        for step in range(8):
            write_picture(folder / "grids" / f"{step + 1000:07d}.png", 640, 640, seed=step)

    _, read, written = page(runs=[tmp_path / "runs"])

    assert written.size < 8_000_000
    assert sum(tag == "img" for tag, _ in read.tags) == 2 * MAX_GRIDS


def test_the_table_under_a_chart_has_a_row_a_place():
    chart = LineChart("t", "step", "fd", (Series("a", (0.0, 5.0), (1.0, 2.0)), Series("b", (5.0,), (7.0,))))

    assert line_values(chart) == [("0", ["1.0000", ""]), ("5", ["2.0000", "7.0000"])]


def test_what_doctor_found_is_a_section_and_its_names_stay_text(tmp_path):
    examination = Examination(
        subject="<i>samples",
        against="digits:test",
        n=60,
        n_against=599,
        checks=31,
        findings=(
            Finding(
                name="copies",
                severity="serious",
                count=20,
                of=60,
                says="20 of 60 images are exact copies",
                do="Draw each latent once.",
                examples=("<b>000",),
            ),
        ),
    )
    (tmp_path / "doctor.json").write_text(json.dumps(examination.to_json()))
    write_report(ReportOptions(tmp_path / "r.html", doctor=[tmp_path / "doctor.json"]), Silent())
    text = (tmp_path / "r.html").read_text()

    assert "1 serious, 0 warnings, 0 info; 31 checks of 60 images against 599" in text
    assert "20 of 60 images are exact copies. Draw each latent once." in text
    assert "&lt;b&gt;000" in text
    assert "&lt;i&gt;samples" in text
    assert "<b>000" not in text

    with pytest.raises(DataError, match=r"Cannot read .*none\.json"):
        write_report(ReportOptions(tmp_path / "r.html", doctor=[tmp_path / "none.json"]), Silent())
