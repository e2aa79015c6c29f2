"""Arrays: shapes are never guessed, floats must say their range, pickles are refused."""

import io
import os
import zipfile

import numpy as np
import pytest

from ganeval.errors import BadImageError, DataError
from ganeval.sources.arrays import ArraySource, open_array_file, pixels_digest
from ganeval.sources.base import content_hash
from ganeval.sources.npy import StoredArray
from ganeval.sources.resolve import open_source

rng = np.random.default_rng(11)
IMAGES = rng.integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)


def pixels(source):
    return np.stack([source.read(i).decode().pixels for i in range(len(source))])


def expected(images):
    return images.transpose(0, 3, 1, 2)


def test_uint8_means_what_it_holds():
    source = ArraySource(IMAGES, "mine", labels=list("abcde"))
    np.testing.assert_array_equal(pixels(source), expected(IMAGES))
    assert [item.name for item in source.items] == ["000000", "000001", "000002", "000003", "000004"]
    assert [item.label for item in source.items] == list("abcde")
    assert source.name == "mine"
    assert source.read(0).format == "array"


def test_grey_repeats_and_alpha_lies_on_white():
    grey = ArraySource(IMAGES[..., :1], "grey")
    np.testing.assert_array_equal(pixels(grey), np.repeat(expected(IMAGES[..., :1]), 3, axis=1))
    assert grey.read(0).decode().notes == {"grey"}
    clear = np.concatenate([IMAGES, np.zeros((5, 6, 7, 1), np.uint8)], axis=-1)
    assert (pixels(ArraySource(clear, "clear")) == 255).all()


def test_the_digest_is_of_the_pixels_whatever_the_container():
    as_rgb = ArraySource(np.repeat(IMAGES[..., :1], 3, axis=-1), "rgb")
    as_grey = ArraySource(IMAGES[..., :1], "grey")
    assert [as_rgb.read(i).digest for i in range(5)] == [as_grey.read(i).digest for i in range(5)]
    flat = np.zeros((3, 2, 6), np.uint8)
    assert pixels_digest(flat) != pixels_digest(flat.reshape(3, 6, 2))


@pytest.mark.parametrize("kind", ["npy", "npz", "compressed npz", "fortran npz", "fortran npy"])
@pytest.mark.parametrize("values", ["uint8", "float32"])
def test_files_hold_what_was_saved(kind, values, tmp_path):
    stored = IMAGES if values == "uint8" else (IMAGES / np.float32(255))
    stored = np.asfortranarray(stored) if "fortran" in kind else stored
    path = tmp_path / f"a.{kind.split()[-1]}"
    save = {"npy": np.save, "npz": np.savez, "compressed npz": np.savez_compressed}.get(kind.removeprefix("fortran "))
    save(path, stored)
    source = open_array_file(path, value_range="0..1")
    np.testing.assert_array_equal(pixels(source), expected(IMAGES))
    assert source.name == str(path)


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_uncompressed_files_are_read_image_by_image(ending, tmp_path):
    (np.save if ending == "npy" else np.savez)(tmp_path / f"a.{ending}", IMAGES)
    source = open_array_file(tmp_path / f"a.{ending}")
    assert isinstance(source._array, StoredArray)
    source.close()


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_a_file_that_shrinks_while_it_is_read_is_an_error_and_no_crash(ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    (np.save if ending == "npy" else np.savez)(path, np.zeros((64, 64, 64, 3), np.uint8))
    source = open_array_file(path)
    os.truncate(path, 200_000)
    assert source.read(0).decode().pixels.shape == (3, 64, 64)
    with pytest.raises(BadImageError, match="became shorter while it was read"):
        source.read(63)
    source.close()


def test_adm_batches_give_arr_0_with_the_classes_of_arr_1(tmp_path):
    np.savez(tmp_path / "adm.npz", IMAGES, np.array([3, 1, 4, 1, 5]))
    source = open_array_file(tmp_path / "adm.npz")
    np.testing.assert_array_equal(pixels(source), expected(IMAGES))
    assert [item.label for item in source.items] == ["3", "1", "4", "1", "5"]


def test_a_second_array_that_is_no_class_list_is_not_one(tmp_path):
    np.savez(tmp_path / "a.npz", IMAGES, np.ones((5, 2)))
    assert {item.label for item in open_array_file(tmp_path / "a.npz").items} == {None}


def test_the_only_array_needs_no_special_name_but_two_do(tmp_path):
    np.savez(tmp_path / "one.npz", pictures=IMAGES)
    assert len(open_array_file(tmp_path / "one.npz")) == 5
    np.savez(tmp_path / "two.npz", a=IMAGES, b=IMAGES)
    with pytest.raises(DataError, match=r"holds 2 arrays \(a \(5, 6, 7, 3\) uint8, b .*; expected one .*\.npz:a"):
        open_array_file(tmp_path / "two.npz")
    np.savez(tmp_path / "fid.npz", mu=np.zeros(4), sigma=np.eye(4))
    with pytest.raises(DataError, match="statistics, not images"):
        open_array_file(tmp_path / "fid.npz")


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((5, 3, 6, 7), r"transpose\(0, 2, 3, 1\)"),
        ((5, 6, 7), r"array\[\.\.\., None\]"),
        ((5, 6, 7, 2), "1, 3 or 4 channels"),
        ((0, 6, 7, 3), "none of them 0"),
        ((5,), r"shape \(5,\)"),
    ],
)
def test_other_shapes_are_refused_not_guessed(shape, advice):
    with pytest.raises(DataError, match=advice):
        ArraySource(np.zeros(shape, np.uint8), "x")


@pytest.mark.parametrize("kind", [np.int64, np.uint16, np.bool_, np.complex64])
def test_other_types_are_refused(kind):
    with pytest.raises(DataError, match=f"holds {np.dtype(kind)}; expected uint8"):
        ArraySource(np.zeros((2, 4, 4, 3), kind), "x")


def test_floats_without_a_range_are_refused_with_the_option_to_give():
    with pytest.raises(DataError, match=r"--value-range 0\.\.1 \| -1\.\.1"):
        ArraySource(np.zeros((2, 4, 4, 3), np.float32), "x")


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_in_either_range_round_to_the_same_bytes(kind):
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    unit = (levels / 255).astype(kind)
    signed = (levels / 127.5 - 1).astype(kind)
    for array, said in ((unit, "0..1"), (signed, "-1..1")):
        got = pixels(ArraySource(array, "x", value_range=said))
        np.testing.assert_array_equal(got[:, 0], levels[..., 0])


def test_nothing_is_stretched_to_fill_the_range():
    dark = np.full((1, 2, 2, 3), 0.25, np.float32)
    assert (pixels(ArraySource(dark, "x", value_range="0..1")) == 64).all()
    assert (pixels(ArraySource(dark, "x", value_range="-1..1")) == 159).all()


@pytest.mark.parametrize(
    ("value", "said"), [(1.5, "0..1"), (-0.1, "0..1"), (-1.01, "-1..1"), (np.nan, "0..1"), (np.inf, "-1..1")]
)
def test_the_first_bad_float_is_named_with_its_place(value, said, monkeypatch):
    monkeypatch.setattr("ganeval.sources.arrays._SCAN_VALUES", 4 * 5 * 3 * 2)  # two images at a time
    array = np.full((7, 4, 5, 3), 0.5, np.float32)
    array[5, 2, 3, 1] = value
    array[6, 0, 0, 0] = value
    with pytest.raises(DataError, match=rf"has {np.float32(value)} at index \(5, 2, 3, 1\).*--value-range {said}"):
        ArraySource(array, "x", value_range=said)


def test_names_and_labels_must_be_as_many_as_the_images():
    with pytest.raises(DataError, match="5 images for 4 names and labels"):
        ArraySource(IMAGES, "x", item_names=list("abcd"))
    with pytest.raises(DataError, match="5 images for 5 and 2 names and labels"):
        ArraySource(IMAGES, "x", labels=["a", "b"])


class Bomb:
    """Unpickling it would raise, which no test below may see."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was run')",))


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_pickled_objects_are_never_loaded(ending, tmp_path):
    array = np.empty((2, 2, 2, 3), object)
    array.fill(Bomb())
    (np.save if ending == "npy" else np.savez)(tmp_path / f"a.{ending}", array)
    with pytest.raises(DataError, match="Cannot read arrays"):
        open_array_file(tmp_path / f"a.{ending}")


def test_pointers_of_a_strangers_choosing_are_never_followed(tmp_path):
    """Mapped as they lie, the 24 bytes of this object array would be taken for three addresses."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (1, 1, 1, 3)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("arr_0.npy", header.getvalue() + b"A" * 24)
    with pytest.raises(DataError, match="holds Python objects"):
        open_array_file(tmp_path / "a.npz")


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_truncated_and_foreign_files_are_data_errors(ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    (np.save if ending == "npy" else np.savez)(path, IMAGES)
    whole = path.read_bytes()
    for data in (b"", b"hello", whole[: len(whole) // 2], whole[:30]):
        path.write_bytes(data)
        with pytest.raises(DataError, match="Cannot read arrays"):
            open_array_file(path)
    path.unlink()
    with pytest.raises(DataError, match="Cannot read arrays"):
        open_array_file(path)


def test_a_header_that_promises_more_than_the_file_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, IMAGES)
    path.write_bytes(path.read_bytes().replace(b"(5, 6, 7, 3)", b"(9, 6, 7, 3)"))
    with pytest.raises(DataError, match="which is not the"):
        open_array_file(path)


def test_content_hash_ignores_the_order_of_images():
    forward, backward = ArraySource(IMAGES, "x"), ArraySource(IMAGES[::-1], "y")
    hashes = [content_hash([source.read(i).digest for i in range(5)]) for source in (forward, backward)]
    assert hashes[0] == hashes[1]


def test_an_array_of_a_file_is_named_behind_a_colon(tmp_path):
    """MedMNIST's files: several arrays of images, each with its labels; grey ones without a last dimension."""
    path, grey = tmp_path / "set.npz", IMAGES[..., 0]
    labels = np.array([[3], [1], [4], [1], [5]])
    np.savez(path, train_images=IMAGES, train_labels=labels, val_images=grey, val_labels=labels[:3])
    named = open_source(f"{path}:train_images", data_root=None)
    plain = open_source(f"{path}:val_images", data_root=None)

    np.testing.assert_array_equal(pixels(named), expected(IMAGES))
    assert [item.label for item in named.items] == ["3", "1", "4", "1", "5"]
    np.testing.assert_array_equal(pixels(plain), expected(np.repeat(grey[..., None], 3, axis=3)))
    assert {item.label for item in plain.items} == {None}, "labels of another count are those of other images"
    assert named.name == f"{path}:train_images"
    with pytest.raises(DataError, match=r"4 arrays .*train_images \(5, 6, 7, 3\) uint8.*set\.npz:train_images"):
        open_source(str(path), data_root=None)
    with pytest.raises(DataError, match=r"no array 'test_images' in the file; it holds 4 \(train_images"):
        open_source(f"{path}:test_images", data_root=None)
    with pytest.raises(DataError, match=r"shape \(5, 1\)"):
        open_source(f"{path}:train_labels", data_root=None)
    for source in (named, plain):
        source.close()


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_statistics_are_refused_as_images_in_words(ending, tmp_path):
    statistics = {"mu": np.zeros(4), "sigma": np.eye(4)}
    path = tmp_path / f"stats.{ending}"
    if ending == "npy":
        np.save(path, statistics, allow_pickle=True)
    else:
        np.savez(path, **statistics)
    with pytest.raises(DataError, match=r"holds mu and sigma.*statistics, not images.*--reference"):
        open_source(str(path), data_root=None)
