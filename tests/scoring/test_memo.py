"""What is remembered between runs: digests of unchanged files, moments and estimates; and when it is not believed."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from ganeval.errors import BadImageError
from ganeval.metrics.base import Estimate
from ganeval.metrics.frechet import FD
from ganeval.options import ScoreOptions
from ganeval.scoring.estimate_store import kept_estimates
from ganeval.scoring.feature_store import FeatureStore
from ganeval.sources.digest_memo import DigestMemo
from ganeval.sources.folder import FolderSource
from ganeval.sources.local_file_systems import is_invented, volume_of
from ganeval.sources.remembered import Remembered
from tests.one_pass import score, summarise

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the time of status change is POSIX's")


@pytest.fixture
def settled(monkeypatch):
    """Files count as settled at once, on any file system: tests do not wait two seconds, and may run on an overlay."""
    monkeypatch.setattr("ganeval.sources.digest_memo.SETTLED_NS", -1)
    monkeypatch.setattr("ganeval.sources.digest_memo.volume_of", lambda folder: (os.stat(folder).st_dev, 1))


def opened(folder, cache):
    source = FolderSource(folder)
    source.memo = DigestMemo(cache, folder)
    return source


def digests(source):
    found = [source.read(i).digest for i in range(len(source))]
    source.close()
    return found


def test_unchanged_files_are_not_opened_again(make_folder, tmp_path, settled, monkeypatch):
    folder = make_folder("images", 5)
    first = digests(opened(folder, tmp_path / "cache"))
    monkeypatch.setattr("ganeval.sources.folder.read_whole", lambda *_: pytest.fail("read again"))

    assert digests(opened(folder, tmp_path / "cache")) == first


def test_a_changed_file_is_read_again_even_with_its_old_size_and_time(make_folder, tmp_path, settled):
    folder = make_folder("images", 3)
    first = digests(opened(folder, tmp_path / "cache"))
    path = folder / "00001.png"
    before, data = path.stat(), bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    again = digests(opened(folder, tmp_path / "cache"))

    assert [a == b for a, b in zip(first, again, strict=True)] == [True, False, True]


def test_a_file_that_has_just_changed_is_not_remembered(make_folder, tmp_path):
    folder = make_folder("images", 3)
    digests(opened(folder, tmp_path / "cache"))

    memo = DigestMemo(tmp_path / "cache", folder)

    assert memo.find("00000.png", (folder / "00000.png").stat()) is None


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_memo_is_forgotten(make_folder, tmp_path, settled, damage):
    folder = make_folder("images", 3)
    digests(opened(folder, tmp_path / "cache"))
    path = DigestMemo(tmp_path / "cache", folder).path
    data = bytearray(path.read_bytes())
    data[-30] ^= 1
    path.write_bytes(data[:-9] if damage == "cut" else data)

    memo = DigestMemo(tmp_path / "cache", folder)

    assert memo.find("00000.png", (folder / "00000.png").stat()) is None


def test_a_file_that_changes_between_its_digest_and_its_pixels_is_refused(make_folder, tmp_path, settled):
    folder = make_folder("images", 2)
    digests(opened(folder, tmp_path / "cache"))
    source = opened(folder, tmp_path / "cache")
    raw = source.read(0)
    (folder / "00000.png").write_bytes((folder / "00001.png").read_bytes())

    with pytest.raises(BadImageError, match="changed during the run"):
        raw.decode()


def test_two_writers_of_one_memo_keep_what_both_learnt(make_folder, tmp_path, settled):
    folder = make_folder("images", 4)
    a, b = opened(folder, tmp_path / "cache"), opened(folder, tmp_path / "cache")
    a.read(0), b.read(1)
    a.close()
    b.close()

    memo = DigestMemo(tmp_path / "cache", folder)

    known = [memo.find(f"0000{i}.png", (folder / f"0000{i}.png").stat()) is not None for i in range(4)]
    assert known == [True, True, False, False]


def test_moments_of_a_large_set_are_read_the_second_time(make_folder, toy, tmp_path, monkeypatch):
    monkeypatch.setattr("ganeval.scoring.feature_pass.KEPT_MOMENTS", 10)
    source, store = FolderSource(make_folder("images", 12)), FeatureStore(tmp_path / "c", "toy|v1")
    first = summarise(source, [toy], {"toy": store}, batch_size=8, on_bad="fail").sets["toy"].moments
    (kept,) = (tmp_path / "c" / "moments").iterdir()
    monkeypatch.setattr("ganeval.summaries.moments.Moments.of", lambda _: pytest.fail("computed again"))
    again = summarise(source, [toy], {"toy": store}, batch_size=8, on_bad="fail").sets["toy"].moments
    monkeypatch.undo()
    monkeypatch.setattr("ganeval.scoring.feature_pass.KEPT_MOMENTS", 10)
    kept.write_bytes(kept.read_bytes()[:-8])
    third = summarise(source, [toy], {"toy": store}, batch_size=8, on_bad="fail").sets["toy"].moments

    assert np.array_equal(first.scatter, again.scatter)
    assert np.array_equal(first.scatter, third.scatter)


def test_an_estimate_is_computed_once_for_the_same_sides(tmp_path):
    computed = {"fd": Estimate(1.5, 0.1, (1.3, 1.7), 1.4, "m", "n")}
    kept = kept_estimates(FD, ("a", "b", "p"), tmp_path)
    assert kept.read() is None

    kept.write(computed)
    assert kept_estimates(FD, ("a", "b", "p"), tmp_path).read() == computed
    assert kept_estimates(FD, ("b", "a", "p"), tmp_path).read() is None

    unnamed = kept_estimates(FD, ("a", None, "p"), tmp_path)
    unnamed.write(computed)
    assert unnamed.read() is None
    for path in tmp_path.iterdir():
        path.write_text(path.read_text().replace("1.5", "2.5"))
    assert kept.read() is None, "its hash is not that of its name"


def test_a_second_score_of_the_same_folders_solves_nothing_and_says_the_same(make_folder, monkeypatch):
    fake, real = make_folder("fake", 8), make_folder("real", 8, seed=1)
    options = ScoreOptions(str(fake), str(real), metrics="fd,kd", engine="torch")
    first = score(options).results
    monkeypatch.setattr("ganeval.metrics.frechet.frechet_of_summaries", lambda *_: pytest.fail("solved again"))

    again = score(options).results

    assert [(r.key, r.value, r.note, r.fingerprint) for r in again] == [
        (r.key, r.value, r.note, r.fingerprint) for r in first
    ]


# ---- file systems whose times are invented


def table(folder, *mounts):
    """A table of mounts; of each its kind, its options, its device (that of the folder) and its point."""
    device = os.stat(folder).st_dev
    own = f"{os.major(device)}:{os.minor(device)}"
    return "".join(
        f"{30 + i} 1 {place or own} / {point} rw,relatime shared:1 - {kind} /dev/x {options}\n"
        for i, (kind, options, place, point) in enumerate(mounts)
    )


@pytest.mark.parametrize(
    ("mounts", "trusted"),
    [
        ([("ext4", "rw,discard", "", "/")], True),
        ([("xfs", "rw", "", "/"), ("xfs", "rw", "", "/again")], True),
        ([("tmpfs", "rw,size=4k", "", "/")], True),
        ([("ext4", "ro", "", "/")], False),
        ([("squashfs", "ro", "", "/")], False),
        ([("overlay", "rw,lowerdir=/a", "", "/")], False),
        ([("nfs4", "rw,addr=10.0.0.1", "", "/")], False),
        ([("fuse.sshfs", "rw", "", "/")], False),
        ([("9p", "rw", "", "/")], False),
        ([("iso9660", "ro", "", "/")], False),
        ([("vfat", "rw", "", "/")], False),
        ([("btrfs", "rw", "0:99", "/")], True),  # a subvolume: its device is not in the table
        ([("btrfs", "rw", "0:99", "/"), ("overlay", "rw", "0:98", "{folder}")], False),
        ([("ext4", "rw", "0:99", "/")], False),
        ([], False),
    ],
)
def test_only_file_systems_that_keep_times_are_trusted(mounts, trusted, tmp_path):
    mounts = [(*rest, point.format(folder=tmp_path)) for *rest, point in mounts]
    (tmp_path / "mountinfo").write_text(table(tmp_path, *mounts))

    assert (volume_of(tmp_path, tmp_path / "mountinfo") is not None) == trusted


@pytest.mark.parametrize("text", ["", "nonsense", "1 2 3\n", "\udcff - x"])
def test_a_table_that_cannot_be_read_trusts_nothing(text, tmp_path):
    (tmp_path / "mountinfo").write_text(text, errors="surrogateescape")

    assert volume_of(tmp_path, tmp_path / "mountinfo") is None
    assert volume_of(tmp_path, tmp_path / "missing") is None


def test_disk_images_are_not_trusted(tmp_path, monkeypatch):
    """A loop device has the number of the image before it."""
    monkeypatch.setattr("os.major", lambda device: 7)
    (tmp_path / "mountinfo").write_text(table(tmp_path, ("ext4", "rw", "", "/")))

    assert volume_of(tmp_path, tmp_path / "mountinfo") is None


def test_times_in_equal_whole_seconds_are_invented():
    def status(modified, changed):
        return os.stat_result((0o100644, 5, 1, 1, 0, 0, 9, 0, 0, 0, 0.0, 0.0, 0.0, 0, modified, changed))

    assert is_invented(status(7_000_000_000, 7_000_000_000))
    assert not is_invented(status(7_123_000_000, 7_123_000_000)), "a file that was written once"
    assert not is_invented(status(7_000_000_000, 8_000_000_000)), "a file that was unpacked"


@pytest.mark.parametrize("volume", [None, (0, 1)])
def test_files_of_an_unknown_volume_are_read_again(make_folder, tmp_path, settled, monkeypatch, volume):
    folder = make_folder("images", 3)
    monkeypatch.setattr("ganeval.sources.digest_memo.volume_of", lambda folder: volume)
    digests(opened(folder, tmp_path / "cache"))

    assert DigestMemo(tmp_path / "cache", folder).find("00000.png", (folder / "00000.png").stat()) is None


def test_another_volume_under_the_same_numbers_is_another(make_folder, tmp_path, settled, monkeypatch):
    folder = make_folder("images", 3)
    digests(opened(folder, tmp_path / "cache"))
    monkeypatch.setattr("ganeval.sources.digest_memo.volume_of", lambda folder: (os.stat(folder).st_dev, 2))

    assert DigestMemo(tmp_path / "cache", folder).find("00000.png", (folder / "00000.png").stat()) is None


def test_an_image_that_changes_between_two_looks_is_refused(make_folder):
    folder = make_folder("images", 2)
    source = Remembered(FolderSource(folder))
    source.read(0)
    (folder / "00000.png").write_bytes((folder / "00001.png").read_bytes())

    with pytest.raises(BadImageError, match="changed during the run"):
        source.read(0).decode()


IN_TURN = """
import os, subprocess, sys
from pathlib import Path
import ganeval.sources.digest_memo as memo
from ganeval.sources.folder import FolderSource

memo.SETTLED_NS = -1
point, cache, *commands = sys.argv[1:]
for command in commands:
    subprocess.run(command, shell=True, check=True)
    source = FolderSource(Path(point))
    source.memo = memo.DigestMemo(Path(cache), Path(point))
    print(*[source.read(i).digest.hex() for i in range(len(source))])
    source.close()
    subprocess.run(["umount", point], check=True)
"""


def _mounts():
    """Whether this process may mount in a namespace of its own."""
    probe = "mount -t tmpfs none /mnt && umount /mnt"
    return (
        not shutil.which("unshare")
        or subprocess.run(["unshare", "-m", "sh", "-c", probe], capture_output=True).returncode
    )


@pytest.mark.skipif(sys.platform != "linux", reason="Linux mounts")
@pytest.mark.parametrize("kind", ["squashfs", "ext4", "tmpfs"])
def test_two_volumes_at_one_path_in_turn_are_told_apart(kind, make_folder, tmp_path):
    """Images of equal names, sizes, inodes and times: the second is not scored with the digests of the first."""
    tool = {"squashfs": "mksquashfs", "ext4": "mke2fs", "tmpfs": "mount"}[kind]
    if _mounts() or shutil.which(tool) is None:
        pytest.skip(f"needs the right to mount, and {tool}")
    point = tmp_path / "point"
    point.mkdir()
    commands = []
    for number in range(2):
        folder = tmp_path / str(number) / "images"
        folder.mkdir(parents=True)
        for i in range(3):
            (folder / f"{i}.png").write_bytes(bytes([137, 80, 78, 71, number, i]) * 50)
            os.utime(folder / f"{i}.png", (1_000_000_000, 1_000_000_000))
        image = tmp_path / f"{number}.img"
        if kind == "squashfs":
            made = ["mksquashfs", folder, image, "-all-time", "1000000000", "-mkfs-time", "1000000000", "-quiet"]
            subprocess.run(made, check=True, capture_output=True)
        elif kind == "ext4":
            uuid = "00000000-0000-0000-0000-000000000001"
            made = ["mke2fs", "-q", "-t", "ext4", "-U", uuid, "-E", f"hash_seed={uuid}", "-d", folder, image, "2M"]
            subprocess.run(made, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1000000000"})
        if kind == "tmpfs":
            commands.append(f"mount -t tmpfs none {point} && cp -p {folder}/* {point}")
        else:
            commands.append(f"mount -t {kind} -o loop,ro {image} {point}")
    run = ["unshare", "-m", sys.executable, "-c", IN_TURN, point, tmp_path / "cache", *commands]

    found = subprocess.run(
        run, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )

    assert found.returncode == 0, found.stderr
    first, second = found.stdout.splitlines()
    assert not set(first.split()) & set(second.split())
