"""Archives: read in place, at random, by many threads; hostile members do no harm."""

import gzip
import io
import os
import random
import tarfile
import threading
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import BadImageError, DataError
from ganeval.sources import archive, limits
from ganeval.sources.archive import TarSource, ZipSource, open_archive
from ganeval.sources.base import content_hash
from ganeval.sources.folder import FolderSource
from ganeval.sources.seekable_gzip import SeekableGzip


def picture(i):
    buffer = io.BytesIO()
    noise = np.random.default_rng(i).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "PNG")
    return buffer.getvalue()


PICTURES = {f"{'cat' if i % 2 else 'dog'}/{i:03d}.png": picture(i) for i in range(40)}


def write_zip(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def add(archive, name, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    archive.addfile(info, io.BytesIO(data))


def write_tar(path, members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            add(archive, name, data)
    return path


def shuffled(members):
    items = list(members.items())
    random.Random(3).shuffle(items)
    return dict(items)


def make(kind, path, members):
    """An archive whose members are in no order."""
    file = path / f"set.{kind}"
    match kind:
        case "zip":
            return write_zip(file, shuffled(members))
        case "stored.zip":
            return write_zip(file, shuffled(members), zipfile.ZIP_STORED)
        case "tar":
            return write_tar(file, shuffled(members))
        case _:
            return write_tar(file, shuffled(members), "w:gz")


KINDS = ["zip", "stored.zip", "tar", "tar.gz", "tgz"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_is_the_same_set_as_its_folder(kind, tmp_path):
    for name, data in PICTURES.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(data)
    folder = FolderSource(tmp_path / "folder")
    source = open_archive(make(kind, tmp_path, PICTURES))
    assert list(source.items) == list(folder.items)
    assert source.items[0].label == "cat"
    digests = [source.read(i).digest for i in range(len(source))]
    assert digests == [folder.read(i).digest for i in range(len(folder))]
    assert content_hash(digests)
    np.testing.assert_array_equal(source.read(3).decode().pixels, folder.read(3).decode().pixels)
    source.close()


@pytest.mark.parametrize("kind", KINDS)
def test_sixteen_threads_read_what_one_reads(kind, tmp_path):
    source = open_archive(make(kind, tmp_path, PICTURES))
    alone = [source.read(i).digest for i in range(len(source))]
    barrier = threading.Barrier(16)

    def work(seed):
        order = list(range(len(source)))
        random.Random(seed).shuffle(order)
        barrier.wait()
        return all(source.read(i).digest == alone[i] for i in order)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(16)))
    source.close()


HOSTILE = ["../../climb.png", "/etc/absolute.png", "a/../../b.png", "C:\\windows\\c.png", "line\nbreak.png", "a.png"]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_hostile_names_are_only_names_and_nothing_is_written(kind, tmp_path):
    path = make(kind, tmp_path, dict.fromkeys(HOSTILE, PICTURES["cat/001.png"]))
    before = sorted(os.walk(tmp_path))
    source = open_archive(path)
    assert [item.name for item in source.items] == sorted(HOSTILE)
    assert {item.label for item in source.items} == {None}
    for i in range(len(source)):
        assert source.read(i).decode().pixels.shape == (3, 8, 8)
    source.close()
    assert sorted(os.walk(tmp_path)) == before


def test_a_member_below_the_parent_folder_gets_no_label(tmp_path):
    source = open_archive(write_zip(tmp_path / "a.zip", {"../a.png": b"x", "/b.png": b"x"}))
    assert {item.label for item in source.items} == {None}
    source.close()


def test_dot_slash_in_front_of_tar_members_is_dropped(tmp_path):
    source = open_archive(write_tar(tmp_path / "a.tar", {f"./{name}": data for name, data in PICTURES.items()}))
    assert [item.name for item in source.items] == sorted(PICTURES)
    source.close()


def test_tar_links_and_devices_are_counted_and_never_followed(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        add(archive, "real.png", PICTURES["cat/001.png"])
        add(archive, "soft.png", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add(archive, "hard.png", type=tarfile.LNKTYPE, linkname="real.png")
        add(archive, "device.png", type=tarfile.CHRTYPE, devmajor=1, devminor=5)
        add(archive, "folder", type=tarfile.DIRTYPE)
        add(archive, ".hidden.png", b"x")
        add(archive, "note.txt", b"x")
    source = open_archive(tmp_path / "a.tar")
    assert [item.name for item in source.items] == ["real.png"]
    assert source.skipped == {
        "link inside an archive": 2,
        "not a regular file": 1,
        "hidden": 1,
        "no image extension": 1,
    }
    source.close()


def test_zip_links_are_counted_and_never_followed(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("real.png", PICTURES["cat/001.png"])
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("__MACOSX/._real.png", "fork")
    source = open_archive(tmp_path / "a.zip")
    assert [item.name for item in source.items] == ["real.png"]
    assert source.skipped == {"link inside an archive": 1, "hidden": 1}
    source.close()


@pytest.mark.filterwarnings("ignore:Duplicate name")  # the warning of the zip writer
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_name_that_occurs_twice_is_an_error_that_says_which(kind, tmp_path):
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for data in (b"1", b"2"):
                archive.writestr("cat/1.png", data)
    else:
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            for name in ("cat/1.png", "./cat/1.png"):
                add(archive, name, b"1")
    with pytest.raises(DataError, match=r"holds 'cat/1\.png' more than once"):
        open_archive(tmp_path / f"a.{kind}")


def test_an_encrypted_member_is_a_bad_image_of_its_own(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a.png": PICTURES["cat/001.png"], "b.png": PICTURES["cat/003.png"]})
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + 8] |= 1  # general purpose flag, bit 0
    path.write_bytes(data)
    source = open_archive(path)
    with pytest.raises(BadImageError, match=r"'a\.png' .* is encrypted"):
        source.read(0)
    assert source.read(1).decode().pixels.shape == (3, 8, 8)
    source.close()


def test_an_unusual_compression_is_a_bad_image(tmp_path):
    source = open_archive(write_zip(tmp_path / "a.zip", {"a.png": b"x" * 99}, zipfile.ZIP_LZMA))
    with pytest.raises(BadImageError, match="compressed by method 14"):
        source.read(0)
    source.close()


def test_a_zip_bomb_is_a_bad_image_and_is_not_unpacked(tmp_path, monkeypatch):
    path = write_zip(tmp_path / "a.zip", {"a.png": bytes(2 << 20), "b.png": picture(1)})
    monkeypatch.setattr(limits, "RATIO_FROM", 1 << 20)
    source = open_archive(path)
    with pytest.raises(BadImageError, match=r"'a\.png' .* unpacks to 2,097,152 bytes from 2,0\d\d; at most 200 : 1"):
        source.read(0)
    assert source.read(1).decode().pixels.shape == (3, 8, 8)
    source.close()


def test_a_member_that_lies_about_its_size_is_a_bad_image(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a.png": bytes(range(256)) * 40})
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (500).to_bytes(4, "little")  # says 500 bytes, holds 10,240
    path.write_bytes(data)
    source = open_archive(path)
    with pytest.raises(BadImageError, match="cannot be read"):
        source.read(0)
    source.close()


def test_a_compressed_tar_bomb_stops_while_it_is_listed(tmp_path, monkeypatch):
    path = write_tar(tmp_path / "a.tar.gz", {"a.png": bytes(4 << 20)}, "w:gz")
    monkeypatch.setattr(limits, "RATIO_FROM", 1 << 20)
    with pytest.raises(DataError, match="at most 200 : 1 is read"):
        open_archive(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_archive_is_a_data_error(kind, tmp_path):
    path = make(kind, tmp_path, PICTURES)
    data = path.read_bytes()
    for cut in (len(data) // 2, len(data) // 4):
        path.write_bytes(data[:cut])
        with pytest.raises(DataError, match="damaged or cut short"):
            open_archive(path)


def test_a_tar_cut_between_two_members_is_not_taken_for_a_smaller_one(tmp_path):
    path = write_tar(tmp_path / "a.tar", PICTURES)
    with tarfile.open(path) as archive:
        cut = archive.getmembers()[7].offset
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match="no end mark after 7 images"):
        open_archive(path)


def test_a_damaged_tar_header_is_not_taken_for_the_end(tmp_path):
    path = write_tar(tmp_path / "a.tar", PICTURES)
    with tarfile.open(path) as archive:
        at = archive.getmembers()[7].offset
    data = bytearray(path.read_bytes())
    data[at + 150] ^= 255  # in the header's checksum field
    path.write_bytes(data)
    with pytest.raises(DataError, match="no end mark after 7 images"):
        open_archive(path)


def test_a_damaged_zip_member_is_a_bad_image(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a.png": PICTURES["cat/001.png"]}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[80] ^= 255
    path.write_bytes(data)
    source = open_archive(path)
    with pytest.raises(BadImageError, match="CRC"):
        source.read(0)
    source.close()


def test_what_is_no_archive_or_has_no_images_is_a_data_error(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"hello, no archive")
    with pytest.raises(DataError, match=r"starts with b'hello, n'; expected zip, tar or tar\.gz"):
        open_archive(tmp_path / "a.zip")
    with pytest.raises(DataError, match="Cannot open archive"):
        open_archive(tmp_path / "missing.zip")
    write_zip(tmp_path / "b.zip", {"a.txt": b"x", "b.csv": b"y"})
    with pytest.raises(DataError, match=r"0 images among 2 files in archive .*\(2 no image extension\)"):
        open_archive(tmp_path / "b.zip")
    write_zip(tmp_path / "c.zip", {})
    with pytest.raises(DataError, match="0 images among 0 files"):
        open_archive(tmp_path / "c.zip")
    with tarfile.open(tmp_path / "a.tar.bz2", "w:bz2") as archive:
        add(archive, "a.png", b"x")
    with pytest.raises(DataError, match="allow no random access"):
        open_archive(tmp_path / "a.tar.bz2")


def test_the_first_bytes_decide_not_the_ending(tmp_path):
    source = open_archive(write_zip(tmp_path / "a.tar", PICTURES))
    assert isinstance(source, ZipSource)
    source.close()
    source = open_archive(write_tar(tmp_path / "b.zip", PICTURES, "w:gz"))
    assert isinstance(source, TarSource)
    source.close()


# ---- SeekableGzip ----

CONTENT = random.Random(5).randbytes(300_000) + bytes(3 << 20) + bytes(range(256)) * 3000


def reader(path, spacing=50_000):
    return io.BufferedReader(SeekableGzip(path, spacing))


def test_seekable_gzip_reads_any_place_in_any_order(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(CONTENT[:1_000_000]) + gzip.compress(CONTENT[1_000_000:]) + bytes(500))
    with reader(path) as file:
        assert file.read() == CONTENT
        for _ in range(200):
            at = random.Random(_).randrange(len(CONTENT) + 10)
            file.seek(at)
            assert file.read(5000) == CONTENT[at : at + 5000]
        file.seek(10)
        assert file.tell() == 10


def test_seekable_gzip_jumps_both_ways_without_starting_over(tmp_path, monkeypatch):
    path = tmp_path / "a.gz"
    content = random.Random(1).randbytes(4 << 20)
    path.write_bytes(gzip.compress(content, 1))
    raw = SeekableGzip(path, 100_000)
    inflated = []
    next_block = raw._next_block
    monkeypatch.setattr(raw, "_next_block", lambda: inflated.append(1) or next_block())
    with io.BufferedReader(raw) as file:
        file.read()
        whole = len(inflated)
        assert whole > 200  # noise does not compress, so a block is the 16 KiB that were read
        for at in (3 << 20, 1 << 20, 0, (4 << 20) - 10):
            inflated.clear()
            file.seek(at)
            assert file.read(10) == content[at : at + 10]
            assert len(inflated) <= 12  # a spacing is 7 blocks


def test_seekable_gzip_thins_its_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr("ganeval.sources.seekable_gzip._MAX_POINTS", 8)
    path = tmp_path / "a.gz"
    content = random.Random(2).randbytes(2 << 20)
    path.write_bytes(gzip.compress(content, 1))
    raw = SeekableGzip(path, 20_000)
    with io.BufferedReader(raw) as file:
        assert file.read() == content
        assert len(raw._points) <= 8
        file.seek(1_234_567)
        assert file.read(99) == content[1_234_567 : 1_234_567 + 99]


def test_seekable_gzip_tells_truncation_and_damage(tmp_path):
    path = tmp_path / "a.gz"
    data = gzip.compress(CONTENT)
    for cut in (5, 1000, len(data) - 4):
        path.write_bytes(data[:cut])
        with reader(path) as file, pytest.raises(EOFError, match="ends inside its data"):
            file.read()
    path.write_bytes(data[:-6] + bytes([data[-6] ^ 1]) + data[-5:])  # in the CRC-32
    with reader(path) as file, pytest.raises(zlib.error, match="incorrect data check"):
        file.read()
    with reader(path) as file, pytest.raises(io.UnsupportedOperation):
        file.seek(0, io.SEEK_END)


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_short_way_through_plain_headers_reads_what_tarfile_reads(kind):
    names = ["a.png", "sp ace.png", "q/" * 60 + "z.png", *(["é" * 90 + ".png"] if kind != tarfile.USTAR_FORMAT else [])]
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=kind) as tar:
        for size, name in enumerate([*names, "folder/"]):
            info = tarfile.TarInfo(name)
            info.size, info.type = (size, tarfile.REGTYPE) if size < len(names) else (0, tarfile.DIRTYPE)
            tar.addfile(info, io.BytesIO(bytes(size)))

    def facts(header):
        with tarfile.open(fileobj=io.BytesIO(made.getvalue()), tarinfo=header) as tar:
            return [(m.name, m.size, m.offset_data, m.type) for m in tar]

    assert facts(archive._Header) == facts(tarfile.TarInfo)
    block = made.getvalue()[:512] if kind == tarfile.USTAR_FORMAT else None
    if block is not None:
        assert archive._Header._plain_file(block, "utf-8", "surrogateescape").name == "a.png"
        damaged = b"b" + block[1:]  # the checksum no longer holds
        assert archive._Header._plain_file(damaged, "utf-8", "surrogateescape") is None


def with_records(records):
    """A tar of two files, the second behind an extended header that holds these bytes."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("first.png"))
        extended = tarfile.TarInfo("PaxHeaders/second.png")
        extended.type, extended.size = tarfile.XHDTYPE, len(records)
        tar.addfile(extended, io.BytesIO(records))
        tar.addfile(tarfile.TarInfo("second.png"))
    return made.getvalue()


def listed(data, header):
    """(name, size, where its bytes begin) of every member, or what is wrong with the file."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), tarinfo=header) as tar:
            return [(m.name, m.size, m.offset_data) for m in tar]
    except tarfile.ReadError as error:
        return str(error)


@pytest.mark.parametrize(
    ("records", "passed_over"),
    [
        (b"23 mtime=1700000000.25\n", True),
        (b"13 atime=1.5\n13 ctime=2.5\n", True),
        (b"13 atime=1.5\n18 path=other.png\n", False),
        (b"14 size=00000\n", False),
        (b"99 mtime=1.5\n", False),  # a length that is not the record's
        (b"13 mtime=1.5\n13 path", False),
        (b"13 mtime=1.5 ", False),
        (b"", False),
    ],
)
def test_an_extended_header_is_passed_over_where_it_says_nothing_but_times(records, passed_over, tmp_path, monkeypatch):
    data, by_tarfile = with_records(records), []
    whole = tarfile.TarInfo._proc_pax
    monkeypatch.setattr(tarfile.TarInfo, "_proc_pax", lambda info, tar: by_tarfile.append(1) or whole(info, tar))

    assert listed(data, archive._Header) == listed(data, tarfile.TarInfo)
    assert len(by_tarfile) == (1 if passed_over else 2)

    damaged = bytearray(data)
    damaged[512] ^= 1  # the checksum of the extended header no longer holds
    assert listed(bytes(damaged), archive._Header) == listed(bytes(damaged), tarfile.TarInfo)
    (tmp_path / "cut.tar").write_bytes(data[:1536])  # ends where the second file's header should begin
    with pytest.raises(DataError, match="damaged or cut short"):
        archive.open_archive(tmp_path / "cut.tar")
