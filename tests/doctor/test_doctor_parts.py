"""The measures behind the checks: against Pillow's own tables, closed forms and slow oracles; what damage costs."""

import dataclasses
import io
import json
import re

import numpy as np
import orjson
import pytest
import scipy.fft
from PIL import Image

from ganeval.doctor import effects
from ganeval.doctor.check import percent
from ganeval.doctor.check_values import _colour_distance
from ganeval.doctor.damage import (
    as_grey,
    as_jpeg,
    as_palette,
    enlarged,
    flat,
    linear,
    permuted,
    repeated,
    resized,
    stretched,
    turned,
)
from ganeval.doctor.damaged_images import Damaged
from ganeval.doctor.examine import Examination, examine
from ganeval.doctor.facts import Values
from ganeval.doctor.finding import Effect, Finding, at_least, worst_first
from ganeval.doctor.grid import coefficients, find_grid
from ganeval.doctor.jpeg_quality import jpeg_quality
from ganeval.doctor.read_findings import read_examination
from ganeval.doctor.score_checks import cheap_checks
from ganeval.doctor.section import doctor_section
from ganeval.doctor.sharpness import fine_detail, repeated_pixels
from ganeval.doctor.thumbnails import ALIKE, NEAR, Thumbnails, nearly_same, thumbnail
from ganeval.errors import DataError
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.sources.arrays import ArraySource
from ganeval.sources.datasets.table import open_dataset
from ganeval.sources.folder import FolderSource
from ganeval.sources.resolve import open_source
from tests.conftest import TOY, ToyBackbone
from tests.doctor_cases import through_jpeg, tiles
from tests.one_pass import summarise


@pytest.fixture(scope="module")
def tile():
    """A textured tile of a lossless photo, as an array (64, 64, 3)."""
    return np.asarray(max(tiles()[0], key=lambda image: np.asarray(image).std()))


def luma(image):
    return np.asarray(image).astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)


def pictures(n, seed=0, side=16):
    """Rough noise: pictures that nothing has in common."""
    rough = np.random.default_rng(seed).integers(0, 256, (n, side // 4, side // 4, 3), dtype=np.uint8)
    return np.kron(rough, np.ones((1, 4, 4, 1), dtype=np.uint8))


# ---- JPEG


@pytest.mark.parametrize("quality", [1, 5, 25, 49, 50, 51, 75, 85, 90, 95, 99, 100])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_quality_of_a_jpeg_is_the_one_that_pillow_was_told(quality, mode):
    stored = io.BytesIO()
    Image.linear_gradient("L").resize((40, 24)).convert(mode).save(stored, "JPEG", quality=quality)

    assert jpeg_quality(stored.getvalue()) == quality


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xdb\x00\x03\x00", b"\x89PNG\r\n\x1a\n"])
def test_a_header_that_holds_no_table_has_no_quality(data):
    assert jpeg_quality(data) is None


def test_coefficients_are_scipys_dct_of_the_block_at_each_place(tile):
    picture = luma(tile)[:20, :25]

    found = coefficients(picture)

    assert found.shape == (13, 18, 8, 8)
    for y, x in ((0, 0), (5, 11), (12, 17)):
        block = picture[y : y + 8, x : x + 8].astype(np.float64)
        expected = scipy.fft.dctn(block, norm="ortho")  # [vertical, horizontal] frequency
        np.testing.assert_allclose(found[y, x], expected.T, atol=2e-3)


@pytest.mark.parametrize("quality", [40, 60, 75])
def test_the_grid_of_a_jpeg_is_found_with_its_quality_and_only_where_it_lies(tile, quality):
    once = through_jpeg(Image.fromarray(tile), quality)

    grid = find_grid(luma(once))
    shifted = find_grid(luma(once)[3:, 5:])
    untouched = find_grid(luma(tile))

    assert grid.excess > 0.1
    assert abs(grid.quality - quality) <= 5
    assert shifted.excess < 0.05
    assert untouched.excess < 0.05


def test_a_picture_too_small_or_too_flat_has_no_grid_to_look_for():
    assert find_grid(np.zeros((31, 64), dtype=np.float32)) is None
    assert find_grid(np.full((64, 64), 128, dtype=np.float32)) is None


# ---- enlarging


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_pixels_that_repeat_are_counted(factor):
    small = np.random.default_rng(0).integers(0, 256, (3, 6, 7), dtype=np.uint8)

    assert repeated_pixels(np.kron(small, np.ones((1, factor, factor), dtype=np.uint8))) == factor
    assert repeated_pixels(small) == 1


def test_a_flat_picture_repeats_nothing_and_has_no_detail():
    flat = np.full((3, 32, 32), 7, dtype=np.uint8)

    assert repeated_pixels(flat) == 1
    assert np.isnan(fine_detail(flat[0].astype(np.float32)))
    assert np.isnan(fine_detail(np.zeros((8, 8), dtype=np.float32)))


def test_white_noise_has_as_much_detail_at_every_scale():
    noise = np.random.default_rng(0).normal(128, 30, (256, 256)).astype(np.float32)

    assert abs(fine_detail(noise)) < 0.5


def test_fine_detail_falls_with_enlarging_and_not_with_light(tile):
    whole = fine_detail(luma(tile))
    small = Image.fromarray(tile).resize((32, 32), Image.Resampling.BOX)

    assert fine_detail(luma(small.resize((64, 64), Image.Resampling.BICUBIC))) < whole - 12
    assert fine_detail(0.5 * luma(tile) + 40) == pytest.approx(whole, abs=0.5)


# ---- near-copies


def test_near_copies_agree_with_the_plain_definition():
    """A slow oracle in float64, pair by pair, over pictures of which some are near."""
    rng = np.random.default_rng(1)
    base = rng.uniform(0, 255, (30, 16, 16))
    near = base[:10] + rng.normal(0, np.linspace(1, 12, 10)[:, None, None], (10, 16, 16))
    small = np.concatenate([base, near, np.full((2, 16, 16), 90.0)]).astype(np.float32)

    found = nearly_same(Thumbnails.of(small), Thumbnails.of(small), np.arange(len(small)))

    for i, a in enumerate(small.reshape(42, -1).astype(np.float64)):
        best = (-1.0, -1)
        for j, b in enumerate(small.reshape(42, -1).astype(np.float64)):
            a0, b0 = a - a.mean(), b - b.mean()
            if i == j or min(a0.std(), b0.std()) <= 3:
                continue
            correlation = (a0 @ b0) / np.sqrt((a0 @ a0) * (b0 @ b0))
            rough, fine = (a0, b0) if a0.std() > b0.std() else (b0, a0)
            left = rough - fine * (rough @ fine) / (fine @ fine)  # least squares
            if correlation >= ALIKE and np.sqrt((left**2).mean()) <= NEAR:
                best = max(best, (correlation, j))
        assert found[i] == best[1]


def test_searching_more_rows_than_a_block_finds_the_same(monkeypatch):
    small = np.concatenate([pictures(40, 3)[..., 0]] * 2).astype(np.float32)
    whole = nearly_same(Thumbnails.of(small), Thumbnails.of(small), np.arange(len(small)))

    monkeypatch.setattr("ganeval.doctor.thumbnails.CHUNK", 7)

    np.testing.assert_array_equal(nearly_same(Thumbnails.of(small), Thumbnails.of(small), np.arange(len(small))), whole)
    np.testing.assert_array_equal(whole, np.r_[40:80, 0:40])


@pytest.mark.parametrize("change", ["jpeg", "half", "darker", "noise"])
def test_a_changed_photo_is_still_nearly_the_same_and_another_is_not(change):
    images = [np.asarray(image) for image in tiles()[0] if np.asarray(image).std() > 30][:20]
    changes = {
        "jpeg": lambda x: np.asarray(through_jpeg(Image.fromarray(x), 50)),
        "half": lambda x: np.asarray(Image.fromarray(x).resize((32, 32)).resize((64, 64))),
        "darker": lambda x: (0.9 * x).astype(np.uint8),
        "noise": lambda x: np.clip(x + np.random.default_rng(0).normal(0, 6, x.shape), 0, 255).astype(np.uint8),
    }
    ours = Thumbnails.of(np.stack([thumbnail(luma(changes[change](x))) for x in images]))
    theirs = Thumbnails.of(np.stack([thumbnail(luma(x)) for x in images]))

    np.testing.assert_array_equal(nearly_same(ours, theirs), np.arange(len(images)))


# ---- values


def test_statistics_of_values_are_numpys(tile):
    channels = tile.transpose(2, 0, 1)
    histogram = np.stack([np.bincount(c.reshape(-1), minlength=256) for c in channels]).astype(np.int32)

    one = Values.of(np.stack([histogram, histogram]))
    both = Values.joined([one, one])

    np.testing.assert_allclose(one.mean[0], channels.mean(axis=(1, 2)))
    np.testing.assert_allclose(one.sd[1], channels.std(axis=(1, 2)))
    assert (one.low[0], one.high[0]) == (tile.min(), tile.max())
    assert one.at_low[0] == (tile == 0).mean()
    assert one.at_high[0] == (tile == 255).mean()
    assert both.mean.shape == (4, 3)
    assert both.histogram.sum() == 4 * tile.size


def test_the_colour_distance_is_hotellings_and_follows_the_channels():
    rng = np.random.default_rng(0)
    x, y = rng.normal(100, 20, (300, 6)), rng.normal(104, 20, (200, 6))

    def values(rows):
        nothing = np.zeros(len(rows))
        return Values(rows[:, :3], rows[:, 3:], nothing, nothing, nothing, nothing, np.ones(256))

    pooled = np.cov(x.T) / 300 + np.cov(y.T) / 200
    delta = x.mean(axis=0) - y.mean(axis=0)
    expected = float(delta @ np.linalg.inv(pooled) @ delta)
    order = [2, 0, 1, 5, 3, 4]
    assert _colour_distance(values(x), values(y), (0, 1, 2)) == pytest.approx(expected, rel=1e-4)
    assert _colour_distance(values(x[:, order]), values(y), (1, 2, 0)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1, "100%"), (0.5, "50%"), (0.999, "99.9%"), (0.9999, "99.9%"), (0.0001, "under 0.1%")],
)
def test_a_share_never_rounds_to_none_or_all(share, text):
    assert percent(share) == text


# ---- findings


def test_findings_stand_worst_first_and_levels_include_what_is_worse():
    rows = [
        Finding(name, severity, 1, 2, "", "") for name, severity in (("a", "info"), ("b", "serious"), ("c", "info"))
    ]

    assert [finding.name for finding in worst_first(rows)] == ["b", "a", "c"]
    assert at_least("serious", "warning")
    assert not at_least("info", "warning")


def test_the_section_of_a_report_is_plain_text():
    folder = pictures(60)
    found = examine(ArraySource(folder, "a\x1b[31m"), None, Silent())

    section = doctor_section(found)

    assert section.title == "a\\x1b[31m"
    assert section.summary.startswith("0 serious, ")
    assert [row.name for row in section.rows] == [finding.name for finding in found.findings]
    assert all(row.effect == "" for row in section.rows)
    json.dumps(found.to_json())


def test_an_examination_is_read_back_as_it_was_written():
    effect = Effect("fd@efflite0", 10, 12.5, 3.0, 128, "real", "made grey")
    row = Finding("grey", "serious", 3, 60, "says", "do", ("a", "b/c"), effect=effect)
    found = Examination("samples", "real", 60, 50, (row,), 31)

    again = read_examination(orjson.dumps(found.to_json()), "found.json")

    assert again == found
    assert doctor_section(again) == doctor_section(found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(schema=2), "schema: expected 1"),
        (lambda d: d.update(rows={}), "rows: expected a list"),
        (lambda d: d.update(rows=[1]), "rows: expected objects"),
        (lambda d: d.update(n="60"), "n: '60'; expected int"),
        (lambda d: d.update(n=-1), "n: -1; expected int"),
        (lambda d: d["rows"][0].update(severity="bad"), "severity: 'bad'; expected one of info, warning, serious"),
        (lambda d: d["rows"][0].update(examples=[1]), "examples: expected a list of names"),
        (lambda d: d["rows"][0].update(effect=[]), "effect: expected an object"),
        (lambda d: d["rows"][0]["effect"].update(clean=None), "clean: None; expected float"),
        (lambda d: d["rows"][0].pop("says"), "says: None; expected str"),
    ],
)
def test_a_file_that_doctor_did_not_write_is_refused(change, words):
    effect = Effect("fd@efflite0", 10.0, 12.5, 3.0, 128, "real", "made grey")
    written = Examination("a", None, 9, None, (Finding("x", "info", 1, 2, "s", "d", ("e",), effect=effect),)).to_json()
    change(written)

    with pytest.raises(DataError, match=re.escape(words)):
        read_examination(orjson.dumps(written), "found.json")
    with pytest.raises(DataError, match=r"found\.json is not what"):
        read_examination(b"{", "found.json")


# ---- damage and what it costs


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (permuted((2, 1, 0)), lambda x: x[::-1]),
        (linear(0.5, 10, ""), lambda x: np.rint(0.5 * x.astype(np.float64) + 10)),
        (stretched(), lambda x: np.rint((x - x.min()) * (255 / (x.max() - x.min())))),
    ],
)
def test_damage_is_what_its_words_say(damage, expected, tile):
    pixels = tile.transpose(2, 0, 1)

    np.testing.assert_allclose(damage.pixels(pixels), expected(pixels.astype(np.float64)), atol=0.51)


def test_damage_keeps_the_kind_of_pixels(tile):
    pixels = tile.transpose(2, 0, 1)
    damages = [as_jpeg(50), resized(24, 20), enlarged(2, nearest=True), as_grey(), stretched(), permuted((1, 2, 0))]

    for damage in damages:
        found = damage.pixels(pixels)
        assert found.dtype == np.uint8
        assert found.shape == ((3, 20, 24) if damage.words.startswith("resized") else pixels.shape), damage.words
    assert repeated_pixels(enlarged(2, nearest=True).pixels(pixels)) == 2


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_repeating_takes_the_place_of_that_share(share):
    source = ArraySource(pictures(20), "x")

    found = [Damaged(source, repeated(share), 0).read(i).digest for i in range(20)]

    assert len(set(found)) == max(1, round(20 * (1 - share)))


def test_damage_may_be_done_to_a_share_of_the_images():
    source = ArraySource(pictures(20, side=12), "x")
    clean = [source.read(i).decode().pixels for i in range(20)]

    black = [Damaged(source, flat(0.3), 0).read(i).decode().pixels for i in range(20)]
    lying = [Damaged(source, turned(1.0), 0).read(i).decode().pixels for i in range(20)]
    indexed = Damaged(source, as_palette(1.0), 0).read(0).decode().pixels

    assert sum(not pixels.any() for pixels in black) == 6
    assert sum(np.array_equal(a, b) for a, b in zip(black, clean, strict=True)) == 14
    np.testing.assert_array_equal(np.rot90(lying[3], k=-1, axes=(1, 2)), clean[3])
    assert np.abs(indexed.astype(int) - clean[0]).mean() < 4


@pytest.fixture
def toy_engine(monkeypatch):
    toy = ToyBackbone()
    toy.info = dataclasses.replace(TOY, name=effects.BACKBONE)
    opened = []
    monkeypatch.setattr("ganeval.scoring.loaded_networks.open_backbone", lambda *_: opened.append(toy) or toy)
    return opened


def measured(findings, n=60, seconds=60.0):
    source = ArraySource(pictures(n), "noise")
    options = ScoreOptions(subject="x", engine="torch", cache=False)
    return effects.with_effects(findings, source, options, "cpu", Silent(), seconds)


def test_damage_raises_the_distance_and_none_leaves_it(toy_engine):
    dark = Finding("range", "serious", 1, 1, "", "", damage=linear(0.2, 0, "a fifth of the light"))
    none = Finding("light", "warning", 1, 1, "", "", damage=linear(1, 0, "nothing"))
    mild = Finding("sizes", "info", 1, 1, "", "", damage=linear(0.2, 0, "not asked for"))

    first, second, third = measured([dark, none, mild])

    assert len(toy_engine) == 1, "the network is loaded once"
    assert first.effect.n == 30
    assert first.effect.damaged > 2 * first.effect.clean
    assert first.effect.apart > 0
    assert second.effect.damaged == pytest.approx(second.effect.clean)
    assert second.effect.apart == pytest.approx(0, abs=1e-6)
    assert third.effect is None
    assert "a fifth of the light" in doctor_section_text(first)


def doctor_section_text(finding):
    from ganeval.doctor.section import effect_of

    return effect_of(finding)


def test_measuring_stops_when_the_time_is_over_or_images_are_few(toy_engine):
    finding = Finding("range", "serious", 1, 1, "", "", damage=linear(0.2, 0, "dark"))

    assert measured([finding], seconds=-1.0)[0].effect is None
    assert measured([finding], n=15)[0].effect is None
    assert measured([Finding("count", "serious", 1, 1, "", "")])[0].effect is None


# ---- in a score


def summary_of(source):
    return summarise(source, [], {}, batch_size=8, on_bad="skip")


FD = ["fd@efflite0"]


def test_a_score_says_in_one_line_what_decoding_knows(make_folder):
    folder = make_folder("mixed", 12, sizes=[(12, 12), (32, 32)])
    (folder / "again.png").write_bytes((folder / "00000.png").read_bytes())

    (line,) = cheap_checks(summary_of(FolderSource(folder)), None, FD)

    assert "1 of 13 images are exact copies" in line
    assert "only 13 images" in line
    assert "2 different sizes" in line
    assert line.endswith("`ganeval doctor` looks closer")


def test_that_fd_is_biased_is_said_beside_a_frechet_distance_alone(make_folder):
    summary = summary_of(FolderSource(make_folder("few", 3)))

    assert "biased" in cheap_checks(summary, None, ["kd@efflite0", "fd@efflite0"])[0]
    assert "biased" in cheap_checks(summary, None, ["fid"])[0]
    assert "biased" not in "".join(cheap_checks(summary, None, ["kd@efflite0", "precision@efflite0"]))


def test_a_score_sees_leakage_and_compression_without_decoding_more(make_folder):
    real = make_folder("real", 60)
    lossy = real.parent / "lossy"
    lossy.mkdir()
    for path in sorted(real.iterdir())[:55]:
        Image.open(path).save(lossy / f"{path.stem}.jpg")

    (lossy_line,) = cheap_checks(summary_of(FolderSource(lossy)), summary_of(FolderSource(real)), FD)
    (same_line,) = cheap_checks(summary_of(FolderSource(real)), summary_of(FolderSource(real)), FD)

    assert "100% of the images are JPEG, 0% of the reference's" in lossy_line
    assert "all images are images of the reference" in same_line


def test_a_score_of_many_clean_images_says_nothing():
    summary = summary_of(open_source("photos", data_root=None))
    many = type(summary)(
        **{
            **summary.__dict__,
            "names": tuple(map(str, range(2048))),
            "digests": tuple(i.to_bytes(32, "big") for i in range(2048)),
            "facts": summary.facts[:1] * 2048,
        }
    )

    assert cheap_checks(many, None, FD) == ()
    assert cheap_checks(many, many, FD)[0].startswith("all images are images of the reference")


def test_grey_digits_are_no_finding_of_a_score():
    (line,) = cheap_checks(summary_of(open_dataset("digits:test")), None, FD)

    assert line == (
        "only 599 images: fd is biased upward at small n, most for sets of little variety. `ganeval doctor` "
        "looks closer"
    )
