"""The doctor finds each planted fault and calls nothing serious on clean images."""

import os
from pathlib import Path

import numpy as np
import pytest

from ganeval.doctor.examine import examine
from ganeval.doctor.reading import look_at
from ganeval.doctor.table import FACT_CHECKS, LOOK_CHECKS, check_looks
from ganeval.errors import DataError
from ganeval.progress import Silent
from ganeval.sources.base import Subset
from ganeval.sources.datasets.table import open_dataset
from ganeval.sources.folder import FolderSource
from ganeval.sources.resolve import open_source
from tests.doctor_cases import CASES, LOSSLESS, clean, high_quality, tiles, with_alpha


@pytest.fixture(scope="module")
def photos():
    return tiles()


@pytest.fixture(scope="module")
def references(photos, tmp_path_factory):
    """Clean images to be held against, looked at once: lossless, and as JPEG of quality 95."""
    looks = {}
    for kind, write in (("png", clean), ("jpeg", high_quality)):
        folder = tmp_path_factory.mktemp(kind)
        write(folder, photos[1], photos[0])
        looks[kind] = look_at(FolderSource(folder), Silent())
    return looks


def found_in(case, photos, references, folder):
    ours, theirs = photos
    case.write(folder, ours if case.few is None else ours[: case.few], theirs)
    return check_looks(look_at(FolderSource(folder), Silent()), references.get(case.against))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.fault)
def test_a_planted_fault_is_found_and_nothing_else_is_serious(case, photos, references, tmp_path):
    findings = {finding.name: finding for finding in found_in(case, photos, references, tmp_path)}

    assert case.name in findings, list(findings)
    assert findings[case.name].severity == case.severity
    assert findings[case.name].says
    assert findings[case.name].do
    assert len(findings[case.name].examples) <= 8
    serious = {name for name, finding in findings.items() if finding.severity == "serious"}
    assert serious <= {case.name, *case.also}, {name: findings[name].says for name in serious}


def test_every_check_has_a_planted_fault():
    planted = {case.name for case in CASES}

    assert {check.name for check in (*FACT_CHECKS, *LOOK_CHECKS)} - planted == {"ycbcr"}
    assert len(CASES) >= 30


@pytest.mark.parametrize(
    ("subject", "against"),
    [
        ("digits", None),
        ("digits:test", "digits:train"),
        ("photos", None),
        ("photos:test", "photos:train"),
        ("photos-evening:test", None),
    ],
)
def test_nothing_is_serious_on_clean_embedded_sets(subject, against):
    found = examine(open_dataset(subject), None if against is None else open_dataset(against), Silent())

    assert [(finding.name, finding.says) for finding in found.findings if finding.severity == "serious"] == []


def test_two_halves_of_one_clean_set_have_nothing_but_their_count(photos, references, tmp_path):
    clean(tmp_path, photos[0], photos[1])

    findings = check_looks(look_at(FolderSource(tmp_path), Silent()), references["png"])

    assert {finding.name for finding in findings if finding.severity != "info"} == {"count"}


def test_a_set_against_itself_is_leakage_of_all_images(references, tmp_path, photos):
    clean(tmp_path, photos[1], photos[0])

    findings = check_looks(look_at(FolderSource(tmp_path), Silent()), references["png"])

    (leakage,) = [finding for finding in findings if finding.severity == "serious"]
    assert leakage.name == "leakage"
    assert leakage.count == leakage.of == len(photos[1])
    assert "all images are images of the reference" in leakage.says


def test_a_fault_that_the_reference_shares_is_no_fault(photos, tmp_path):
    """Grey, transparent, enlarged or palette images against the like of them are as they should be."""
    for i, side in enumerate(photos):
        folder = tmp_path / str(i)
        folder.mkdir()
        for j, image in enumerate(side):
            image.convert("L").resize((128, 128)).save(folder / f"{j}.png", compress_level=1)
    sides = [look_at(FolderSource(tmp_path / str(i)), Silent()) for i in range(2)]

    findings = {finding.name: finding.severity for finding in check_looks(*sides)}

    assert {name for name, severity in findings.items() if severity != "info"} == {"count"}
    assert findings["enlarged"] == "info"


def test_a_reference_that_alone_was_converted_is_a_finding(photos, tmp_path):
    for name, images in zip(("ours", "theirs"), photos, strict=True):
        (tmp_path / name).mkdir()
        for i, image in enumerate(images):
            (image if name == "ours" else with_alpha(image, i)).save(tmp_path / name / f"{i}.png", compress_level=1)
    looks = [look_at(FolderSource(tmp_path / name), Silent()) for name in ("ours", "theirs")]

    (finding,) = [finding for finding in check_looks(*looks) if finding.name == "alpha"]

    assert finding.severity == "warning"
    assert finding.says.startswith("100% of the reference's images, and none of these, are partly transparent")


def test_counts_and_examples_are_those_of_the_planted_images(photos, references, tmp_path):
    case = next(case for case in CASES if case.fault == "six reference images")

    findings = {finding.name: finding for finding in found_in(case, photos, references, tmp_path)}

    assert findings["leakage"].count == 6
    assert findings["leakage"].share == 0.1
    assert findings["leakage"].examples == ("000", "001", "002", "003", "004", "005")


def test_a_set_without_one_readable_image_is_an_error(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nrest")

    with pytest.raises(DataError, match=r"No image of .* can be decoded \(1 image\); first: a: "):
        look_at(FolderSource(tmp_path), Silent())


def test_findings_do_not_depend_on_the_order_of_checks_or_on_names(photos, references, tmp_path):
    """Severity first, then the order of the table; counts are those of the images, whatever they are called."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for i, image in enumerate(photos[0]):
        image.save(tmp_path / "one" / f"{i:03d}.jpg", quality=40)
        image.save(tmp_path / "two" / f"{(7 * i) % 60:03d}-x.jpg", quality=40)

    rows = []
    for name in ("one", "two"):
        found = examine(FolderSource(tmp_path / name), None, Silent())
        rows.append([(finding.severity, finding.name, finding.count) for finding in found.findings])

    assert rows[0] == rows[1]
    assert [row[0] for row in rows[0]] == sorted((row[0] for row in rows[0]), key=["serious", "warning", "info"].index)


# ---- real data


def real(name):
    root = os.environ.get("GANEVAL_DATA")
    if root is None:
        pytest.skip("GANEVAL_DATA names no folder")
    path = Path(root) / name
    if "." in name or name == "bsd100":
        if not path.exists():
            pytest.skip(f"{path} is not there")
        return open_source(str(path), data_root=None)
    return open_source(name, data_root=Path(root))


@pytest.mark.data
@pytest.mark.parametrize("name", ["fashion-mnist:test", "cifar10-test.zip", "bsd100"])
def test_nothing_is_serious_on_clean_real_sets_alone_or_halved(name):
    whole = real(name)
    order = np.random.default_rng(0).permutation(len(whole)).tolist()
    half = len(whole) // 2

    for subject, against in ((whole, None), (Subset(whole, order[:half]), Subset(whole, order[half:]))):
        found = examine(subject, against, Silent())
        assert [(f.name, f.says) for f in found.findings if f.severity == "serious"] == []


@pytest.mark.data
@pytest.mark.slow
def test_nothing_is_serious_between_the_splits_of_fashion_mnist():
    found = examine(real("fashion-mnist:test"), real("fashion-mnist:train"), Silent())

    assert [(f.name, f.says) for f in found.findings if f.severity == "serious"] == []


def test_lossless_photos_show_no_grid_of_a_jpeg():
    """The embedded photos are cut from PNG and JPEG files; only tiles of the latter may carry one."""
    source = open_dataset("photos")
    lossless = Subset(
        source, [i for i, item in enumerate(source.items) if item.name.startswith(("astronaut", "coffee"))]
    )

    looks = look_at(lossless, Silent())

    assert LOSSLESS[0] == "astronaut"
    grids = np.array([traces.grid for traces in looks.traces.values()])
    assert (grids[np.isfinite(grids)] > 0.05).mean() < 0.1


# ---- the page

PAGE = Path(__file__).parents[2] / "docs" / "doctor-checks.md"


def checks_table():
    lines = ["| check | asks | finds something when | because |", "|---|---|---|---|"]
    for cheap, checks in ((True, FACT_CHECKS), (False, LOOK_CHECKS)):
        for check in checks:
            # Quality is in the header of a file, which a score does not look at twice.
            mark = " *(also in score)*" if cheap and check.name not in ("jpeg-quality", "left-out") else ""
            lines.append(f"| `{check.name}`{mark} | {check.asks} | {check.threshold} | {check.reason} |")
    return lines


def planted_table():
    lines = ["| planted | against | found as | severity |", "|---|---|---|---|"]
    kinds = {None: "", "png": "clean PNG", "jpeg": "JPEG of quality 95"}
    return lines + [f"| {c.fault} | {kinds[c.against]} | `{c.name}` | {c.severity} |" for c in CASES]


@pytest.mark.parametrize(("name", "table"), [("checks", checks_table), ("planted", planted_table)])
def test_the_page_has_the_tables_of_the_program(name, table, request):
    text = PAGE.read_text()
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = text.partition(start)
    shown, _, after = rest.partition(end)
    expected = "\n".join(table()) + "\n"
    if request.config.getoption("--update-golden"):
        PAGE.write_text(before + start + expected + end + after)
        shown = expected

    assert shown == expected, "pytest --update-golden tests/doctor/test_doctor.py"
