"""Images in an LMDB that the library itself wrote (py-lmdb 1.8.1, LMDB 0.9.35), and databases that lie."""

import contextlib
import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import BadImageError, DataError, GanevalError
from ganeval.sources.listing import Selection
from ganeval.sources.resolve import open_source

# 300 flat pictures "Set5/0000_s001" of level i, every seventh deleted, one large picture, and a key "length".
GOLDEN = gzip.decompress((Path(__file__).parents[1] / "golden" / "lmdb-0.9.35.mdb.gz").read_bytes())
LARGE = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)


@pytest.fixture
def database(tmp_path):
    folder = tmp_path / "hr.lmdb"
    folder.mkdir()
    (folder / "data.mdb").write_bytes(GOLDEN)
    (folder / "lock.mdb").write_bytes(bytes(8192))
    (folder / "meta_info.txt").write_text("large.png (40,40,3) 1\n")
    return folder


def opened(path, **selection):
    return open_source(str(path), data_root=None, selection=Selection(**selection), mixed=True)


def test_every_key_that_was_not_deleted_is_an_image(database):
    source = opened(database)
    kept = [i for i in range(300) if i % 7]

    assert [item.stem for item in source.items] == [*(f"Set5/{i:04d}_s001" for i in kept), "large"]
    for place, level in list(enumerate(kept))[::20]:
        pixels = source.read(place).decode().pixels
        assert pixels.shape == (3, 4, 4)
        assert (pixels == level % 256).all()
    assert (source.read(len(kept)).decode().pixels == LARGE.transpose(2, 0, 1)).all()
    assert source.skipped == {"no image extension": 1}
    source.close()


def test_the_file_itself_and_a_glob_name_it_too(database):
    with contextlib.closing(opened(database / "data.mdb")) as source:
        assert len(source) == 258
    with contextlib.closing(opened(database, match="large*")) as source:
        assert [item.stem for item in source.items] == ["large"]
        assert (np.asarray(Image.open(io.BytesIO(source.read(0).stored))) == LARGE).all()


def spoilt(at, data):
    return GOLDEN[:at] + data + GOLDEN[at + len(data) :]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it ends at byte 0"),
        (b"hello" * 2000, "not with the mark of LMDB"),
        (spoilt(20, struct.pack("<I", 2)), "not with the mark of LMDB"),
        (spoilt(40, struct.pack("<I", 3)), "pages of 3 bytes"),
        (GOLDEN[:8192], "leads out of the file"),
    ],
)
def test_what_is_no_database_is_told(database, data, words):
    (database / "data.mdb").write_bytes(data)
    with pytest.raises(DataError, match=words):
        opened(database)


def metas(**fields):
    """The golden database whose two meta pages say something else."""
    places = {"flags": (92, "<H"), "root": (128, "<Q")}
    data = bytearray(GOLDEN)
    for name, value in fields.items():
        at, form = places[name]
        for page in (0, 4096):
            struct.pack_into(form, data, page + at, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (metas(root=0), "leads out of the file"),
        (metas(root=1 << 60), "leads out of the file"),
        (metas(flags=4), "several values under a key"),
    ],
)
def test_trees_that_lead_astray_end(database, data, words):
    (database / "data.mdb").write_bytes(data)
    with pytest.raises(DataError, match=words):
        opened(database)


def test_a_branch_that_leads_to_itself_ends(database):
    pages = range(2, len(GOLDEN) // 4096)
    branches = [page for page in pages if struct.unpack_from("<H", GOLDEN, page * 4096 + 10)[0] == 1]
    assert branches
    for page in branches:
        data = bytearray(metas(root=page))
        (node,) = struct.unpack_from("<H", data, page * 4096 + 16)
        struct.pack_into("<HHH", data, page * 4096 + node, page, 0, 0)
        (database / "data.mdb").write_bytes(bytes(data))
        with pytest.raises(DataError, match="in a circle"):
            opened(database)


def test_an_empty_database_has_no_images(database):
    (database / "data.mdb").write_bytes(metas(root=(1 << 64) - 1))
    with pytest.raises(DataError, match="0 images"):
        opened(database)


def test_bytes_that_were_flipped_give_images_or_errors(database):
    rng = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(GOLDEN)
        for place in rng.integers(0, len(data), 30):
            data[place] = rng.integers(256)
        (database / "data.mdb").write_bytes(bytes(data))
        try:
            source = opened(database)
        except GanevalError:
            continue
        for index in range(0, len(source), 50):
            try:
                source.read(index).decode()
            except BadImageError:
                continue
        source.close()
