"""Named data sets: what is embedded is fixed to the bit, what is not is read strictly and never run."""

import gzip
import os
import pickle
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import DataError, UsageError
from ganeval.sources.base import content_hash
from ganeval.sources.datasets.cifar import read_batch
from ganeval.sources.datasets.mnist import read_idx
from ganeval.sources.datasets.photos import photo, photo_names
from ganeval.sources.datasets.table import DATASETS, find_files, open_dataset, packaged_file

rng = np.random.default_rng(2)
# Decoded pixels of scikit-learn 1.9 and scikit-image 0.26; the photos among them that are PNG, so no decoder matters.
GOLDEN = {
    "digits": "02dbf1edb67dad21bd2664e977807acea772a6445c9e46a80028290bc5aa3513",
    "digits:train": "89ffe8232181c75cad5bf1f28596e9713e8aad6f5141de0f0cc6e30ba7598a62",
    "digits:test": "233e2c02ff7720fb8b3c068e67cf8696a8a2a0d93d32c3d8bebee75fc6b05f05",
}
GOLDEN_PNG_PHOTOS = "db4a7cf7fb707da7e72757b610ed708362c2c5e10c9539c5b3105c37d1122736"


def hash_of(source, keep=None):
    return content_hash([source.read(i).digest for i in (range(len(source)) if keep is None else keep)])


def names(source):
    return [item.name for item in source.items]


@pytest.mark.parametrize(("subject", "count"), [("digits", 1797), ("digits:train", 1198), ("digits:test", 599)])
def test_digits_have_fixed_counts_and_pixels(subject, count):
    source = open_dataset(subject)
    assert len(source) == count
    assert source.name == subject
    assert hash_of(source) == GOLDEN[subject]


def test_digits_are_scikit_learns_digits_enlarged_by_the_stated_rule():
    from sklearn.datasets import load_digits

    theirs = load_digits()
    source = open_dataset("digits:all")
    assert [item.label for item in source.items] == [str(label) for label in theirs.target]
    for i in (0, 5, 1796):
        small = Image.fromarray(np.rint(theirs.images[i] * 255 / 16).astype(np.uint8))
        large = np.asarray(small.resize((28, 28), Image.Resampling.BICUBIC))
        for channel in source.read(i).decode().pixels:
            np.testing.assert_array_equal(channel, large)


def test_digits_splits_are_disjoint_and_both_hold_every_class():
    train, test = open_dataset("digits:train"), open_dataset("digits:test")
    assert sorted(names(train) + names(test)) == names(open_dataset("digits"))
    for split in (train, test):
        counts = Counter(item.label for item in split.items)
        assert sorted(counts) == [str(digit) for digit in range(10)]
        assert min(counts.values()) / max(counts.values()) > 0.8


def test_photos_have_fixed_counts_and_lossless_pixels():
    source = open_dataset("photos")
    lossless = ("astronaut", "chelsea", "coffee", "motorcycle")
    keep = [i for i, name in enumerate(names(source)) if name.startswith(lossless)]
    assert (len(source), len(keep)) == (403, 223)
    assert hash_of(source, keep) == GOLDEN_PNG_PHOTOS
    assert names(source) == sorted(set(names(source)))


def test_train_and_test_never_share_a_photo():
    train, test = open_dataset("photos:train"), open_dataset("photos:test")
    assert (len(train), len(test)) == (289, 114)
    of = [{name.split("/")[0] for name in names(split)} for split in (train, test)]
    assert of == [set(photo_names("train")), set(photo_names("test"))]
    assert not of[0] & of[1]
    digests = [{split.read(i).digest for i in range(len(split))} for split in (train, test)]
    assert not digests[0] & digests[1]


def test_evening_photos_are_the_photos_restyled_under_the_same_names():
    photos, evening = open_dataset("photos:test"), open_dataset("photos-evening:test")
    assert names(evening) == names(photos)
    for i in (0, 57, 113):
        day, dusk = photos.read(i).decode().pixels, evening.read(i).decode().pixels
        red, green, blue = (day / 255.0).astype(np.float64)
        expected = np.stack([red**0.75, 0.8 * green + 0.02, 0.6 * blue + 0.1])
        np.testing.assert_allclose(dusk / 255.0, expected, atol=0.5001 / 255.0)


def test_a_tile_is_cut_from_its_photo_where_its_name_says():
    source = open_dataset("photos")
    for i in (0, 100, 402):
        name, corner = names(source)[i].split("/")
        row, column = (int(part) for part in corner.split("_"))
        expected = photo(name)[:, row : row + 64, column : column + 64]
        np.testing.assert_array_equal(source.read(i).decode().pixels, expected)


def test_whole_photos_are_large_enough_to_train_on():
    for name in photo_names():
        pixels = photo(name)
        assert pixels.dtype == np.uint8
        assert pixels.shape[0] == 3
        assert min(pixels.shape[1:]) >= 300
    with pytest.raises(UsageError, match="Did you mean 'coffee'"):
        photo("cofee")


def test_a_file_that_a_package_lacks_is_a_data_error():
    with pytest.raises(DataError, match=r"skimage does not hold data/nothing\.png"):
        packaged_file("skimage", "data", "nothing.png")
    with pytest.raises(DataError, match="no_such_package does not hold x"):
        packaged_file("no_such_package", "x")


def test_every_entry_of_the_table_is_complete():
    for name in DATASETS:
        info = DATASETS.get(name)
        assert info.name == name
        assert info.default_split in info.splits
        assert info.channels in (1, 3)
        assert info.summary
        assert info.licence
        if info.embedded:
            source = open_dataset(name)
            assert source.read(0).decode().pixels.shape == (3, *info.size)
            assert len({item.label for item in source.items} - {None}) == info.classes
        else:
            with pytest.raises(DataError, match="--data-root DIR or set GANEVAL_DATA"):
                open_dataset(name)


def test_an_unknown_name_or_split_offers_the_near_ones():
    with pytest.raises(UsageError, match="Did you mean 'fashion-mnist'"):
        open_dataset("fashion_mnist")
    with pytest.raises(UsageError, match=r"Unknown split of digits 'trian'\. Did you mean 'train'"):
        open_dataset("digits:trian")
    with pytest.raises(UsageError, match="Unknown split of digits ''"):
        open_dataset("digits:")


# ---- IDX ----


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_mnist(root, folder="MNIST", stem="train", n=12, zipped=True):
    images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
    labels = np.arange(n, dtype=np.uint8) % 10
    raw = root / folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        path = raw / f"{stem}-{kind}-ubyte"
        if zipped:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(idx(array)))
        else:
            path.write_bytes(idx(array))
    return images, labels


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("name", "folder", "first"), [("mnist", "MNIST", "0"), ("fashion-mnist", "FashionMNIST", "T-shirt/top")]
)
def test_idx_data_sets_are_read_in_torchvisions_layout(name, folder, first, zipped, tmp_path):
    images, _ = write_mnist(tmp_path, folder, "train", 12, zipped)
    test_images, _ = write_mnist(tmp_path, folder, "t10k", 4, zipped)
    source = open_dataset(name, tmp_path)  # the bare name is the train split
    assert source.items[0].label == source.items[10].label == first
    got = np.stack([source.read(i).decode().pixels for i in range(len(source))])
    np.testing.assert_array_equal(got, np.repeat(images[:, None], 3, axis=1))
    test = open_dataset(f"{name}:test", tmp_path)
    np.testing.assert_array_equal(test.read(3).decode().pixels[1], test_images[3])


def test_missing_files_are_named_with_their_place(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "MNIST/raw/train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"1 of 2 files are missing in .*: MNIST/raw/train-labels-idx1-ubyte "):
        open_dataset("mnist", tmp_path)
    with pytest.raises(DataError, match="2 of 2 files are missing"):
        find_files("x", tmp_path, ["a", "b"])


GOOD = idx(np.zeros((3, 4, 5), np.uint8))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (GOOD[:-1], r"says 60 values \(3, 4, 5\) and holds 59"),
        (GOOD + b"x", r"says 60 values \(3, 4, 5\) and holds more"),
        (b"\0\0\x0d" + GOOD[3:], "expected an IDX file of unsigned bytes in 3 dimensions"),
        (b"\0\0\x08\x01" + GOOD[4:], "expected an IDX file of unsigned bytes in 3 dimensions"),
        (b"\x89PNG" + GOOD, "starts with"),
        (b"", "starts with b''"),
        (GOOD[:9], "Cannot read"),
        (GOOD[:4] + b"\xff" * 12, r"at most 200 : 1 is read"),
        (GOOD[:4] + bytes([0, 0, 1, 0]) * 3, r"says 16,777,216 values \(256, 256, 256\) and holds 0"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files_are_validated(data, reason, zipped, tmp_path):
    path = tmp_path / ("a.gz" if zipped else "a")
    path.write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(DataError, match=reason):
        read_idx(path, 3)


def test_a_cut_gzip_is_a_data_error(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(idx(rng.integers(0, 256, (3, 40, 50), dtype=np.uint8)))[:-400])
    with pytest.raises(DataError, match="Cannot read"):
        read_idx(path, 3)


def test_labels_must_fit_the_images(tmp_path):
    write_mnist(tmp_path, zipped=False)
    path = tmp_path / "MNIST/raw/train-labels-idx1-ubyte"
    for labels in (np.zeros(11, np.uint8), np.full(12, 10, np.uint8)):
        path.write_bytes(idx(labels))
        with pytest.raises(DataError, match="expected one of 0 to 9 for each"):
            open_dataset("mnist", tmp_path)


# ---- CIFAR-10 ----


def python2_batch(rows, labels):
    """The opcodes that Python 2 and numpy 1 wrote, as in the published files."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNN" + b"J\xff\xff\xff\xff" * 2
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    shape = b"J" + struct.pack("<i", rows.shape[0]) + b"J" + struct.pack("<i", rows.shape[1]) + b"\x86"
    values = b"T" + struct.pack("<I", rows.nbytes) + rows.tobytes()
    array += b"(K\x01" + shape + dtype + b"K\x00tb" + b"\x89" + values + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + numbers + b"u."


ROWS = rng.integers(0, 256, (4, 3072), dtype=np.uint8)
BATCHES = {
    "python 2": python2_batch(ROWS, [3, 0, 9, 1]),
    "protocol 2": pickle.dumps({b"data": ROWS, b"labels": [3, 0, 9, 1]}, protocol=2),
    "protocol 4": pickle.dumps({"data": ROWS, "labels": [3, 0, 9, 1]}, protocol=4),
}


@pytest.mark.parametrize("kind", BATCHES)
def test_batches_of_every_python_are_read_without_numpys_unpickling(kind, tmp_path):
    path = tmp_path / "batch"
    path.write_bytes(BATCHES[kind])
    images, labels = read_batch(path)
    assert labels == [3, 0, 9, 1]
    np.testing.assert_array_equal(images.transpose(0, 3, 1, 2).reshape(4, 3072), ROWS)


def test_the_python_2_bytes_of_this_test_are_what_pickle_understands():
    """Only a check of the test's own writer: the file is ours, so pickle may run it."""
    stream = BATCHES["python 2"].replace(b"numpy.core", b"numpy._core")
    theirs = pickle.loads(stream, encoding="bytes")
    np.testing.assert_array_equal(theirs[b"data"], ROWS)


class Runs:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        (Runs(os.system, "touch OWNED"), "system, which is code and not data"),
        (Runs(eval, "open('OWNED', 'w')"), "eval, which is code and not data"),
        ({"data": np.empty((4, 3072), object), "labels": [0] * 4}, "values of type 'O8'"),
        ({"data": [0] * 4, "labels": [0] * 4}, "list, which is not of unsigned bytes"),
        ({"data": ROWS.astype(np.int16), "labels": [0] * 4}, "not of unsigned bytes"),
        ({"data": ROWS[:, :-1].copy(), "labels": [0] * 4}, r"rows of shape \(4, 3071\)"),
        ({"data": ROWS, "labels": [0] * 3}, "3 labels for 4 images"),
        ({"data": ROWS, "labels": [0, 1, 2, 10]}, "labels that are not a list of 0 to 9"),
        ({"data": ROWS}, "it lacks labels"),
        ([1, 2], "a list; expected a dict with the items data and labels"),
    ],
)
def test_a_batch_that_is_code_or_nonsense_is_refused_and_never_run(hostile, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps(hostile, protocol=2))
    with pytest.raises(DataError, match=reason):
        read_batch(path)
    assert not (tmp_path / "OWNED").exists()


def test_a_truncated_or_codec_carrying_pickle_is_refused(tmp_path):
    path = tmp_path / "batch"
    path.write_bytes(BATCHES["python 2"][:-2000])
    with pytest.raises(DataError, match="not a batch of CIFAR-10"):
        read_batch(path)
    path.write_bytes(b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.")
    with pytest.raises(DataError, match="bytes in encoding 'rot13'"):
        read_batch(path)


def test_cifar10_joins_its_five_batches_in_order(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for i in range(5):
        rows = np.full((2, 3072), i, np.uint8)
        (folder / f"data_batch_{i + 1}").write_bytes(python2_batch(rows, [i, 9]))
    (folder / "test_batch").write_bytes(python2_batch(ROWS, [3, 0, 9, 1]))
    train, test = open_dataset("cifar10", tmp_path), open_dataset("cifar10:test", tmp_path)
    assert [int(train.read(i).decode().pixels[0, 0, 0]) for i in range(10)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert [item.label for item in train.items[:4]] == ["airplane", "truck", "automobile", "truck"]
    # A row is 1,024 reds, then greens, then blues, each 32 x 32 row by row.
    np.testing.assert_array_equal(test.read(2).decode().pixels, ROWS[2].reshape(3, 32, 32))


# ---- real files ----


@pytest.mark.data
@pytest.mark.parametrize(
    ("subject", "count", "mean"),
    [("fashion-mnist:train", 60_000, 72.940), ("fashion-mnist:test", 10_000, 73.147), ("mnist:test", 10_000, 33.791)],
)
def test_the_real_files_have_their_known_counts_and_means(subject, count, mean):
    root = os.environ.get("GANEVAL_DATA")
    if not root:
        pytest.skip("GANEVAL_DATA is not set")
    source = open_dataset(subject, Path(root))
    assert len(source) == count
    assert np.mean([source.read(i).decode().pixels[0].mean() for i in range(count)]) == pytest.approx(mean, abs=1e-3)
