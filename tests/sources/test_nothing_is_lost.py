"""What lies in an input and is not used is counted and said, or the input is refused: labels, other sets, frames."""

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset
from torchvision.datasets import ImageFolder

import ganeval
from ganeval.errors import DataError
from ganeval.generators.in_memory import source_of
from ganeval.progress import Silent
from ganeval.sources import set_labels
from ganeval.sources.all_labels import UNUSED, label_all
from ganeval.sources.listing import Selection
from ganeval.sources.resolve import open_source

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def png(level):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (level, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def table(path, labels, kind=None, name="label"):
    columns = {"image": pa.array([png(i) for i in range(len(labels))]), name: pa.array(labels, kind)}
    pq.write_table(pa.table(columns), path)
    return path


DATABASE = gzip.decompress((Path(__file__).parents[1] / "golden" / "lmdb-0.9.35.mdb.gz").read_bytes())


def opened(path, mixed=False, **selection):
    source = open_source(str(path), data_root=None, selection=Selection(**selection), mixed=mixed)
    source.close()
    return source


def labels(source):
    return [item.label for item in source.items]


def tar(path, members):
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_half_a_labelling_is_counted():
    found = label_all(["a", "b", "c"], ["x", None, "y"], "'set'")

    assert [item.label for item in found.items] == [None] * 3
    assert found.skipped == {UNUSED: 2}
    assert found.notes == (
        "1 of 3 images of 'set' have no class label (first: 'b'), so the labels of the other 2 are not used",
    )
    for whole in (["x", "y", "z"], [None] * 3):
        found = label_all(["a", "b", "c"], whole, "'set'")
        assert ([item.label for item in found.items], found.skipped, found.notes) == (whole, {}, ())


def test_a_null_among_labels_of_parquet_is_said_and_kept_in_the_row(tmp_path):
    path = table(tmp_path / "a.parquet", [0, None, 1, 1])
    source = opened(path)

    assert labels(source) == [None] * 4
    assert source.skipped == {UNUSED: 3}
    assert "1 of 4 images" in source.notes[0]
    assert "first: '000001'" in source.notes[0]
    with pytest.raises(DataError, match=r"--labels asks .* 4 of 4 images of .* have none that is used \(1 of 4"):
        opened(path, labels=True)
    [row] = ganeval.score(path, metrics="vendi@pixels", cache=False)
    assert row.provenance["left_out"] == {UNUSED: 3}


def test_the_library_of_data_sets_writes_minus_one_for_no_class(tmp_path):
    path = table(tmp_path / "a.parquet", [0, -1, 1])
    features = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(pq.read_table(path).replace_schema_metadata(metadata), path)
    source = opened(path)

    assert labels(source) == [None] * 3
    assert source.skipped == {UNUSED: 2}


def test_truth_values_are_classes_in_every_kind_of_file(tmp_path):
    table(tmp_path / "a.parquet", [True, False])
    tar(
        tmp_path / "a.tar",
        {"0.png": png(0), "0.json": b'{"label": true}', "1.png": png(1), "1.json": b'{"cls": false}'},
    )
    images = np.zeros((2, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "a.npz", arr_0=images, arr_1=np.array([True, False]))
    for name in ("a.parquet", "a.tar", "a.npz"):
        source = opened(tmp_path / name)
        assert labels(source) == ["True", "False"]
        assert not source.notes


@pytest.mark.parametrize(
    ("values", "kind", "told"),
    [([0.0, 1.0], None, "'label' (double)"), ([[1], [0, 1]], None, "'label' (list<"), ([b"x", b"y"], None, "")],
)
def test_a_label_column_of_another_type_is_said(tmp_path, values, kind, told):
    path = table(tmp_path / "a.parquet", values, kind)
    source = opened(f"{path}:image")

    assert labels(source) == [None, None]
    assert told in source.notes[0]
    assert "cannot be read as one class an image" in source.notes[0]


def test_one_file_of_several_without_labels_is_said(tmp_path):
    (tmp_path / "data").mkdir()
    table(tmp_path / "data" / "train-0.parquet", [0, 1])
    table(tmp_path / "data" / "train-1.parquet", [0, 1], name="caption")
    source = opened(tmp_path / "data")

    assert labels(source) == [None] * 4
    assert source.skipped == {UNUSED: 2}


@pytest.mark.parametrize("lacking", ["0001.cls", "0001.png"])
def test_classes_beside_images_of_tars_and_their_shards(tmp_path, lacking):
    for shard in range(2):
        members = {f"000{i}.png": png(i) for i in range(3)} | {f"000{i}.cls": b"7" for i in range(3)}
        if shard:
            del members[lacking]
        tar(tmp_path / f"s-{shard}.tar", members)
    source = opened(tmp_path)

    if lacking.endswith("png"):  # a class without its image is no image without its class
        assert labels(source) == ["7"] * 5
        assert UNUSED not in source.skipped
        assert "1 class file of archive" in source.notes[0]
        assert "without an image (first: '0001.cls')" in source.notes[0]
    else:
        assert labels(source) == [None] * 6
        assert source.skipped[UNUSED] == 2 + 3
        assert sum("have no class label" in note for note in source.notes) == 2


def test_a_folder_and_its_zip_have_the_classes_that_its_tar_has(tmp_path):
    members = {f"000{i}.png": png(i) for i in range(3)} | {f"000{i}.cls": str(i).encode() for i in range(3)}
    (tmp_path / "set").mkdir()
    for name, data in members.items():
        (tmp_path / "set" / name).write_bytes(data)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    tar(tmp_path / "set.tar", members)
    for name in ("set", "set.zip", "set.tar"):
        assert labels(opened(tmp_path / name)) == ["0", "1", "2"]
        assert labels(opened(tmp_path / name, labels=False)) == [None] * 3


def test_labels_of_an_npz_that_do_not_fit_are_said(tmp_path):
    images = np.zeros((3, 8, 8, 3), np.uint8)
    for wrong in (np.zeros(2, int), np.zeros((3, 5), int), np.zeros(3)):
        np.savez(tmp_path / "a.npz", arr_0=images, arr_1=wrong)
        source = opened(tmp_path / "a.npz")
        assert labels(source) == [None] * 3
        assert source.notes == (
            f"'arr_1' ({wrong.shape} {wrong.dtype}) of {str(tmp_path / 'a.npz')!r} is not one class for each of 3 "
            "images: not used",
        )
    np.savez(tmp_path / "a.npz", images=images, labels=np.array(["cat", "dog", "größe"]))
    assert labels(opened(f"{tmp_path}/a.npz:images")) == ["cat", "dog", "größe"]


def test_one_stray_image_beside_class_folders_is_said(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(3):
            (tmp_path / name / f"{name}{number}.png").write_bytes(png(number))
    (tmp_path / "grid.png").write_bytes(png(9))
    source = opened(tmp_path)

    assert labels(source) == [None] * 7
    assert "6 of 7 images" in source.notes[0]
    assert "first: 'grid.png'" in source.notes[0]
    assert labels(opened(tmp_path, match="*/*")) == ["cat"] * 3 + ["dog"] * 3


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("old.zip", "archive"),
        ("old.TAR", "archive"),
        ("old.tar.gz", "archive"),
        ("samples.npz", "array file"),
        ("data.lmdb", "LMDB"),
        ("facts.parquet", "parquet file"),
        ("clip.mp4", "video"),
        ("metadata.parquet", ""),
        ("lock.mdb", ""),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_set_that_lies_among_the_images_is_counted(tmp_path, name, reason, kind):
    if kind == "folder":
        (tmp_path / "set").mkdir()
        (tmp_path / "set" / "a.png").write_bytes(png(1))
        (tmp_path / "set" / name).write_bytes(b"PK")
    else:
        with zipfile.ZipFile(tmp_path / "set", "w") as archive:
            archive.writestr("a.png", png(1))
            archive.writestr(name, b"PK")
        (tmp_path / "set").rename(tmp_path / "set.zip")
    source = opened(tmp_path / ("set" if kind == "folder" else "set.zip"))

    assert source.skipped == {reason or "no image extension": 1}
    assert any(f"left out: 1 ({reason})" in note for note in source.notes) == bool(reason)


@pytest.mark.parametrize(("kind", "count"), [("database", 258), ("table", 1)])
def test_images_beside_a_database_or_a_table_of_images_are_two_sets(tmp_path, kind, count):
    if kind == "database":
        (tmp_path / "data.mdb").write_bytes(DATABASE)
    else:
        table(tmp_path / "train.parquet", [0])
    assert len(opened(tmp_path, mixed=True)) == count
    (tmp_path / "x").mkdir()
    for name in ("x/2.png", "x/3.png"):
        (tmp_path / name).write_bytes(png(2))
    with pytest.raises(DataError, match=r"2 image files \(first: 'x/2.png'\), which may be two sets"):
        opened(tmp_path)
    assert len(opened(tmp_path, match="[23].png")) == 2
    if kind == "database":
        assert len(opened(tmp_path / "data.mdb", mixed=True)) == count
        assert len(opened(tmp_path, match="large*")) == 1
    else:
        assert len(opened(tmp_path, match="*.parquet")) == 1


def test_a_table_that_only_describes_the_images_beside_it_is_no_second_set(tmp_path):
    (tmp_path / "0.png").write_bytes(png(2))
    pq.write_table(pa.table({"file": ["0.png"], "caption": ["a"]}), tmp_path / "facts.parquet")
    assert opened(tmp_path).skipped == {"parquet file": 1}


def test_values_of_a_database_that_are_no_images_are_counted(tmp_path):
    (tmp_path / "a.mdb").write_bytes(DATABASE)
    whole = open_source(str(tmp_path / "a.mdb"), data_root=None, mixed=True)
    data = DATABASE
    for index in range(3):
        picture = whole.read(index).stored
        data = data.replace(picture, b"cat," + picture[4:])
    whole.close()
    (tmp_path / "a.mdb").write_bytes(data)
    source = opened(tmp_path / "a.mdb", mixed=True)

    lost = len(whole) - len(source)
    assert lost >= 3
    assert source.skipped == {"value that is no image": lost, "no image extension": 1}
    assert f"{len(source)} pictures of database" in source.notes[0]
    assert f"left out: {lost} (value that is no image)" in source.notes[0]


def write(folder, names, side=16):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in names:
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    return folder


def test_masks_of_an_npz_pair_by_their_names(tmp_path):
    names = ["0801", "0802", "0803"]
    real = write(tmp_path / "real", names)
    fake = write(tmp_path / "fake", names)
    for number, name in enumerate(names):  # a difference in the first rows only, by so much as the number says
        pixels = np.asarray(Image.open(real / f"{name}.png")) // 2
        Image.fromarray(pixels).save(real / f"{name}.png")
        pixels[:4] += 10 * (number + 1)
        Image.fromarray(pixels).save(fake / f"{name}.png")
    masks = {name: np.zeros((16, 16), bool) for name in names}
    for number, name in enumerate(names):
        masks[name][: number + 4] = True
    np.savez(tmp_path / "m.npz", **dict(reversed(masks.items())))
    np.savez_compressed(tmp_path / "c.npz", **{n: m.astype(np.uint8) * 255 for n, m in masks.items()})
    by_file = [
        ganeval.score(fake, paired=real, metrics="mae", mask=tmp_path / f, cache=False) for f in ("m.npz", "c.npz")
    ]
    expected = {name: 10 * (n + 1) * 4 / (n + 4) for n, name in enumerate(names)}
    for [row] in by_file:
        assert row.provenance["per_image"] == pytest.approx(expected)

    np.save(tmp_path / "m.npy", np.stack(list(masks.values())))
    with pytest.raises(DataError, match=r"m.npy have no names, only places. Save each .* pair_by='order'"):
        ganeval.score(fake, paired=real, metrics="mae", mask=tmp_path / "m.npy")
    [row] = ganeval.score(fake, paired=real, metrics="mae", mask=tmp_path / "m.npy", pair_by="order", cache=False)
    assert row.provenance["per_image"] == pytest.approx(expected)


def test_images_of_an_npz_with_a_name_each_are_a_set(tmp_path):
    rng = np.random.default_rng(0)
    images = {name: rng.integers(0, 256, (8, 6 + i, 3), dtype=np.uint8) for i, name in enumerate(["b", "a/x", "c"])}
    np.savez(tmp_path / "a.npz", **images)
    source = open_source(str(tmp_path / "a.npz"), data_root=None)
    assert [item.name for item in source.items] == ["a/x", "b", "c"]
    assert [source.read(i).decode().pixels.shape for i in range(3)] == [(3, 8, 7), (3, 8, 6), (3, 8, 8)]
    assert (source.read(1).decode().pixels == images["b"].transpose(2, 0, 1)).all()
    source.close()

    np.savez(tmp_path / "l.npz", *(np.full((4, 4, 1), i, np.uint8) for i in range(12)))  # arr_10 behind arr_2
    source = open_source(str(tmp_path / "l.npz"), data_root=None)
    assert [source.read(i).decode().pixels[0, 0, 0] for i in range(12)] == list(range(12))
    assert source.items[10].name == "000010"
    source.close()


@pytest.mark.parametrize(
    "arrays",
    [
        {"features": np.zeros((5, 7), np.float32), "logits": np.zeros((5, 3), np.float32)},
        {"train": np.zeros((9, 64), np.uint8), "test": np.zeros((5, 64), np.uint8)},
        {"train_images": np.zeros((5, 8, 8), np.uint8), "train_labels": np.zeros((5, 1), np.uint8)},
        {"images": np.zeros((5, 8, 8, 3), np.uint8), "masks": np.zeros((8, 8, 1), np.uint8)},
    ],
)
def test_other_tables_are_not_taken_for_images(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=r"holds 2 arrays .* expected one array of images"):
        opened(tmp_path / "a.npz")


def test_frames_that_a_video_lost_are_counted(tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "a.mp4"), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        rng = np.random.default_rng(0)
        for _ in range(20):
            frame = av.VideoFrame.from_ndarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8), format="rgb24")
            container.mux(list(stream.encode(frame)))
        container.mux(list(stream.encode(None)))
    data = (tmp_path / "a.mp4").read_bytes()
    assert not opened(tmp_path / "a.mp4").skipped
    (tmp_path / "b.mp4").write_bytes(data[: len(data) * 2 // 3])
    try:
        source = opened(tmp_path / "b.mp4")
    except DataError:
        return  # refused: as good
    assert source.skipped == {"frame that cannot be decoded": 20 - len(source)}
    assert any("frames of" in note and "its header counts them" in note for note in source.notes)


def test_a_file_whose_name_begins_as_a_comment_is_an_image_of_the_list(tmp_path):
    for name in ("a.png", "#1.png"):
        (tmp_path / name).write_bytes(png(1))
    (tmp_path / "list.txt").write_text("# images\n#2.png\n#1.png\na.png\n")

    assert [item.name for item in opened(tmp_path / "list.txt").items] == ["#1.png", "a.png"]


def test_arrays_that_are_not_read_are_named(tmp_path):
    images = np.zeros((3, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "a.npz", images, np.arange(3), images, extra=images)
    source = opened(tmp_path / "a.npz")

    assert labels(source) == ["0", "1", "2"]
    assert source.notes == (f"other arrays of {str(tmp_path / 'a.npz')!r} are not read: extra, arr_2",)


def test_what_is_left_out_of_the_masks_is_said(tmp_path, command_line):
    for name in ("fake", "real", "mask"):
        write(tmp_path / name, ["0801", "0802"])
    (tmp_path / "mask" / "old.zip").write_bytes(b"PK")
    folders = [tmp_path / name for name in ("fake", "real", "mask")]
    code, _, err = command_line("score", folders[0], "--paired", folders[1], "--mask", folders[2], "--metrics", "mae")

    assert code == 0
    assert "2 pictures of folder" in err
    assert "left out: 1 (archive)" in err


def test_masks_that_fit_no_image_are_counted(tmp_path, command_line):
    for name, images in (("fake", 2), ("real", 2), ("mask", 4)):
        write(tmp_path / name, [f"080{number}" for number in range(images)])
    folders = [tmp_path / name for name in ("fake", "real", "mask")]
    command = ("score", folders[0], "--paired", folders[1], "--mask", folders[2], "--metrics", "mae")

    assert "2 of 4 masks of " in (told := command_line(*command)[2])
    assert "fit no image (first: '0802.png'): not used" in told
    assert "masks of" not in command_line(*command, "--num-samples", "1")[2]


@pytest.mark.parametrize("metric", ["niqe", "pd_diversity@efflite0", "niqe,vendi@pixels"])
def test_what_is_left_out_is_said_whatever_the_kind_of_metric(tmp_path, monkeypatch, metric):
    write(tmp_path / "fake", ["0801", "0802"], side=200)
    (tmp_path / "fake" / "old.zip").write_bytes(b"PK")
    save_file({"mu": np.zeros(36), "cov": np.eye(36)}, tmp_path / "niqe.safetensors")
    told = []
    monkeypatch.setattr(Silent, "message", lambda self, text: told.append(text))
    weights = {"niqe": tmp_path / "niqe.safetensors"} if "niqe" in metric else {}
    ganeval.score(tmp_path / "fake", metrics=metric, cache=False, weights=weights)

    assert sum("left out: 1 (archive)" in text for text in told) == 1


TABLES = {
    "metadata.csv": b'\xef\xbb\xbffile_name,label,text\r\na/0.png,cat,"x, y"\r\nb/1.png,dog,z\r\n',
    "metadata.jsonl": b'{"file_name": "a/0.png", "label": "cat"}\n\n{"file_name": "b/1.png", "label": "dog"}\n',
    "dataset.json": b'{"labels": [["a/0.png", "cat"], ["b/1.png", "dog"]]}',
}


def set_of_two(folder, **others):
    (folder / "a").mkdir(parents=True)
    (folder / "b").mkdir()
    (folder / "a" / "0.png").write_bytes(png(0))
    (folder / "b" / "1.png").write_bytes(png(1))
    for name, data in others.items():
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("table", TABLES)
def test_a_file_that_lists_classes_labels_a_folder_its_archives_and_its_copy_elsewhere(tmp_path, table):
    set_of_two(tmp_path / "set", **{table: TABLES[table]})
    members = {
        path.relative_to(tmp_path / "set").as_posix(): path.read_bytes() for path in (tmp_path / "set").rglob("*.*")
    }
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    tar(tmp_path / "set.tar", members)
    memory = fsspec.filesystem("memory")
    for name, data in members.items():
        memory.pipe(f"/listed/{name}", data)
    try:
        for path in (tmp_path / "set", tmp_path / "set.zip", tmp_path / "set.tar", "memory://listed"):
            source = opened(path)
            assert labels(source) == ["cat", "dog"]
            assert source.notes == ()
            assert labels(opened(path, labels=False)) == [None, None]
    finally:
        memory.rm("/listed", recursive=True)


def test_classes_beside_images_of_a_folder_elsewhere_are_those_of_the_folder_here():
    memory = fsspec.filesystem("memory")
    for number in range(3):
        memory.pipe(f"/beside/a/000{number}.png", png(number))
        memory.pipe(f"/beside/a/000{number}.cls", str(number).encode())
    try:
        assert labels(opened("memory://beside")) == ["0", "1", "2"]
    finally:
        memory.rm("/beside", recursive=True)


@pytest.mark.parametrize(
    ("table", "data", "told"),
    [
        ("metadata.csv", b"file_name,label\na/0.png,cat\nb/1.png,\n", "1 of 2 images of"),
        (
            "metadata.csv",
            b"file_name,label\na/0.png,cat\nb/1.png,dog\nb/2.png,dog\n",
            "1 of 3 images that metadata.csv",
        ),
        ("metadata.csv", b"file_name,label\na/0.png,ca\xff\n", "metadata.csv cannot be read, so no class labels"),
        ("metadata.csv", b"file_name,text\na/0.png,a cat\nb/1.png,a dog\n", ""),
        ("metadata.jsonl", b"[]\n", "metadata.jsonl cannot be read"),
        ("metadata.jsonl", b'{"file_name": "a/0.png", "label": [1, 0]}\n', "states no single number or name"),
        ("dataset.json", b'{"labels": null}', ""),
        ("dataset.json", b'{"name": "photos"}', ""),
        ("dataset.json", b'{"labels": 3}', "dataset.json cannot be read"),
        ("dataset.json", b"[" * 99_999, "dataset.json cannot be read"),
        ("dataset.json", b'{"labels": [["img/0.png", 1], ["img/1.png", 2]]}', "2 of 2 images that dataset.json names"),
    ],
)
def test_a_list_of_classes_that_cannot_be_used_is_said(tmp_path, table, data, told):
    set_of_two(tmp_path / "set", **{table: data})
    source = opened(tmp_path / "set", match="*.png")
    notes = " ".join(source.notes)

    assert told in notes
    assert (notes == "") == (told == "")
    assert labels(source) == (["cat", "dog"] if b"2.png" in data else ["a", "b"])  # of the folders


def test_a_list_of_classes_that_is_too_long_is_said(tmp_path, monkeypatch):
    set_of_two(tmp_path / "set", **{"metadata.csv": TABLES["metadata.csv"]})
    monkeypatch.setattr(set_labels, "MAX_BYTES", 20)

    assert "metadata.csv has more than 20 bytes, so no class labels" in opened(tmp_path / "set").notes[0]


class Pairs(Dataset):
    """Items with parts, as data sets of one's own give them."""

    def __init__(self, parts, **attributes):
        self.__dict__.update(attributes)
        self.parts = parts

    def __len__(self):
        return 4

    def __getitem__(self, index):
        image = torch.full((3, 8, 8), 40 * index, dtype=torch.uint8)
        return self.parts(image, index)


def held(images):
    source = source_of(images, "set", None, None)
    source.close()
    return source


def test_a_data_set_in_memory_has_the_classes_of_its_folder(tmp_path):
    (tmp_path / "set").mkdir()
    for name in ("cat", "dog"):
        write(tmp_path / "set" / name, ["0", "1", "2"])
    data = ImageFolder(tmp_path / "set")
    expected = labels(opened(tmp_path / "set"))

    assert expected == ["cat"] * 3 + ["dog"] * 3
    assert labels(held(data)) == expected
    assert labels(held(Subset(data, [5, 0]))) == ["dog", "cat"]
    assert labels(held(ConcatDataset([data, data]))) == expected * 2
    sets = (data, tmp_path / "set")
    rows = [ganeval.score(one, reference=one, metrics="fd_per_class@pixels", cache=False) for one in sets]
    assert rows[0].dict() == rows[1].dict() != {}
    with pytest.raises(DataError, match="needs class labels"):
        ganeval.score(data, reference=data, metrics="fd_per_class@pixels", labels=False, cache=False)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (Pairs(lambda image, i: (image, i % 2), targets=torch.arange(4) % 2), ["0", "1", "0", "1"]),
        (Pairs(lambda image, i: (image, i), labels=np.arange(4)), ["0", "1", "2", "3"]),
        (
            Pairs(lambda image, i: (image, 0), targets=[0, 1, 1, 0], classes=["cat", "dog"]),
            ["cat", "dog", "dog", "cat"],
        ),
        (TensorDataset(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.arange(4)), ["0", "1", "2", "3"]),
    ],
)
def test_classes_that_a_data_set_states_are_used_by_it_and_its_loader(data, expected):
    for one in (data, DataLoader(data, batch_size=3)):
        source = held(one)
        assert labels(source) == expected
        assert source.notes == ()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (Pairs(lambda image, i: (image, i)), "only the first of the 2 parts of each item is used"),
        (Pairs(lambda image, i: (image, image), targets=["a.png"] * 4), "only the first of the 2 parts"),
        (Pairs(lambda image, i: (image, i), targets=[0, 1]), "only the first of the 2 parts"),
        (
            Pairs(lambda image, i: (image, i, image), targets=[0] * 4),
            "only the first of the 3 parts of each item is used",
        ),
        (Pairs(lambda image, i: {"image": image, "label": i}), "only 'image' of each item is used, not 'label'"),
        (Pairs(lambda image, i: image), ""),
        (Pairs(lambda image, i: {"image": image}), ""),
    ],
)
def test_what_items_of_a_data_set_hold_beside_their_image_is_said(data, told):
    for one in (data, DataLoader(data, batch_size=3), DataLoader(data, batch_size=3, shuffle=True)):
        assert told in "".join(held(one).notes)
        assert bool(held(one).notes) == bool(told)
    [row] = ganeval.score(data, metrics="vendi@pixels", cache=False)
    assert told in row.note


def test_classes_of_a_loader_that_shuffles_are_not_used_and_it_is_said():
    data = Pairs(lambda image, i: (image, i), targets=[0, 1, 2, 3])
    source = held(DataLoader(data, batch_size=2, shuffle=True))

    assert labels(source) == [None] * 4
    assert "only the first of the 2 parts" in source.notes[0]
