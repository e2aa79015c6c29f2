"""What lies in an input and is not used is counted and said, or the input is refused: labels, other sets, frames."""

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganeval
from ganeval.errors import DataError
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
