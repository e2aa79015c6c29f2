"""Which images pair: by names, by what all names of a set have around them, by a rule; and cropping to multiples."""

import math

import numpy as np
import pytest
from PIL import Image

import ganeval
from ganeval.errors import DataError, GanevalError, UsageError
from ganeval.gate.scorer import Scorer
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.scoring.pair_names import pair_up
from ganeval.sources.base import ImageSource, Item, Subset, seeded_subset


class Names(ImageSource):
    """Images that are never read."""

    def __init__(self, name, *names):
        self.name = name
        self.items = [Item(f"{one}.png") for one in sorted(names)]

    def read(self, index):
        raise NotImplementedError


def pairs(fake, real, rule=None, **more):
    found = pair_up(fake, real, rule, **more)
    return [(fake.items[i].stem, real.items[j].stem) for i, j in found.indices]


NUMBERS = [f"{i:04d}" for i in (801, 802, 811, 900)]


@pytest.mark.parametrize(
    ("fakes", "reals", "told"),
    [
        ("{}x4", "{}", ["'x4' at the end (fakes)"]),
        ("{}", "{}x4", ["'x4' at the end (originals)"]),
        ("Set14/{}", "{}", ["'Set14/' at the start (fakes)"]),
        ("out/Set14/{}_SR", "Set14/{}", ["'out/' at the start", "'_SR' at the end"]),
        ("{}_fake_B", "{}_real_B", ["'fake_B' at the end (fakes)", "'real_B' at the end (originals)"]),
        ("SR{}", "HR{}", ["'S' at the start (fakes)", "'H' at the start (originals)"]),
        ("img_{}", "{}", ["'img_' at the start (fakes)"]),
        ("{}_12000", "{}", ["'_12000' at the end (fakes)"]),
        ("vis/{}/out", "{}", ["'vis/' at the start", "'/out' at the end"]),
    ],
)
@pytest.mark.parametrize("names", [NUMBERS, ["baby", "bird", "woman"], ["a1", "a10", "a2"]])
def test_what_every_name_of_a_set_has_is_taken_off_and_said(fakes, reals, told, names):
    fake = Names("fakes", *map(fakes.format, names))
    real = Names("reals", *map(reals.format, names))
    found = pair_up(fake, real)

    assert sorted(pairs(fake, real)) == sorted((fakes.format(name), reals.format(name)) for name in names)
    assert all(part in found.told for part in told)


@pytest.mark.parametrize(
    ("fakes", "reals"),
    [
        (("0801", "0802"), ("0901", "0902")),  # a cut through a number pairs other pictures
        (("1_1", "2_1"), ("11", "21")),
        (("a", "b"), ("c", "d")),
        (("0801x4",), ("0901",)),  # one name says nothing of what all have
    ],
)
def test_other_pictures_do_not_pair(fakes, reals):
    with pytest.raises(DataError, match=r"No image of fakes .*--pair-by"):
        pair_up(Names("fakes", *fakes), Names("reals", *reals))


@pytest.mark.parametrize(
    ("fakes", "reals"),
    [(("IMG_A", "IMG_B"), ("img_a", "img_b")), (("x/A1", "x/a2"), ("X/a1", "X/A2")), (("Straße",), ("STRASSE",))],
)
def test_names_that_differ_in_the_case_of_letters_pair_and_it_is_said(fakes, reals):
    fake, real = Names("fakes", *fakes), Names("reals", *reals)

    assert sorted(pairs(fake, real)) == sorted(zip(fakes, reals, strict=True))
    assert "without regard to upper and lower case" in pair_up(fake, real).told


def test_two_names_that_differ_in_case_alone_are_two_pictures():
    fake, real = Names("fakes", "A", "a"), Names("reals", "A", "a")

    assert sorted(pairs(fake, real)) == [("A", "A"), ("a", "a")]
    with pytest.raises(DataError, match="No image of fakes"):
        pair_up(Names("fakes", "AB", "aB"), Names("reals", "ab", "c"))


def test_an_accent_of_its_own_is_the_accented_letter():
    """macOS writes names decomposed."""
    names = ("cafe\u0301", "nai\u0308ve"), ("caf\u00e9", "na\u00efve")

    assert pairs(Names("fakes", *names[0]), Names("reals", *names[1])) == [(name, name) for name in names[1]]


def test_versions_in_several_folders_are_told_by_their_folders():
    fake, real = Names("fake", "m1/0", "m1/1", "m2/0", "m2/1"), Names("real", "0", "1")
    for sets in ((fake, real), (real, fake)):
        with pytest.raises(DataError, match=r"has the same names in 2 folders \('m1', 'm2'\)\. Name one"):
            pair_up(*sets)
    assert len(pair_up(Names("fake", "m1/0", "m1/1"), real).indices) == 2


def test_names_that_agree_pair_as_they_are_whatever_else_would_fit():
    fake, real = Names("fakes", "1", "2_1", "3_1"), Names("reals", "1", "2_1", "3_1")
    assert pair_up(fake, real).told == ""


def test_missing_partners_are_counted_without_the_suffix():
    fake, real = Names("fakes", "0801x4", "0803x4"), Names("reals", "0801", "0802", "0803")
    with pytest.raises(DataError, match=r"1 of 3 images of reals have no partner .*; 2 pairs agree.*without 'x4'"):
        pair_up(fake, real)


@pytest.mark.parametrize(
    ("rule", "fakes", "reals"),
    [
        ("x4", "{}x4", "{}"),
        ("_SR", "{}_SR", "{}_SR"),
        (r"(\d+)", "out_{}_net", "hr-{}"),
        (r"(\d{4})x4", "{}x4", "{}"),
        ("([^/]*)$", "Set5/{}", "all/of/{}"),
        (r"^(?:sr|hr)_(\d+)", "sr_{}", "hr_{}"),
    ],
)
def test_a_rule_pairs(rule, fakes, reals):
    found = pairs(Names("f", *map(fakes.format, NUMBERS)), Names("r", *map(reals.format, NUMBERS)), rule)

    assert found == [(fakes.format(name), reals.format(name)) for name in NUMBERS]


def test_order_pairs_by_place_and_only_equal_counts():
    fake, real = Names("f", "a", "c", "b"), Names("r", "7", "9", "8")

    assert pairs(fake, real, "order") == [("a", "7"), ("b", "8"), ("c", "9")]
    assert pairs(Subset(fake, [2]), real, "order", part=True) == [("c", "9")]
    with pytest.raises(DataError, match=r"f has 3 images where r has 2"):
        pair_up(fake, Names("r", "7", "8"), "order")


@pytest.mark.parametrize("rule", [None, "x4", r"(\d+)", "order"])
def test_a_subset_pairs_as_the_whole_set_does(rule):
    names = [f"{i:03d}" for i in range(40)]
    fake, real = Names("f", *(f"{name}x4" for name in names)), Names("r", *names)
    some = seeded_subset(fake, 7, 3)

    assert [one[0][:3] for one in pairs(some, real, rule, part=True)] == [
        two[:3] for _, two in pairs(some, real, rule, part=True)
    ]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("x8", r"0 of the 2 names of f end so, and 0 of the 2 of r"),
        ("1x4", r"1 of the 2 names of f end so"),
        (r"(z)", r"matches 0 of the 2 names of f and 0 of the 2 of r"),
        (r"(01)", r"matches 1 of the 2 names of f and 1 of the 2 of r"),
        (r"(\d)", r"gives 2 names of f the same '0' \('01x4', '02x4'\)"),
        (r"(?P<a>0)(?=1)|0", r"matches 1 of the 2"),
    ],
)
def test_a_rule_that_does_not_pair_is_refused_with_counts(rule, words):
    with pytest.raises(UsageError, match=words):
        pair_up(Names("f", "01x4", "02x4"), Names("r", "01", "02"), rule)


@pytest.mark.parametrize("rule", [r"(a+)+$", r"((?:a|aa)+)$", r"^((?:.*a)*)$"])
def test_a_regular_expression_that_backtracks_ends(rule, monkeypatch):
    monkeypatch.setattr("ganeval.scoring.pair_names.REGEX_SECONDS", 0.3)
    names = ["a" * 60 + "!", "a" * 61 + "!"]
    with pytest.raises(UsageError, match=r"had not matched 2 names after 0.3 s: it backtracks"):
        pair_up(Names("f", *names), Names("r", *names), ScoreOptions("x", pair_by=rule).pair_by)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("([", "not a regular expression"),
        ("*x4", "not a regular expression"),
        (r"\d+", "It has 0 groups"),
        (r"(a)(b)", "It has 2 groups"),
        ("", "takes a suffix"),
        ("(" + "x" * 1000 + ")", "takes a suffix"),
        (7, "takes a suffix"),
    ],
)
def test_a_rule_that_is_none_is_refused_before_anything_is_opened(rule, words):
    with pytest.raises(UsageError, match=words):
        ganeval.score("nowhere/x.png", paired="nowhere/y.png", pair_by=rule)


def picture(folder, name, pixels):
    (folder).mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / f"{name}.png")


@pytest.fixture
def enlarged(tmp_path):
    """Originals whose sides are no multiples of 3, and what a model of scale 3 gives of them."""
    rng = np.random.default_rng(0)
    for name, size in (("0801", (31, 41)), ("0802", (32, 30)), ("0803", (30, 33))):
        real = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        fake = np.clip(real.astype(int) + rng.integers(-9, 10, real.shape), 0, 255).astype(np.uint8)
        picture(tmp_path / "hr", name, real)
        picture(tmp_path / "sr", f"{name}x3", fake[: size[0] // 3 * 3, : size[1] // 3 * 3])
    return tmp_path


def test_mod_crop_gives_the_psnr_of_cropped_originals(enlarged):
    (row,) = ganeval.score(enlarged / "sr", paired=enlarged / "hr", metrics="psnr", mod_crop=3)
    values = []
    for name in ("0801", "0802", "0803"):
        fake = np.asarray(Image.open(enlarged / "sr" / f"{name}x3.png")).astype(float)
        real = np.asarray(Image.open(enlarged / "hr" / f"{name}.png")).astype(float)
        values.append(10 * math.log10(255**2 / np.mean((fake - real[: fake.shape[0], : fake.shape[1]]) ** 2)))

    assert row.value == pytest.approx(np.mean(values), rel=1e-12)
    assert row.protocol.params["mod_crop"] == 3
    assert "pairs are made by names without 'x3'" in row.note
    assert set(row.provenance["per_image"]) == {"0801", "0802", "0803"}


def test_the_size_error_offers_mod_crop_and_its_scale(enlarged):
    with pytest.raises(DataError, match=r"2 wider and 1 higher.*reduced by 3: .*mod_crop=3"):
        ganeval.score(enlarged / "sr", paired=enlarged / "hr", metrics="psnr")
    with pytest.raises(DataError, match=r"expected equal sizes"):
        ganeval.score(enlarged / "sr", paired=enlarged / "hr", metrics="psnr", mod_crop=2)
    with pytest.raises(DataError, match=r"'0801' is 41x31 .* less than mod_crop=64"):
        ganeval.score(enlarged / "hr", paired=enlarged / "hr", metrics="psnr", mod_crop=64)


def test_a_crop_to_multiples_of_1_is_no_other_protocol(enlarged):
    plain, ones = (
        next(iter(ganeval.score(enlarged / "hr", paired=enlarged / "hr", metrics="ssim", mod_crop=n))) for n in (0, 1)
    )
    assert plain.fingerprint == ones.fingerprint


def test_order_is_in_the_protocol_and_a_rule_in_the_provenance(enlarged):
    by_name, by_rule, by_order = (
        next(iter(ganeval.score(enlarged / "sr", paired=enlarged / "hr", metrics="psnr", mod_crop=3, pair_by=rule)))
        for rule in (None, "x3", "order")
    )
    assert by_name.fingerprint == by_rule.fingerprint != by_order.fingerprint
    assert by_name.value == by_rule.value == by_order.value
    assert by_rule.provenance["pair_by"] == "x3"


def test_methods_of_different_suffixes_are_compared_by_picture(enlarged, tmp_path):
    for path in (enlarged / "sr").iterdir():
        pixels = np.asarray(Image.open(path))
        picture(
            tmp_path / "other", path.stem.replace("x3", "_ours"), np.clip(pixels.astype(int) + 3, 0, 255).astype("u1")
        )
    (row,) = ganeval.compare(enlarged / "sr", tmp_path / "other", paired=enlarged / "hr", metrics="psnr", mod_crop=3)

    assert row.difference.delta != 0


@pytest.mark.parametrize("option", [{"pair_by": "x4"}, {"mod_crop": 3}])
def test_options_of_pairs_need_pairs(enlarged, option):
    with pytest.raises(UsageError, match=r"belong to paired metrics"):
        ganeval.score(enlarged / "hr", metrics="vendi@pixels", **option)


def test_a_rule_for_two_single_images_is_refused(enlarged):
    with pytest.raises(GanevalError, match=r"pair_by= pairs sets"):
        ganeval.score(enlarged / "sr/0801x3.png", paired=enlarged / "hr/0801.png", metrics="psnr", pair_by="x3")


def test_the_gate_scores_by_the_recorded_rule_and_crop(enlarged):
    rows = list(ganeval.score(enlarged / "sr", paired=enlarged / "hr", metrics="psnr", mod_crop=3, pair_by="x3"))
    scorer = Scorer(ScoreOptions("x", paired=str(enlarged / "hr")), Silent())
    (again,) = scorer.rows(str(enlarged / "sr"), rows).values()

    assert again.fingerprint == rows[0].fingerprint
    assert again.value == rows[0].value
