"""Videos: frames in order and at any place, every k-th, as sets and as pairs; what is no video, and hostile files."""

import contextlib
import sys

import av
import numpy as np
import pytest

import ganeval
from ganeval.errors import DataError, UsageError
from ganeval.sources.resolve import open_source
from ganeval.sources.video import NO_MOTION, VideoSource, container_of

FRAMES = 30


def write(path, frames=FRAMES, side=32, shift=0):
    """A square that wanders over a ramp; lossless, in any container that the ending names."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1" if path.suffix != ".mp4" else "mpeg4", rate=10)
        stream.width = stream.height = side
        stream.pix_fmt = "bgr0" if path.suffix != ".mp4" else "yuv420p"
        for number in range(frames):
            pixels = np.repeat(np.arange(side, dtype=np.uint8)[None, :, None] * 4, side, 0).repeat(3, 2).copy()
            pixels[number % (side - 8) :][:8, :8] = (250 - shift, 20 + number, 60)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


@pytest.fixture
def opened():
    with contextlib.ExitStack() as stack:

        def call(subject):
            source = open_source(str(subject), data_root=None)
            stack.callback(source.close)
            return source

        yield call


@pytest.mark.parametrize("ending", ["mkv", "avi"])
def test_frames_are_those_that_were_written_in_any_order(opened, tmp_path, ending):
    source = opened(write(tmp_path / f"a.{ending}"))
    images = [source.read(i).decode().pixels for i in range(len(source))]

    assert len(source) == FRAMES
    assert [item.name for item in source.items[:2]] == ["0000000", "0000001"]
    assert all(image.shape == (3, 32, 32) for image in images)
    assert [int(image[1, number % 24, 0]) for number, image in enumerate(images)] == list(range(20, 20 + FRAMES))
    for index in (29, 3, 3, 17, 0):
        assert (source.read(index).decode().pixels == images[index]).all()
    assert NO_MOTION in source.notes


def test_every_tenth_frame_keeps_its_number(opened, tmp_path):
    path = write(tmp_path / "a.mkv")
    source = opened(f"{path}:10")

    assert [item.name for item in source.items] == ["0000000", "0000010", "0000020"]
    assert source.read(2).decode().pixels[1, 20, 0] == 40


def test_two_videos_are_pairs_and_sets(tmp_path):
    one, other = write(tmp_path / "a.mkv"), write(tmp_path / "b.mkv", shift=40)
    pairs = ganeval.score(f"{one}:5", paired=f"{other}:5", metrics="psnr")
    [row] = pairs
    expected = 10 * np.log10(255**2 / (40**2 * 64 / (3 * 32 * 32)))
    assert row.value == pytest.approx(expected)
    assert row.n_fake == 6

    [row] = ganeval.score(one, reference=other, metrics="fd@pixels")
    assert row.n_fake == row.n_real == FRAMES


def test_an_mp4_is_read(opened, tmp_path):
    assert len(opened(write(tmp_path / "a.mp4"))) == FRAMES


@pytest.mark.parametrize("every", ["0", "-1", "x", "1.5", "99999999", "٣"])
def test_a_step_that_is_none_is_refused(opened, tmp_path, every):
    path = write(tmp_path / "a.mkv", 3)

    with pytest.raises(UsageError, match=r"is not a number of frames. Write a.mkv:10 for every tenth"):
        opened(f"{path}:{every}")


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    "data", [b"", b"text", PLAYLIST, b"ffconcat version 1.0\nfile '/etc/passwd'\n", b"\x89PNG\r\n\x1a\n" + b"0" * 99]
)
def test_what_begins_as_no_video_is_refused_and_opens_nothing(opened, tmp_path, data):
    (tmp_path / "a.mp4").write_bytes(data)

    with pytest.raises(DataError, match="begins as no video"):
        opened(tmp_path / "a.mp4")


def test_a_playlist_behind_the_mark_of_a_container_opens_nothing(opened, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + PLAYLIST)
    with pytest.raises(DataError, match=r"Cannot decode the video|holds no video frame"):
        opened(tmp_path / "a.mp4")


@pytest.mark.parametrize("ending", ["mkv", "mp4", "avi"])
def test_a_file_that_was_cut_or_flipped_gives_frames_or_our_error(opened, tmp_path, ending):
    data = write(tmp_path / f"whole.{ending}").read_bytes()
    rng = np.random.default_rng(0)
    for case in range(12):
        broken = bytearray(data[: rng.integers(20, len(data))] if case % 2 else data)
        for place in rng.integers(12, len(broken), 20 if case % 2 == 0 else 0):
            broken[place] ^= int(rng.integers(1, 256))
        path = tmp_path / f"{case}.{ending}"
        path.write_bytes(bytes(broken))
        try:
            source = opened(path)
        except DataError:
            continue
        source.read(len(source) - 1).decode()


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mkv", 3)
    monkeypatch.setitem(sys.modules, "av", None)

    with pytest.raises(UsageError, match=r"pip install 'ganeval\[video\]'"):
        VideoSource(path, "a.mkv")


def test_containers_are_known_by_their_first_bytes():
    assert container_of(b"\0\0\0\x20ftypisom") == "mov"
    assert container_of(b"RIFF\0\0\0\0WAVE") is None
