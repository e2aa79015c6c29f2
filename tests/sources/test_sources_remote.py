"""Addresses: the same images, digests and features from memory, HTTP and S3 as from a folder; tar shards as one set."""

import functools
import http.server
import importlib.util
import io
import os
import tarfile
import threading

import fsspec
import pytest

from ganeval.errors import BadImageError, DataError, UsageError
from ganeval.sources.base import content_hash
from ganeval.sources.folder import FolderSource
from ganeval.sources.resolve import open_source
from ganeval.sources.shards import expand, is_pattern


def digests(source):
    return [source.read(i).digest for i in range(len(source))]


def pack(folder, path, names):
    with tarfile.open(path, "w") as tar:
        for name in names:
            tar.add(folder / name, name)


@pytest.fixture
def folder(make_folder):
    return make_folder("images", 9, sizes=[(12, 12), (20, 9)])


@pytest.fixture
def memory(folder):
    system = fsspec.filesystem("memory")
    for path in folder.iterdir():
        system.pipe_file(f"/bucket/set/{path.name}", path.read_bytes())
    system.pipe_file("/bucket/set/notes.txt", b"no image")
    system.pipe_file("/bucket/set/.hidden.png", b"hidden")
    yield "memory://bucket/set"
    system.rm("/bucket", recursive=True)


@pytest.fixture
def web(tmp_path):
    handler = functools.partial(Silent, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Says nothing."""

    def send_head(self):
        """Ranges, which SimpleHTTPRequestHandler does not know."""
        wanted = self.headers.get("Range")
        path = self.translate_path(self.path)
        if wanted is None or path.endswith("/"):
            return super().send_head()
        with open(path, "rb") as file:
            data = file.read()
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        end = min(int(last or len(data) - 1), len(data) - 1)
        part = data[int(first) : end + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{end}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        return io.BytesIO(part)


def test_a_folder_in_memory_is_the_folder_on_disk(folder, memory):
    local, remote = FolderSource(folder), open_source(memory, data_root=None)

    assert [item.name for item in remote.items] == [item.name for item in local.items]
    assert digests(remote) == digests(local)
    assert remote.skipped == {"no image extension": 1, "hidden": 1}
    assert (remote.read(1).decode().pixels == local.read(1).decode().pixels).all()


def test_an_archive_in_memory_is_read_in_place(folder, memory):
    names = sorted(path.name for path in folder.iterdir())
    buffer = folder.parent / "set.tar"
    pack(folder, buffer, names)
    fsspec.filesystem("memory").pipe_file("/bucket/set.tar", buffer.read_bytes())

    source = open_source("memory://bucket/set.tar", data_root=None)

    assert digests(source) == digests(FolderSource(folder))
    source.close()


def test_a_web_folder_and_its_shards_are_the_folder(folder, web):
    names = sorted(path.name for path in folder.iterdir())
    for shard in range(3):
        pack(folder, folder.parent / f"part-{shard}.tar", names[3 * shard : 3 * shard + 3])

    site = open_source(f"{web}/images/", data_root=None)
    shards = open_source(f"{web}/part-{{0..2}}.tar", data_root=None)

    assert digests(site) == digests(FolderSource(folder))
    assert content_hash(digests(shards)) == content_hash(digests(site))
    shards.close()


def test_local_shards_are_one_set_in_the_order_of_their_names(folder, tmp_path):
    names = sorted(path.name for path in folder.iterdir())
    where = tmp_path / "shards"
    where.mkdir()
    for shard in range(3):
        pack(folder, where / f"train-{shard:03d}.tar", names[3 * shard : 3 * shard + 3])
    (where / "sizes.json").write_text("{}")

    by_folder = open_source(str(where), data_root=None)
    by_pattern = open_source(str(where / "train-{000..002}.tar"), data_root=None)

    assert digests(by_folder) == digests(by_pattern) == digests(FolderSource(folder))
    assert by_folder.items[4].name == "train-001/00004.png"
    by_folder.close()
    by_pattern.close()
    with pytest.raises(DataError, match=r"train-003\.tar"):
        open_source(str(where / "train-{001..003}.tar"), data_root=None)


def test_a_pattern_keeps_the_width_of_its_numbers():
    assert expand("a-{08..11}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]
    assert expand("{0..1}/{0..1}.tar") == ["0/0.tar", "0/1.tar", "1/0.tar", "1/1.tar"]
    assert not is_pattern("a-{x}.tar")
    with pytest.raises(UsageError, match="must run upwards"):
        expand("a-{3..1}.tar")


def test_what_cannot_be_had_is_said_plainly(memory, monkeypatch):
    with pytest.raises(DataError, match="lists no file"):
        open_source("memory://bucket/nothing", data_root=None)
    with pytest.raises(UsageError, match="isn't a scheme that fsspec knows"):
        open_source("nosuch://bucket/x", data_root=None)
    with pytest.raises(UsageError, match="Copy the file here"):
        open_source("memory://bucket/x.npz", data_root=None)
    with pytest.raises(UsageError, match=r"is one image; .* Copy the image here"):
        open_source("memory://bucket/set/00003.png", data_root=None)
    with monkeypatch.context() as patch:
        patch.setattr("fsspec.core.url_to_fs", lambda _: (_ for _ in ()).throw(ImportError("no s3fs")))
        with pytest.raises(UsageError, match="pip install s3fs"):
            open_source("s3://bucket/x", data_root=None)
    source = open_source(memory, data_root=None)
    fsspec.filesystem("memory").rm("/bucket/set/00003.png")
    with pytest.raises(BadImageError, match=r"00003\.png.*listed but cannot be read"):
        source.read(3)


@pytest.mark.slow
@pytest.mark.skipif(
    not (importlib.util.find_spec("moto") and importlib.util.find_spec("s3fs")), reason="moto and s3fs not installed"
)
def test_a_bucket_is_the_folder(folder):
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    system = fsspec.filesystem("s3", key="k", secret="s", endpoint_url=f"http://{host}:{port}")
    try:
        system.mkdir("bucket")
        for path in folder.iterdir():
            system.pipe_file(f"bucket/set/{path.name}", path.read_bytes())
        from ganeval.sources.remote import RemoteFolder

        assert digests(RemoteFolder(system, "bucket/set", "s3://bucket/set")) == digests(FolderSource(folder))
    finally:
        server.stop()


# ---- this machine by address


@pytest.mark.parametrize("scheme", ["file", "local", "FILE"])
def test_an_address_of_this_machine_is_its_path(folder, scheme, tmp_path):
    (tmp_path / "secret.png").write_bytes((folder / "000.png").read_bytes() if (folder / "000.png").is_file() else b"")
    (folder / "out.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "device.png").symlink_to("/dev/zero")
    plain, source = FolderSource(folder), open_source(f"{scheme}://{folder}", data_root=None)

    assert source.name == f"{scheme}://{folder}"
    assert [item.name for item in source.items] == [item.name for item in plain.items]
    assert source.skipped == plain.skipped
    assert sum(source.skipped.values()) == 3
    assert digests(source) == digests(plain)


def test_a_pipe_or_a_device_by_address_is_refused(tmp_path):
    os.mkfifo(tmp_path / "x.zip")
    (tmp_path / "y.zip").symlink_to("/dev/zero")
    for name in ("x.zip", "y.zip"):
        with pytest.raises(DataError, match="not a regular file"):
            open_source(f"file://{tmp_path}/{name}", data_root=None)


@pytest.mark.parametrize(
    "address",
    [
        "zip::file://{}/x.zip",
        "zip://*.png::file://{}/x.zip",
        "simplecache::file://{}",
        "filecache://{}",
        "dir::file://{}",
        "dir://{}",
        "reference://::file://{}/refs.json",
        "tar://x.tar::file://{}/x.tar",
        "git://{}",
        "generic://{}",
        "memory://x::file://{}",
    ],
)
def test_an_address_within_an_address_is_refused(folder, address):
    with pytest.raises(UsageError, match="through another"):
        open_source(address.format(folder), data_root=None)
