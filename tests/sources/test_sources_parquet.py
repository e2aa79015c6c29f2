"""Images in parquet files: which column, labels, names, shards, streaming, and what a file may not do."""

import io
import json

import numpy as np
import pytest
from PIL import Image

import ganeval
from ganeval.errors import BadImageError, DataError, GanevalError, UsageError
from ganeval.sources.folder import FolderSource
from ganeval.sources.parquet import ParquetSource
from ganeval.sources.resolve import open_source

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def png(seed, side=8):
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


PICTURES = [png(seed) for seed in range(12)]


def hugging_face(path, pictures=PICTURES, labels=None, names=("cat", "dog"), paths=None, **options):
    """As `datasets` writes it: a struct of bytes and path, class numbers, and what they are called."""
    rows = [{"bytes": data, "path": None if paths is None else paths[i]} for i, data in enumerate(pictures)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {"image": pa.array(rows, kind), "caption": pa.array(["x"] * len(rows))}
    features = {"image": {"_type": "Image"}, "caption": {"dtype": "string", "_type": "Value"}}
    if labels is not None:
        columns["label"] = pa.array(labels, pa.int64())
        features["label"] = {"names": list(names), "_type": "ClassLabel"}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path, **options)


def digests(source):
    return [source.read(index).digest for index in range(len(source))]


def opened(subject, **options):
    return open_source(str(subject), data_root=None, **options)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    for number, data in enumerate(PICTURES):
        (tmp_path / "folder" / f"{number:02d}.png").write_bytes(data)
    return tmp_path / "folder"


@pytest.mark.parametrize("group", [1, 5, 1000])
@pytest.mark.parametrize("compression", ["snappy", "none", "zstd"])
def test_struct_columns_give_the_images_of_a_folder(tmp_path, folder, group, compression):
    hugging_face(tmp_path / "a.parquet", labels=[0, 1] * 6, row_group_size=group, compression=compression)
    source = opened(tmp_path / "a.parquet")

    assert digests(source) == digests(FolderSource(folder))
    assert [item.label for item in source.items] == ["cat", "dog"] * 6
    assert [item.name for item in source.items][:2] == ["000000", "000001"]
    assert source.read(11).digest == source.read(11).digest  # back and forth
    assert source.read(0).decode().pixels.shape == (3, 8, 8)
    source.close()


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_a_column_of_bytes_is_read_and_scored_as_the_folder_is(tmp_path, folder, kind, monkeypatch):
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))
    pq.write_table(pa.table({"jpg": pa.array(PICTURES, kind), "n": range(12)}), tmp_path / "a.parquet")
    by_file, by_folder = (
        next(iter(ganeval.score(path, metrics="vendi@pixels"))) for path in (tmp_path / "a.parquet", folder)
    )

    assert by_file.value == by_folder.value
    assert by_file.fingerprint == by_folder.fingerprint


def test_paths_of_rows_are_names_and_pair(tmp_path, folder, monkeypatch):
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))
    order = [3, 1, 2, 0, *range(4, 12)]
    hugging_face(tmp_path / "a.parquet", [PICTURES[i] for i in order], paths=[f"x/{i:02d}.png" for i in order])
    (row,) = ganeval.score(tmp_path / "a.parquet", paired=folder, metrics="mae")

    assert row.value == 0


def test_several_columns_of_images_are_told_and_one_can_be_named(tmp_path):
    table = pa.table({"hr": pa.array(PICTURES), "lr": pa.array(PICTURES[::-1]), "n": range(12)})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"has 2 columns of images .*hr \(binary\).*Name one, as in .*a\.parquet:hr"):
        opened(tmp_path / "a.parquet")

    assert digests(opened(f"{tmp_path}/a.parquet:lr")) == digests(opened(f"{tmp_path}/a.parquet:hr"))[::-1]
    with pytest.raises(DataError, match=r"the column 'n' is not of images"):
        opened(f"{tmp_path}/a.parquet:n")
    with pytest.raises(DataError, match=r"the column 'x' is not there"):
        opened(f"{tmp_path}/a.parquet:x")
    with pytest.raises(DataError, match=r"does not exist"):
        opened(f"{tmp_path}/b.parquet:x")


def test_shards_in_a_folder_are_one_set_and_splits_are_not_mixed(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "README.md").write_text("a data set")
    for number in range(3):
        hugging_face(tmp_path / f"data/train-0000{number}-of-00003.parquet", PICTURES[4 * number : 4 * number + 4])
    source = opened(tmp_path / "data")
    assert digests(source) == digests(opened(f"{tmp_path}/data/train-0000{{0..2}}-of-00003.parquet"))
    assert (len(source), source.shard(0), source.shard(11)) == (12, 0, 2)

    hugging_face(tmp_path / "data/test-00000-of-00001.parquet", PICTURES[:2])
    with pytest.raises(DataError, match=r"2 splits: test-\* \(1\), train-\* \(3\).*--match 'test-\*'"):
        opened(tmp_path / "data")
    ganeval.score(tmp_path / "data", match="test-*", metrics="vendi@pixels", cache=False)
    with pytest.raises(DataError, match=r"matches 0 of the 4 parquet files"):
        ganeval.score(tmp_path / "data", match="val*", metrics="vendi@pixels")
    with pytest.raises(UsageError, match=r"picks images by their file names"):
        ganeval.score(tmp_path / "data/test-00000-of-00001.parquet", match="*", metrics="vendi@pixels")


def test_remote_files_and_folders_are_read_alike(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    for number in range(2):
        hugging_face(tmp_path / f"train-{number}.parquet", PICTURES[6 * number : 6 * number + 6])
    memory = fsspec.filesystem("memory")
    for path in tmp_path.glob("*.parquet"):
        memory.pipe(f"/parquet-test/{path.name}", path.read_bytes())

    assert digests(opened("memory://parquet-test")) == digests(opened(tmp_path))
    assert len(opened("memory://parquet-test/train-1.parquet")) == 6


def test_a_row_without_its_image_is_no_image_and_nothing_is_opened(tmp_path):
    (tmp_path / "secret.png").write_bytes(PICTURES[0])
    paths = [str(tmp_path / "secret.png"), "http://example.com/x.png"]
    hugging_face(tmp_path / "a.parquet", [None, None], paths=paths)
    source = ParquetSource([tmp_path / "a.parquet"], "a.parquet")
    for index in range(2):
        with pytest.raises(BadImageError, match=r"holds no image, but the path .* which is not opened"):
            source.read(index)


def test_subsets_and_many_readers_get_the_right_rows(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    pictures = [png(seed, 4) for seed in range(700)]
    hugging_face(tmp_path / "a.parquet", pictures, row_group_size=300)
    source = opened(tmp_path / "a.parquet")
    order = np.random.default_rng(0).permutation(700)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda index: source.read(int(index)).stored, order))

    assert found == [pictures[index] for index in order]


def test_a_million_rows_are_not_held(tmp_path):
    """What is kept is a few blocks, however large a row group is."""
    hugging_face(tmp_path / "a.parquet", [png(0, 64)] * 3000, row_group_size=3000, use_dictionary=False)
    source = opened(tmp_path / "a.parquet")
    for index in range(len(source)):
        source.read(index)
    (file,) = source._files

    assert sum(len(block) for block in file._blocks.values()) <= 16 * 64


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pa.table({"n": range(3)}), "has 0 columns of images"),
        (lambda: pa.table({"image": pa.array([[1, 2]])}), "Images are read from columns of bytes"),
        (lambda: pa.table({"image": pa.array([], pa.binary())}), "has no row"),
        (lambda: pa.Table.from_arrays([pa.array(PICTURES)] * 2, ["a", "a"]), "two columns called 'a'"),
    ],
)
def test_a_file_without_images_is_named(tmp_path, make, words):
    pq.write_table(make(), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=words):
        opened(tmp_path / "a.parquet")


def test_damage_is_told(tmp_path):
    hugging_face(tmp_path / "a.parquet", compression="none", use_dictionary=False)
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:500])
    with pytest.raises(DataError, match="damaged or cut short"):
        opened(tmp_path / "cut.parquet")
    spoilt = bytearray(whole)
    spoilt[4:40] = bytes(36)
    (tmp_path / "spoilt.parquet").write_bytes(bytes(spoilt))
    with pytest.raises(GanevalError):
        digests(opened(tmp_path / "spoilt.parquet"))


def test_labels_of_texts_and_of_other_columns(tmp_path):
    table = pa.table({"img": pa.array(PICTURES), "fine_label": pa.array(["a", "b", "c"] * 4)})
    pq.write_table(table, tmp_path / "a.parquet")

    assert [item.label for item in opened(tmp_path / "a.parquet").items] == ["a", "b", "c"] * 4


def test_categories_of_pandas_are_images_and_labels_and_names_of_columns_have_any_case(tmp_path):
    pictures, classes = pa.array(PICTURES).dictionary_encode(), pa.array(["a", "b", "c"] * 4).dictionary_encode()
    pq.write_table(pa.table({"Image": pictures, "LABEL": classes}), tmp_path / "a.parquet")
    source = opened(tmp_path / "a.parquet")

    assert [item.label for item in source.items] == ["a", "b", "c"] * 4
    assert len(set(digests(source))) == len(PICTURES)


def test_a_data_set_of_the_hub_is_read_as_it_is_cloned(tmp_path, folder):
    (tmp_path / "ds" / "data").mkdir(parents=True)
    (tmp_path / "ds" / "README.md").write_text("# photos")
    (tmp_path / "ds" / ".git").mkdir()
    hugging_face(tmp_path / "ds" / ".git" / "x.parquet")
    for number in range(2):
        hugging_face(tmp_path / "ds" / "data" / f"train-{number:05d}-of-00002.parquet", PICTURES[number::2])

    assert sorted(digests(opened(tmp_path / "ds"))) == sorted(digests(FolderSource(folder)))
    hugging_face(tmp_path / "ds" / "data" / "test-00000-of-00001.parquet")
    with pytest.raises(DataError, match=r"2 splits: data/test-\* \(1\), data/train-\* \(2\)"):
        opened(tmp_path / "ds")


def test_a_table_that_describes_image_files_is_not_a_set(tmp_path, folder):
    pq.write_table(pa.table({"file_name": ["00.png"], "text": ["a cat"]}), folder / "metadata.parquet")

    assert len(opened(folder)) == len(PICTURES)
    for path in folder.glob("*.png"):
        path.unlink()
    with pytest.raises(DataError, match=r"1 files? of 'folder'|columns of images|0 images"):
        opened(folder)
