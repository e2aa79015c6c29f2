"""Folders: which files count, in which order, with which labels; and that hostile trees do no harm."""

import os
import time

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import BadImageError, DataError
from ganeval.sources.base import content_hash, seeded_subset
from ganeval.sources.file_list import FileList
from ganeval.sources.folder import FolderSource
from ganeval.sources.limits import MAX_FILE_BYTES
from ganeval.sources.listing import Selection, reason_to_skip


def write(path, shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), (shade, 0, 0)).save(path)
    return path


def names(source):
    return [item.name for item in source.items]


def hash_of(source):
    return content_hash([source.read(i).digest for i in range(len(source))])


def test_nested_images_are_found_in_code_point_order(tmp_path):
    for name in ["b.png", "B.png", "a/z.JPG", "a/y/x.webp", "ä.bmp", "10.gif", "9.tif"]:
        write(tmp_path / name)
    (tmp_path / "readme.txt").write_text("no image")
    source = FolderSource(tmp_path)
    assert names(source) == ["10.gif", "9.tif", "B.png", "a/y/x.webp", "a/z.JPG", "b.png", "ä.bmp"]
    assert source.skipped == {"no image extension": 1}
    assert source.name == str(tmp_path)


def test_hidden_files_and_mac_leftovers_do_not_count(tmp_path):
    for name in ["a.png", ".b.png", "._a.png", ".cache/c.png", "__MACOSX/d.png"]:
        write(tmp_path / name)
    source = FolderSource(tmp_path)
    assert names(source) == ["a.png"]
    assert source.skipped == {"hidden": 2, "hidden folder": 2}


def test_thumbnails_and_deleted_files_of_a_system_do_not_count(tmp_path):
    for name in [
        "a.png",
        "@eaDir/a.png/M.jpg",
        "x/#recycle/b.png",
        "$RECYCLE.BIN/c.png",
        "lost+found/d.png",
        "@Recycled.png",
    ]:
        write(tmp_path / name)
    source = FolderSource(tmp_path)
    assert names(source) == ["@Recycled.png", "a.png"]
    assert source.skipped == {"hidden folder": 4}
    assert reason_to_skip("x/@eaDir/a.png/b.jpg") == reason_to_skip("@Recycle/a.png") == "hidden"


def test_labels_need_every_image_in_exactly_one_class_folder(tmp_path):
    write(tmp_path / "cat/1.png")
    write(tmp_path / "dog/1.png")
    assert [item.label for item in FolderSource(tmp_path).items] == ["cat", "dog"]
    write(tmp_path / "dog/deeper/2.png")
    assert {item.label for item in FolderSource(tmp_path).items} == {None}


def test_one_image_beside_the_class_folders_removes_all_labels(tmp_path):
    write(tmp_path / "cat/1.png")
    write(tmp_path / "loose.png")
    assert {item.label for item in FolderSource(tmp_path).items} == {None}


def test_content_hash_is_stable_under_renaming_and_sees_a_changed_pixel(tmp_path):
    for i in range(3):
        write(tmp_path / f"one/{i}.png", i)
        write(tmp_path / f"two/{9 - i}_other.png", i)
    one, two = FolderSource(tmp_path / "one"), FolderSource(tmp_path / "two")
    assert hash_of(one) == hash_of(two)
    write(tmp_path / "two/9_other.png", 77)
    assert hash_of(one) != hash_of(two)


def test_read_gives_the_bytes_digest_the_format_and_the_pixels(tmp_path):
    write(tmp_path / "a.png", 200)
    raw = FolderSource(tmp_path).read(0)
    assert len(raw.digest) == 32
    assert raw.format == "png"
    np.testing.assert_array_equal(raw.decode().pixels[:, 0, 0], [200, 0, 0])


def test_a_bad_file_is_hashed_and_fails_only_when_decoded(tmp_path):
    (tmp_path / "a.png").write_bytes(b"not a picture")
    raw = FolderSource(tmp_path).read(0)
    assert raw.format == "unknown"
    with pytest.raises(BadImageError, match=r"'a\.png'"):
        raw.decode()


def test_seeded_subset_draws_the_same_files_every_time(tmp_path):
    for i in range(20):
        write(tmp_path / f"{i:02d}.png", i)
    source = FolderSource(tmp_path)
    draws = [names(seeded_subset(source, 7, seed)) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert draws[0] == sorted(draws[0])
    assert len(set(draws[0])) == 7


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_links_never_lead_out_of_the_folder_and_loops_end(tmp_path):
    secret = write(tmp_path / "outside/secret.png")
    root = tmp_path / "set"
    write(root / "real/a.png")
    (root / "inside.png").symlink_to(root / "real/a.png")
    (root / "outside.png").symlink_to(secret)
    (root / "dots.png").symlink_to("../outside/secret.png")
    (root / "broken.png").symlink_to("nowhere.png")
    (root / "loop.png").symlink_to("loop.png")
    (root / "again").symlink_to(root)
    (root / "folder.png").symlink_to(root / "real")
    source = FolderSource(root)
    assert names(source) == ["inside.png", "real/a.png"]
    assert source.skipped == {
        "link that leads outside": 2,
        "broken link": 2,
        "link to a folder": 2,
    }


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_a_folder_of_outward_links_says_how_to_copy_them(tmp_path):
    secret = write(tmp_path / "outside/secret.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.png").symlink_to(secret)
    with pytest.raises(DataError, match=r"1 link that leads outside.*cp -RL"):
        FolderSource(tmp_path / "set")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_never_opened(tmp_path):
    write(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.png")
    source = FolderSource(tmp_path)
    assert names(source) == ["a.png"]
    assert source.skipped == {"not a regular file": 1}


@pytest.mark.skipif(os.name == "nt" or os.fsencode("ä") != "ä".encode(), reason="needs a file system of bytes")
def test_a_name_that_is_no_text_can_still_be_written(tmp_path):
    try:
        path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.png")
        with open(path, "wb") as file:
            file.write(write(tmp_path / "a.png").read_bytes())
    except OSError:
        pytest.skip("this file system refuses such names")
    source = FolderSource(tmp_path)
    assert names(source) == ["a.png", "caf\\xe9.png"]
    assert names(source)[1].encode("utf-8")
    assert source.read(1).digest == source.read(0).digest


def test_a_missing_path_a_file_and_an_empty_folder_are_errors_that_say_what_is_there(tmp_path):
    with pytest.raises(DataError, match="does not exist; expected a folder of images"):
        FolderSource(tmp_path / "nope")
    file = write(tmp_path / "file.png")
    with pytest.raises(DataError, match="is a file, not a folder"):
        FolderSource(file)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"0 images among 0 files .*extensions looked for: .*\.png"):
        FolderSource(tmp_path / "empty")
    for i in range(3):
        (tmp_path / f"empty/{i}.txt").write_text("x")
    with pytest.raises(DataError, match=r"0 images among 3 files .*\(3 no image extension\)"):
        FolderSource(tmp_path / "empty")


def test_a_file_that_vanishes_is_a_bad_image(tmp_path):
    path = write(tmp_path / "a.png")
    source = FolderSource(tmp_path)
    path.unlink()
    with pytest.raises(BadImageError, match="was listed but cannot be read"):
        source.read(0)


def test_a_giant_file_is_refused_before_it_is_read(tmp_path):
    with open(tmp_path / "a.png", "wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)  # sparse: no disk is used
    begin = time.perf_counter()
    with pytest.raises(BadImageError, match=f"at most {MAX_FILE_BYTES:,} are read"):
        FolderSource(tmp_path).read(0)
    assert time.perf_counter() - begin < 1


def test_five_thousand_files_are_listed_in_a_moment(tmp_path):
    for folder in range(5):
        (tmp_path / f"{folder}").mkdir()
        for i in range(1000):
            (tmp_path / f"{folder}/{i:04d}.png").touch()
    begin = time.perf_counter()
    source = FolderSource(tmp_path)
    assert time.perf_counter() - begin < 3  # 0.05 s on two slow cores; the bound is for a machine under load
    assert len(source) == 5000
    assert source.items[-1].name == "4/0999.png"


def test_a_list_gives_the_items_of_the_folder_that_its_files_share(tmp_path):
    for name in ("set/cat/1.png", "set/dog/1.png", "set/dog/2.png", "set/dog/3.png"):
        write(tmp_path / name, len(name))
    (tmp_path / "list.txt").write_text("set/dog/2.png\n# one is left out\n\nset/cat/1.png\nset/dog/1.png\n")
    source = FileList(tmp_path / "list.txt", "list.txt")
    folder = FolderSource(tmp_path / "set")
    assert source.items == folder.items[:3]
    assert [item.label for item in source.items] == ["cat", "dog", "dog"]
    assert [source.read(i).digest for i in range(3)] == [folder.read(i).digest for i in range(3)]
    assert names(FileList(tmp_path / "list.txt", "list.txt", Selection("2.*"))) == ["dog/2.png"]


@pytest.mark.parametrize("line", ["1.png 0", "1.png\t0", "1.png,cat", '"1.png"', "1.png (12,12,3) 1", "1.png;0"])
def test_a_list_with_more_than_paths_is_told_what_to_write(tmp_path, line):
    write(tmp_path / "1.png")
    (tmp_path / "list.txt").write_text(f"{line}\n")
    with pytest.raises(
        DataError, match=r"line 1: .* holds more than a path\. Write the path alone, one a line: 1\.png"
    ):
        FileList(tmp_path / "list.txt", "list.txt")


@pytest.mark.parametrize("line", ["dog\\2.png", "dog/2.png other/2.png", "dog/2.png,dog/2.png"])
def test_a_list_of_other_systems_or_of_two_paths_a_line_is_told_what_to_write(tmp_path, line):
    write(tmp_path / "dog/2.png")
    (tmp_path / "list.txt").write_text(line)
    with pytest.raises(DataError, match=r"line 1: .* does not exist\. Write dog/2\.png alone\."):
        FileList(tmp_path / "list.txt", "list.txt")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_list_ends_its_lines_as_any_system_does(tmp_path, end):
    for name in ("1.png", "2.png"):
        write(tmp_path / name)
    (tmp_path / "list.txt").write_bytes(f"1.png{end}{end}2.png{end}".encode())
    assert names(FileList(tmp_path / "list.txt", "list.txt")) == ["1.png", "2.png"]


def test_videos_among_pictures_are_counted_and_alone_are_to_be_named(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "clip.MP4").write_bytes(b"")
    with pytest.raises(DataError, match=r"\(1 video\).*Name one video by itself"):
        FolderSource(tmp_path / "set")
    write(tmp_path / "set" / "1.png")
    source = FolderSource(tmp_path / "set")
    assert source.skipped == {"video": 1}
    assert "left out: 1 (video)" in source.notes[0]


def test_a_list_follows_a_link_inside_its_folder_and_others_if_asked(tmp_path):
    write(tmp_path / "box/store/1.png")
    write(tmp_path / "out/2.png")
    (tmp_path / "box/in.png").symlink_to("store/1.png")
    (tmp_path / "box/out.png").symlink_to("../out/2.png")
    (tmp_path / "box/list.txt").write_text("in.png\nout.png\n")
    with pytest.raises(DataError, match=r"line 2: 'out\.png' is a link that leads outside"):
        FileList(tmp_path / "box/list.txt", "list.txt")
    assert names(FileList(tmp_path / "box/list.txt", "list.txt", Selection(follow_links="anywhere"))) == [
        "in.png",
        "out.png",
    ]
