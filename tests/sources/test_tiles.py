"""Strips and sheets that are cut into images."""

import numpy as np
import pytest
from PIL import Image

import ganeval
from ganeval.errors import DataError, GanevalError, UsageError
from ganeval.options import ScoreOptions
from ganeval.sources.listing import Selection, Tile
from ganeval.sources.resolve import open_source

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (3, 6, 8, 10, 3), dtype=np.uint8)  # sheets, tiles, height, width


@pytest.fixture
def sheets(tmp_path, monkeypatch):
    """Three sheets of 2 x 3 tiles, and each tile by itself under its name."""
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))
    for folder in ("sheets", "strips", "all", "second"):
        (tmp_path / folder).mkdir()
    for number, tiles in enumerate(PICTURES):
        rows = [np.concatenate(list(tiles[3 * row : 3 * row + 3]), axis=1) for row in range(2)]
        Image.fromarray(np.concatenate(rows)).save(tmp_path / "sheets" / f"{number}.png")
        Image.fromarray(rows[0]).save(tmp_path / "strips" / f"{number}.png")
        Image.fromarray(tiles[1]).save(tmp_path / "second" / f"{number}.png")
        for place, tile in enumerate(tiles):
            Image.fromarray(tile).save(tmp_path / "all" / f"{number}-{place + 1}.png")
    return tmp_path


def value(subject, **options):
    (row,) = ganeval.score(subject, **options)
    return row.value


def test_all_tiles_are_the_images_of_a_sheet_row_by_row(sheets):
    cut = open_source(str(sheets / "sheets"), data_root=None, selection=Selection(tile=Tile(2, 3)))
    each = open_source(str(sheets / "all"), data_root=None)

    assert [item.name for item in cut.items] == [item.name for item in each.items]
    for index in range(18):
        assert (cut.read(index).decode().pixels == each.read(index).decode().pixels).all()
    assert len({cut.read(index).digest for index in range(18)}) == 18
    assert value(sheets / "sheets", tile="2x3", metrics="vendi@pixels") == value(sheets / "all", metrics="vendi@pixels")


def test_one_tile_pairs_under_the_name_of_its_strip(sheets):
    assert value(sheets / "strips", tile="1x3:2", paired=sheets / "second", metrics="mae") == 0
    by_sets = value(
        sheets / "strips",
        paired=sheets / "strips",
        tile={"subject": "1x3:1", "paired": "1x3:3"},
        metrics="mae",
    )
    difference = np.abs(PICTURES[:, 0].astype(float) - PICTURES[:, 2]).mean()

    assert by_sets == pytest.approx(difference, rel=1e-12)


def test_arrays_and_images_in_memory_are_cut_too(sheets):
    strips = np.concatenate([PICTURES[:, 0], PICTURES[:, 1]], axis=2)
    assert value(strips, paired=PICTURES[:, 1], tile="1x2:2", metrics="mae") == 0


def test_the_row_states_it_and_the_protocol_knows_other_tiles(sheets):
    rows = [
        next(iter(ganeval.score(sheets / "second", paired=sheets / "strips", tile={"paired": tile}, metrics="mae")))
        for tile in ("1x3:1", "1x3:2")
    ]
    assert rows[0].provenance["tile"] == {"paired": "1x3:1"}
    assert rows[0].fingerprint != rows[1].fingerprint
    assert rows[1].value == 0


@pytest.mark.parametrize(
    ("tile", "words"),
    [
        ("1x1", "2 tiles at least"),
        ("1x3:4", "takes one of them"),
        ("1x3:0", "rows x columns"),
        ("3", "rows x columns"),
        ("0x2", "rows x columns"),
        ("1x99999", "rows x columns"),
        ("65x64", "at most 4,096 tiles"),
        ({"real": "1x2"}, "picks files of|got .real"),
    ],
)
def test_what_cuts_nothing_is_refused(tile, words):
    with pytest.raises(UsageError, match=words):
        ScoreOptions("x", tile=tile)


def test_a_strip_that_tiles_do_not_divide_is_named_with_its_size(sheets):
    with pytest.raises(GanevalError, match=r"'0\.png' .* is 30x8 .* 4 columns and 1 rows"):
        value(sheets / "strips", tile="1x4", metrics="vendi@pixels")
    with pytest.raises(UsageError, match=r"tile=\{'paired': '...'\} cuts images of paired=, which is not given"):
        value(sheets / "strips", tile={"paired": "1x3:1"}, metrics="vendi@pixels")


def test_names_that_meet_are_refused(tmp_path):
    for name in ("a.png", "a-1.png"):
        Image.new("RGB", (4, 2)).save(tmp_path / name)
    Image.new("RGB", (4, 2)).save(tmp_path / "a-1-1.png")
    cut = open_source(str(tmp_path), data_root=None, selection=Selection(tile=Tile(1, 2)))
    assert len({item.name for item in cut.items}) == 6
    Image.new("RGB", (4, 2)).save(tmp_path / "a.jpg")
    with pytest.raises(DataError):
        value(tmp_path, paired=tmp_path, tile={"subject": "1x2", "paired": "1x2"}, metrics="mae")
