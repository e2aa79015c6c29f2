"""What a user types: an existing path first, then a data set, else an error that knows what is near."""

import gzip
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import DataError, UsageError
from ganeval.sources.archive import TarSource, ZipSource
from ganeval.sources.arrays import ArraySource
from ganeval.sources.file_list import FileList
from ganeval.sources.folder import FolderSource, SingleImage
from ganeval.sources.resolve import open_source


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with one subject of every kind."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "samples").mkdir()
    Image.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / "samples/a.png")
    (tmp_path / "list.txt").write_text("samples/a.png\n")
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.write("samples/a.png")
    for name, mode in (("a.tar", "w"), ("a.tar.gz", "w:gz"), ("A.TGZ", "w:gz")):
        with tarfile.open(name, mode) as archive:
            archive.add("samples/a.png")
    np.save("a.npy", np.zeros((2, 4, 4, 3), np.uint8))
    np.savez("a.npz", np.zeros((2, 4, 4, 3), np.float32))
    return tmp_path


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        ("samples", FolderSource), ("samples/a.png", SingleImage), ("list.txt", FileList),
        ("./samples/", FolderSource), ("a.zip", ZipSource), ("a.tar", TarSource),
        ("a.tar.gz", TarSource), ("A.TGZ", TarSource), ("a.npy", ArraySource), ("a.npz", ArraySource),
        ("digits", ArraySource), ("photos:test", ArraySource),
    ],
)  # fmt: skip
def test_every_kind_of_subject_opens_under_the_name_that_was_typed(here, subject, kind):
    source = open_source(subject, data_root=None, value_range="0..1")
    assert type(source) is kind
    assert source.name == subject
    assert len(source) >= 1
    source.close()


def test_an_existing_folder_wins_over_a_data_set_and_the_split_brings_the_set_back(here):
    (here / "digits").mkdir()
    Image.new("RGB", (4, 4)).save(here / "digits/1.png")
    assert len(open_source("digits", data_root=None)) == 1
    assert len(open_source("digits:all", data_root=None)) == 1797


def test_the_data_root_reaches_the_data_set(here):
    raw = here / "root/MNIST/raw"
    raw.mkdir(parents=True)
    for kind, shape in (("images-idx3", (2, 28, 28)), ("labels-idx1", (2,))):
        head = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
        (raw / f"t10k-{kind}-ubyte.gz").write_bytes(gzip.compress(head + bytes(int(np.prod(shape)))))
    assert len(open_source("mnist:test", data_root=here / "root")) == 2
    with pytest.raises(DataError, match="MNIST/raw/t10k-images"):
        open_source("mnist:test", data_root=here)


def test_floats_need_the_value_range_option(here):
    with pytest.raises(DataError, match="--value-range"):
        open_source("a.npz", data_root=None)


@pytest.mark.parametrize(
    ("subject", "error", "message"),
    [
        ("digit", UsageError, "Unknown path or data set 'digit'. Did you mean 'digits'"),
        ("sample", UsageError, "Did you mean 'samples'"),
        ("digits:tests", UsageError, "Unknown split of digits 'tests'. Did you mean 'test'"),
        ("", UsageError, "Unknown path or data set ''"),
        ("./sampels/", DataError, "does not exist. Did you mean 'samples'"),
        ("b.zip", DataError, "does not exist. Did you mean 'a.zip'"),
        ("nowhere/at/all", DataError, "Neither does the folder 'nowhere/at'"),
    ],
)
def test_a_wrong_subject_gets_a_hint(here, subject, error, message):
    with pytest.raises(error) as caught:
        open_source(subject, data_root=None)
    assert message in str(caught.value).replace("\\\\", "/")
    assert type(caught.value) is error


def test_a_file_of_no_known_kind_says_what_is_known(here):
    (here / "scores.csv").write_text("1,2")
    with pytest.raises(DataError, match=r"no kind that holds images; expected a folder, \.zip, .* to a \.txt"):
        open_source("scores.csv", data_root=None)
    for name, words in (
        ("a.arrow", "`to_parquet`"),
        ("a.H5", r"as \.npz"),
        ("a.tar.zst", "Unpack it"),
        ("a.x", "ending"),
    ):
        (here / name).write_bytes(b"1")
        with pytest.raises(DataError, match=words):
            open_source(name, data_root=None)


def test_a_wrong_ending_is_found_out_by_the_first_bytes(here):
    (here / "fake.zip").write_bytes(b"no zip at all")
    with pytest.raises(DataError, match="isn't an archive that can be read"):
        open_source("fake.zip", data_root=None)
