"""What is scored is the set that one means: classes and counters, versions of one picture, globs, links, leftovers."""

import io
import json
import os
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image, features

import ganeval
from ganeval.errors import BadImageError, DataError, UsageError
from ganeval.sources.class_folders import why_no_classes
from ganeval.sources.decoding import formats
from ganeval.sources.decoding.formats import FORMATS, picture_name, sniff
from ganeval.sources.decoding.rules import decode
from ganeval.sources.folder import FolderSource
from ganeval.sources.groups import find_mixture
from ganeval.sources.listing import Selection, labelled
from ganeval.sources.resolve import open_source


@pytest.fixture
def run(command_line, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    return command_line


def stored(shade=0, format_="PNG"):
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(shade).integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(data, format_)
    return data.getvalue()


def write(root, names, format_="PNG"):
    for shade, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stored(shade, format_))
    return root


def in_folders(folders, per_folder, name):
    """Names of images: name(folder number, place in the folder, place in the set)."""
    places = [(k, i) for k in range(len(folders)) for i in range(per_folder)]
    return [f"{folders[k]}/{name(k, i, n)}.png" for n, (k, i) in enumerate(places)]


RESTART = lambda k, i, n: f"{i:05d}"  # noqa: E731
CONTINUE = lambda k, i, n: f"{n:05d}"  # noqa: E731
MIXED = lambda k, i, n: f"{(7 * n + 3 * k) % 101:03d}"  # noqa: E731 - as a data set's indices lie in its classes
HASH = lambda k, i, n: f"{(n + 17) * 2654435761 % 2**32:08x}"  # noqa: E731
THOUSANDS = [f"{k:05d}" for k in range(0, 7000, 1000)]
DIGITS = list("0123456789")


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (in_folders(THOUSANDS, 4, CONTINUE), "steps of 1,000"),
        (in_folders(THOUSANDS, 4, RESTART), "steps of 1,000"),
        (in_folders(["00000", "01000"], 4, HASH), "steps of 1,000"),
        (in_folders(DIGITS, 10, CONTINUE), "continue"),
        (in_folders(["00000", "00001"], 6, lambda k, i, n: f"img{n:08d}"), "continue"),
        (in_folders(["00000", "00001", "00002"], 6, HASH), "5 digits where 1 would do"),
        ([*in_folders(DIGITS, 10, HASH), *in_folders(["10"], 3, lambda k, i, n: f"ab{i}")], "10 files in each but"),
        (in_folders(["part-000", "part-001"], 3, HASH), "'part' and a number"),
        (in_folders(["seed0", "seed1", "seed2"], 3, RESTART), "'seed' and a number"),
        (in_folders(["0a", "ff"], 1, lambda k, i, n: ["0a517c", "ff91b2"][k]), "begins with its folder's"),
        (in_folders(["0-9", "10-19"], 10, RESTART), "ranges"),
        (in_folders(["2024-05-01", "2024-05-02"], 2, RESTART), "dates"),
        (in_folders(["train", "test"], 3, RESTART), "splits"),
    ],
)
def test_folders_that_count_are_no_classes_and_the_note_names_the_option(names, why):
    items, (note,) = labelled(names, where="'set'")

    assert {item.label for item in items} == {None}
    assert why in note
    assert "--labels takes them" in note
    assert {item.label for item in labelled(names, True)[0]} == {name.split("/")[0] for name in names}


@pytest.mark.parametrize(
    "names",
    [
        in_folders(["cat", "dog"], 3, CONTINUE),
        in_folders(DIGITS, 10, RESTART),
        in_folders(DIGITS, 10, MIXED),
        in_folders(DIGITS, 10, HASH),
        in_folders([f"{k:03d}" for k in range(120)], 3, RESTART),  # as generated sets of ImageNet name them
        [f"{k:05d}/{i:05d}_00000.png" for k in range(43) for i in range(1 + k % 5)],  # traffic signs: GTSRB
        [f"{k}/{k}_{i}.png" for k in range(3) for i in range(5)],
        in_folders(["n01440764", "n01443537"], 5, lambda k, i, n: f"n01440764_{i * 37 + 5}"),
        in_folders(["class_0", "class_1"], 5, CONTINUE),
        in_folders(["20-29", "30-39"], 3, RESTART),  # ages
        in_folders(["3", "7"], 60, MIXED),
    ],
)
def test_folders_that_name_classes_stay_classes(names):
    items, notes = labelled(names)

    assert {item.label for item in items} == {name.split("/")[0] for name in names}
    assert notes == ()
    assert {item.label for item in labelled(names, False)[0]} == {None}


def test_labels_asked_for_need_a_folder_for_every_image():
    with pytest.raises(DataError, match=r"--labels takes the folder .* and 1 of 3 images"):
        labelled(["cat/a.png", "dog/b.png", "c.png"], True, "'set'")
    assert [item.label for item in labelled(["x/cat/a.png", "y/dog/b.png"], True)[0]] == ["cat", "dog"]
    assert why_no_classes({"12": ["a.png"]}) == ""


NUMBERS = [f"{i:04d}" for i in range(6)]


def versions(*tags, ending=".png", ids=NUMBERS, where=""):
    return sorted(f"{where}{i}{tag}{ending}" for i in ids for tag in tags)


@pytest.mark.parametrize(
    ("names", "groups", "example"),
    [
        (
            versions("_real_A", "_fake_B", "_real_B"),
            {"*_fake_B.png": 6, "*_real_A.png": 6, "*_real_B.png": 6},
            "*_fake_B.png",
        ),
        (versions("_real_A", "_fake_B", where="a/test_latest/images/"), {"*_fake_B.png": 6, "*_real_A.png": 6}, None),
        (versions("-inputs", "-outputs"), {"*-inputs.png": 6, "*-outputs.png": 6}, "*-outputs.png"),
        (
            [f"img_{i:03d}_SRF_4_{tag}.png" for i in range(5) for tag in ("HR", "LR")],
            {"*_HR.png": 5, "*_LR.png": 5},
            None,
        ),
        (
            [*(f"fake_{i}.png" for i in range(9)), *(f"real_{i}.jpg" for i in range(9))],
            {"fake_*.png": 9, "real_*.jpg": 9},
            "fake_*.png",
        ),
        (
            [*(f"{i}_fake.png" for i in range(9)), *(f"{i + 50}_real.png" for i in range(8))],
            {"*_fake.png": 9, "*_real.png": 8},
            None,
        ),
        (versions("", "_mask"), {"*[0-9].png": 6, "*_mask.png": 6}, None),
        (versions("", "x4"), {"*[!x][0-9].png": 6, "*x4.png": 6}, None),
        (versions("_ours", "_theirs"), {"*_ours.png": 6, "*_theirs.png": 6}, None),
        ([f"{role}/{i}.png" for role in ("fake_B", "real_B") for i in range(3)], {"fake_B/*": 3, "real_B/*": 3}, None),
        ([f"run/{folder}/{i}.png" for folder in ("hr", "lr") for i in range(3)], {"run/hr/*": 3, "run/lr/*": 3}, None),
    ],
)
def test_versions_of_the_same_pictures_are_seen_as_groups(names, groups, example):
    found = find_mixture(sorted(names))

    assert found is not None
    assert found.groups == groups
    assert example in (None, found.example)
    for glob, count in groups.items():
        assert sum(map(Selection(glob).takes, names)) == count


def test_groups_of_a_large_set_are_found_from_some_of_its_names():
    ids = [f"{i:05d}" for i in range(3000)]
    for tags in (("_real_A", "_fake_B"), ("", "_mask"), ("_ours", "_theirs")):
        assert list(find_mixture(versions(*tags, ids=ids)).groups.values()) == [3000, 3000]
    assert find_mixture(ids) is None


@pytest.mark.parametrize(
    "names",
    [
        NUMBERS,
        versions("_0", "_1", "_2"),  # several samples of one input
        versions("_seed1", "_seed2"),
        [f"{name}_{i:04d}.png" for name in ("airplane", "cat", "dog") for i in range(20)],
        [f"{name}/{i:04d}.png" for name in ("cat", "dog") for i in range(20)],
        [f"{name}/{i:04d}.png" for name in ("train", "test") for i in range(5)],
        ["astronaut.png", "chelsea.png", "coffee.png", "motorcycle.png"],
        [f"real_{i:04d}.png" for i in range(20)],
        [f"{i}_fake_B.png" for i in range(20)],
        [f"{i}_{name}.png" for i, name in enumerate(["cat", "dog", "owl"] * 4)],
        ["one_real.png"],
    ],
)
def test_one_version_of_each_picture_is_no_mixture(names):
    assert find_mixture(sorted(names)) is None


def archive_of(folder, kind):
    path = folder.parent / f"set.{kind}"
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in files:
                archive.write(file, file.relative_to(folder))
    else:
        with tarfile.open(path, "w") as archive:
            for file in files:
                archive.add(file, str(file.relative_to(folder)))
    return path


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "memory", "shards"])
def test_a_mixture_is_refused_by_name_and_a_glob_picks_one_group(kind, tmp_path):
    folder = write(tmp_path / "set", versions("_real_A", "_fake_B", "_real_B"))
    if kind == "memory":
        import fsspec

        for file in folder.iterdir():
            fsspec.filesystem("memory").pipe(f"/mixture/{file.name}", file.read_bytes())
        subject = "memory://mixture"
    elif kind == "shards":
        subject = str(archive_of(folder, "tar").rename(tmp_path / "set-0.tar")).replace("set-0", "set-{0..0}")
    else:
        subject = str(folder if kind == "folder" else archive_of(folder, kind))

    with pytest.raises(DataError) as error:
        open_source(subject, data_root=None)
    picked = open_source(subject, data_root=None, selection=Selection("*_fake_B.png"))
    whole = open_source(subject, data_root=None, selection=Selection("*"))

    assert "3 groups of images" in str(error.value)
    assert "*_fake_B.png (6), *_real_A.png (6), *_real_B.png (6)" in str(error.value)
    assert "--match '*_fake_B.png'" in str(error.value)
    assert (len(picked), len(whole)) == (6, 18)
    assert picked.skipped == {"not matched": 12}
    with pytest.raises(DataError, match=r"matches 0 of the 18 images .* match 6 without regard to upper and lower"):
        open_source(subject, data_root=None, selection=Selection("*_FAKE_B.png"))
    with pytest.raises(DataError, match=r"matches 0 of the 18 .* Did you mean '\*_fake_B\.\*'"):
        open_source(subject, data_root=None, selection=Selection("*_fake_B"))
    for source in (picked, whole):
        source.close()


def test_score_takes_a_glob_for_each_set_and_says_so_in_the_row(run, tmp_path):
    folder = write(tmp_path / "out", versions("_real_A", "_fake_B", "_real_B"))
    code, out, _ = run("score", folder, "--match", "*_fake_B.png", "--reference", folder, "--match",
                       "reference=*_real_B.png", "--metrics", "kd@pixels", "--json", "-")  # fmt: skip
    (row,) = json.loads(out)["rows"]

    assert (code, row["n_fake"], row["n_real"]) == (0, 6, 6)
    assert row["provenance"]["match"] == {"subject": "*_fake_B.png", "reference": "*_real_B.png"}
    assert row["provenance"]["left_out"] == {"not matched": 12}
    match = {"subject": "*_fake_B.png", "reference": "*_real_B.png"}
    again = ganeval.score(folder, reference=folder, match=match, metrics="kd@pixels")
    assert again["kd@pixels"].value == row["value"]

    code, _, err = run("score", folder, "--match", "*_fake_B.png", "--reference", folder)
    assert (code, "--match 'reference=*_fake_B.png'" in err) == (3, True)
    code, _, err = run("score", folder, "--match", "paired=*_real_B.png")
    assert (code, "--paired, which is not given" in err) == (2, True)
    code, _, err = run("score", "digits:test", "--match", "*.png")
    assert (code, "has none" in err) == (2, True)
    with pytest.raises(DataError, match=r"with match=\{'reference': '\*_fake_B\.png'\}, or take all"):
        ganeval.score(folder, reference=folder, match="*_fake_B.png")
    with pytest.raises(DataError, match=r"with match='\*_fake_B\.png', or take all with match='\*'"):
        ganeval.score(folder)
    with pytest.raises(UsageError, match="match= picks files of"):
        ganeval.score(folder, match={"fake": "*"})


def test_no_labels_drops_the_classes_of_any_source(run, tmp_path):
    for side, first in (("real", 0), ("fake", 100)):
        write(tmp_path / side, [f"{c}/{first + i}.png" for c in ("cat", "dog") for i in range(6)])
    keys = []
    for option in ("--labels", "--no-labels"):
        _, out, _ = run("score", tmp_path / "fake", "--reference", tmp_path / "real", "--json", "-", option)
        keys.append({row["key"] for row in json.loads(out)["rows"] if row["status"] == "ok"})
        assert {row["provenance"]["labels"] for row in json.loads(out)["rows"] if row["status"] == "ok"} == {
            option == "--labels"
        }

    assert any(key.startswith("fd_per_class") for key in keys[0])
    assert not any(key.startswith(("fd_per_class", "agreement")) for key in keys[1])
    assert {
        item.label for item in open_source("digits:test", data_root=None, selection=Selection(labels=False)).items
    } == {None}


def test_what_pillow_can_decode_is_decoded_and_other_pictures_are_counted(run, tmp_path):
    folder = write(tmp_path / "set", [f"{i}.png" for i in range(6)])
    expected = 6
    endings = {"AVIF": "avif", "JPEG2000": "JP2", "QOI": "qoi", "TGA": "tga", "PCX": "pcx", "SGI": "sgi", "DDS": "dds"}
    codecs = {"AVIF": "avif", "JPEG2000": "jpg_2000"}
    for format_, ending in endings.items():
        if features.check(codecs.get(format_, "zlib")):
            (folder / f"x.{ending}").write_bytes(stored(9, format_))
            expected += 1
    (folder / "plain").write_bytes(stored(20))
    (folder / "b.dat").write_bytes(stored(21, "JPEG"))
    (folder / "c.jxl").write_bytes(b"\xff\x0a" + bytes(50))
    (folder / "notes.txt").write_text("no picture")
    code, out, err = run("score", folder, "--metrics", "vendi@pixels", "--json", "-")
    (row,) = json.loads(out)["rows"]

    assert (code, row["n_fake"]) == (0, expected)
    assert f"{expected} of {expected + 3} pictures" in err
    assert "1 (JPEG XL picture, a format that is not decoded here)" in err
    assert "1 (JPEG picture called .dat)" in err
    assert "1 (PNG picture without an ending)" in err
    assert row["provenance"]["left_out"] == {
        "JPEG XL picture, a format that is not decoded here": 1,
        "JPEG picture called .dat": 1,
        "PNG picture without an ending": 1,
        "no image extension": 1,
    }


def test_lossless_formats_come_back_bit_for_bit(tmp_path):
    write(tmp_path / "set", ["a.png"])
    for format_ in ("JPEG2000", "QOI", "TGA", "PCX", "SGI", "DDS"):
        if format_.lower() in {row.name for row in FORMATS}:
            (tmp_path / f"set/{format_}.{format_.lower()[:3].replace('jpe', 'jp2')}").write_bytes(stored(0, format_))
    source = FolderSource(tmp_path / "set")
    pictures = [source.read(i).decode().pixels for i in range(len(source))]

    assert len(pictures) == len({row.name for row in FORMATS} & {"jpeg2000", "qoi", "tga", "pcx", "sgi", "dds"}) + 1
    assert all(np.array_equal(pictures[0], picture) for picture in pictures)


def test_a_format_without_its_codec_is_counted_by_its_first_bytes(tmp_path, monkeypatch):
    from ganeval.sources import listing

    few = tuple(row for row in FORMATS if row.name not in ("avif", "jpeg2000"))
    monkeypatch.setattr(formats, "FORMATS", few)
    monkeypatch.setattr(listing, "IMAGE_EXTENSIONS", frozenset(e for row in few for e in row.extensions))
    folder = write(tmp_path / "set", [f"{i}.png" for i in range(6)])
    for i in range(2):
        (folder / f"{i}.avif").write_bytes(b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf" + bytes(20))
    (folder / "j.jp2").write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20))
    source = FolderSource(folder)

    assert len(source) == 6
    assert source.notes[0].startswith(f"6 of 9 pictures of folder {str(folder)!r} are used; left out: 2 (AVIF picture")
    assert picture_name(b"\xff\x0a" + bytes(20)) == "JPEG XL"
    assert picture_name(b"BM, in short, is a text") is None
    for file in folder.glob("*.png"):
        file.unlink()
    with pytest.raises(DataError, match=r"2 AVIF picture.*1 JPEG 2000 picture"):
        FolderSource(folder)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_leftovers_of_an_archive_are_counted_too(kind, tmp_path):
    folder = write(tmp_path / "set", ["0.png", "1.png", "plain", "b.dat"])
    (folder / "notes.txt").write_text("no picture")
    source = open_source(str(archive_of(folder, kind)), data_root=None)

    assert "2 of 4 pictures of archive" in source.notes[0]
    assert source.skipped["PNG picture without an ending"] == 1
    source.close()


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_class_folders_that_are_links_are_said_and_followed_when_asked(run, tmp_path):
    folder = write(tmp_path / "set", [f"{c}/{i}.png" for c in ("cat", "dog") for i in range(3)])
    write(tmp_path / "store", [f"{c}/{i}.png" for c in ("owl", "yak") for i in range(3)])
    write(folder / ".pool", [f"emu/{i}.png" for i in range(3)])
    for name in ("owl", "yak"):
        (folder / name).symlink_to(tmp_path / "store" / name)
    (folder / "emu").symlink_to(".pool/emu")
    found = {}
    for options in ((), ("--follow-links",), ("--follow-links-anywhere",)):
        code, out, err = run("score", folder, "--metrics", "vendi@pixels", "--json", "-", *options)
        (row,) = json.loads(out)["rows"]
        assert code == 0
        found[options] = row["n_fake"], row["provenance"]["left_out"], err

    assert [n for n, _, _ in found.values()] == [6, 9, 15]
    assert found[()][1]["link to a folder that leads outside"] == 2
    assert found[()][1]["link to a folder"] == 1
    assert "6 pictures of folder" in found[()][2]
    assert "--follow-links-anywhere" in found[()][2]
    assert "link" not in str(found["--follow-links-anywhere",][1])
    source = FolderSource(folder, selection=Selection(follow_links="anywhere"))
    assert {item.label for item in source.items} == {"cat", "dog", "emu", "owl", "yak"}
    assert len(ganeval.score(folder, follow_links="anywhere", metrics="vendi@pixels").rows) == 1


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_loops_of_links_end(tmp_path):
    root = write(tmp_path / "set", ["a/0.png", "b/1.png"])
    (root / "a/up").symlink_to(root)
    (root / "a/to_b").symlink_to(root / "b")
    (root / "b/to_a").symlink_to(root / "a")
    for follow in ("inside", "anywhere"):
        source = FolderSource(root, selection=Selection(follow_links=follow))
        assert {item.name.rpartition("/")[2] for item in source.items} == {"0.png", "1.png"}
        assert len(source) <= 8
        assert source.skipped["link to a folder"] >= 1


def link_in_zip(archive, name, target):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    archive.writestr(info, target)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_links_inside_an_archive_are_said_and_followed_when_asked(kind, tmp_path):
    path = tmp_path / f"set.{kind}"
    links = {"dog": "pool/dog", "cat/b.png": "a.png", "out": "../elsewhere", "self": "self"}
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("cat/a.png", "pool/dog/x.png", "pool/dog/y.png"):
                archive.writestr(name, stored())
            for name, target in links.items():
                link_in_zip(archive, name, target)
    else:
        with tarfile.open(path, "w") as archive:
            for name in ("cat/a.png", "pool/dog/x.png", "pool/dog/y.png"):
                info = tarfile.TarInfo(name)
                info.size = len(stored())
                archive.addfile(info, io.BytesIO(stored()))
            for name, target in links.items():
                info = tarfile.TarInfo(name)
                info.type, info.linkname = tarfile.SYMTYPE, target
                archive.addfile(info)
    plain = open_source(str(path), data_root=None)
    followed = open_source(str(path), data_root=None, selection=Selection(follow_links="inside"))

    assert (len(plain), plain.skipped["link inside an archive"]) == (3, 4)
    assert "--follow-links" in plain.notes[0]
    assert {item.name for item in followed.items} - {item.name for item in plain.items} == {
        "cat/b.png",
        "dog/x.png",
        "dog/y.png",
    }
    assert followed.skipped == {"link inside an archive": 2}
    assert all(followed.read(i).decode().pixels.shape == (3, 16, 16) for i in range(len(followed)))
    for source in (plain, followed):
        source.close()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["typo.pt", "--latent-dim", "100"], 3, "'typo.pt' does not exist"),
        (["typo.safetensors", "--generator", "module:Class"], 3, "'typo.safetensors' does not exist"),
        (["./typo", "--inputs", "digits:test"], 3, "'./typo' does not exist"),
        (["typo", "--latent-dim", "100"], 2, "Unknown path or data set 'typo'"),
        (["typo.npz:images", "--latent-dim", "100"], 3, "'typo.npz' does not exist"),
        (["typo.pt", "--metrics", "psnr"], 3, "'typo.pt' does not exist"),
        (["digits:test", "--reference", "typo.zip", "--latent-dim", "3"], 3, "'typo.zip' does not exist"),
        (["digits:test", "--paired", "./typo", "--metrics", "fid"], 3, "'./typo' does not exist"),
        (["typo.pt", "--match", "*.png"], 3, "'typo.pt' does not exist"),
        (["typo.onnx", "--until-se", "1"], 3, "'typo.onnx' does not exist"),
    ],
)
def test_what_does_not_exist_is_said_first(arguments, status, said, run):
    code, out, err = run("score", *arguments)

    assert (code, out) == (status, "")
    assert said in err


def test_what_does_not_exist_is_said_first_in_python_too():
    with pytest.raises(DataError, match=r"'typo\.pt' does not exist"):
        ganeval.score("typo.pt", latent_dim=100, n=10)
    with pytest.raises(DataError, match=r"'typo\.pt' does not exist"):
        ganeval.compare("digits:test", "typo.pt", reference="digits:train", latent_dim=100)


NEW_FORMATS = [row for row in FORMATS if row.name in ("avif", "jpeg2000", "qoi", "sgi", "sun", "dds", "pcx")]


@pytest.mark.parametrize("row", NEW_FORMATS, ids=lambda row: row.name)
def test_a_cut_file_of_a_new_format_is_refused(row):
    if row.name == "sun":
        data = b"\x59\xa6\x6a\x95" + struct.pack(">7I", 16, 16, 24, 768, 1, 0, 0) + bytes(range(256)) * 3
    else:
        data = stored(3, row.name.upper())
    assert decode(data, "x").pixels.shape == (3, 16, 16)
    assert sniff(data).name == row.name
    for cut in range(1, len(data) - 1, max(1, len(data) // 25)):
        with pytest.raises(BadImageError):
            decode(data[:cut], "x")


@pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow has no JPEG 2000")
def test_deep_jpeg_2000_is_whole_or_refused():
    wide = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    data = io.BytesIO()
    Image.fromarray(wide).save(data, "JPEG2000")
    assert np.array_equal(decode(data.getvalue(), "x").pixels[0], (wide // 257).astype(np.uint8))
    codestream = io.BytesIO()
    Image.new("RGB", (16, 16)).save(codestream, "JPEG2000", no_jp2=True)
    deep = bytearray(codestream.getvalue())
    at = deep.index(b"\xff\x51") + 2 + 38  # the depth of each component stands at the end of SIZ
    assert [deep[at + 3 * k] for k in range(3)] == [7, 7, 7]
    deep[at] = 11
    with pytest.raises(BadImageError, match="expected 8-bit colours or grey"):
        decode(bytes(deep), "x")


@pytest.mark.parametrize("row", NEW_FORMATS, ids=lambda row: row.name)
def test_the_pixel_limit_holds_for_new_formats(row, monkeypatch):
    if row.name == "sun":
        pytest.skip("cannot be written here")
    data = stored(3, row.name.upper())
    monkeypatch.setattr(formats, "MAX_PIXELS", 255)
    with pytest.raises(BadImageError, match="at most 255 are read"):
        decode(data, "x")
