"""Classes in files beside the images of a tar file, as WebDataset writes them."""

import io
import json
import tarfile

import pytest
from PIL import Image

from ganeval.sources.listing import Selection
from ganeval.sources.resolve import open_source


def png(level):
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (level, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def tar(path, members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def samples(ending, contents, folder=""):
    members = {}
    for number, content in enumerate(contents):
        members |= {f"{folder}{number:04d}.png": png(number), f"{folder}{number:04d}.{ending}": content}
    return members


def labels(path, **selection):
    source = open_source(str(path), data_root=None, selection=Selection(**selection))
    try:
        return [item.label for item in source.items]
    finally:
        source.close()


@pytest.mark.parametrize(
    ("ending", "contents", "expected"),
    [
        ("cls", [b"3", b"7\n"], ["3", "7"]),
        ("cls", [b"cat", "größe".encode()], ["cat", "größe"]),
        ("json", [b'{"label": 3}', b'{"cls": "dog", "x": 1}'], ["3", "dog"]),
        ("json", [b'{"label": 3}', b'{"caption": "a dog"}'], [None, None]),
        ("json", [b'{"label": 3}', b"[" * 9999], [None, None]),
        ("json", [b'{"label": [1]}', b'{"label": true}'], [None, None]),
        ("cls", [b"3", b"9" * 5000], [None, None]),
        ("cls", [b"3", b""], [None, None]),
        ("cls", [b"\xff\xfe", b"\0"], ["\ufffd\ufffd", "\0"]),
        ("txt", [b"3", b"7"], [None, None]),
    ],
)
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_class_beside_every_image_labels_it(tmp_path, ending, contents, expected, mode):
    path = tar(tmp_path / ("a.tar" if mode == "w" else "a.tar.gz"), samples(ending, contents), mode)

    assert labels(path) == expected
    assert labels(path, labels=False) == [None, None]


def test_endings_are_read_in_any_case(tmp_path):
    members = {"0.PNG": png(0), "0.CLS": b"3", "1.png": png(1), "1.Cls": b"4"}

    assert labels(tar(tmp_path / "a.tar", members)) == ["3", "4"]


def test_every_image_needs_one_and_json_follows_cls(tmp_path):
    members = samples("cls", [b"1", b"2"]) | samples("json", [b'{"label": "a"}', b'{"label": "b"}'])
    assert labels(tar(tmp_path / "both.tar", members)) == ["1", "2"]
    del members["0001.cls"]
    assert labels(tar(tmp_path / "json.tar", members)) == ["a", "b"]
    del members["0000.json"]
    assert labels(tar(tmp_path / "none.tar", members)) == [None, None]


def test_folders_give_way_and_several_images_of_a_sample_share_its_class(tmp_path):
    members = samples("cls", [b"1", b"2"], "part/") | {"part/0000.seg.png": png(9)}
    found = labels(tar(tmp_path / "a.tar", members), match="*", labels=True)

    assert found == ["1", "1", "2"]


def test_only_images_that_are_meant_need_a_class(tmp_path):
    members = samples("cls", [b"1", b"2"]) | {"grid.png": png(9)}
    assert labels(tar(tmp_path / "a.tar", members), match="0*") == ["1", "2"]


def test_shards_are_labelled_as_one(tmp_path):
    for number in range(2):
        tar(tmp_path / f"part-{number}.tar", samples("json", [json.dumps({"label": number}).encode()] * 2))
    assert labels(tmp_path) == ["0", "0", "1", "1"]
