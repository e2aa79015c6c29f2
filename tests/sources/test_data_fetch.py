"""`ganeval data`: fetching from a server on loopback, verifying, listing; nothing half-written, and what is missing."""

import hashlib
import http.server
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading
import zipfile

import pytest

from ganeval.errors import DataError, UsageError
from ganeval.files import download as downloading
from ganeval.sources.datasets import fetch as fetching
from ganeval.sources.datasets.fetch import HIDDEN, fetch, verify
from ganeval.sources.datasets.photo_folders import photo_folders
from ganeval.sources.datasets.published import Folder, Published
from ganeval.sources.datasets.table import DATASETS, DatasetInfo, open_dataset

PHOTOS = {f"photo{k}.png": bytes([k]) * (300_000 + k) for k in range(4)}
NEEDED = ("mnist", "fashion-mnist", "cifar10", "bsds500", "div2k", "set5", "set14", "facades")


def zipped(members, kind=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(members, links=()):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return buffer.getvalue()


ARCHIVE = zipped({"Set/image/readme.txt": b"no photo", **{f"Set/image/{name}": data for name, data in PHOTOS.items()}})

FOLDERS = (Folder("tiny", 4, ("Set/image",), ".png"),)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        content = server.files.get(self.path)
        asked = self.headers.get("Range")
        server.requests.append((self.path, asked))
        if content is None:
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.resumes else 0
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if server.says_length:
            self.send_header("Content-Length", str(len(content) - start))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content[start : server.stop_after])
        self.close_connection = server.stop_after is not None or not server.says_length

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.requests = {"/set.zip": ARCHIVE}, []
        server.resumes, server.stop_after, server.says_length = True, None, True
        server.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def declare(monkeypatch):
    """Puts a data set "tiny" into the table, of one archive."""

    def put(*urls, digest="", folders=FOLDERS, **other):
        published = (Published(urls, len(ARCHIVE), digest, "someone" if digest else "", folders, **other),)
        info = photo_folders("tiny", "four photos", "MIT", published, "tiny: four photos", ("test",))
        monkeypatch.setattr("tests.sources.test_data_fetch.TINY", info, raising=False)
        monkeypatch.setitem(DATASETS._table, "tiny", "tests.sources.test_data_fetch:TINY")
        return info

    return put


@pytest.fixture
def tiny(server, declare):
    return declare(f"{server.address}/set.zip", digest=f"sha256:{hashlib.sha256(ARCHIVE).hexdigest()}")


def held(root):
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} - {f"{HIDDEN}/tiny.lock"}


WHOLE = {*(f"tiny/{name}" for name in PHOTOS), f"{HIDDEN}/tiny.json"}


def test_a_fetched_set_is_whole_verified_and_not_fetched_again(tiny, server, tmp_path):
    seen = []
    lines = fetch("tiny", tmp_path, lambda done, total: seen.append((done, total)))

    assert lines == ["set.zip: 4 files; the hash that someone publishes"]
    assert held(tmp_path) == WHOLE
    assert all((tmp_path / "tiny" / name).read_bytes() == data for name, data in PHOTOS.items())
    assert seen[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert verify("tiny", tmp_path) == "4 files, each of its hash"
    assert fetch("tiny", tmp_path) == ["set.zip: here already"]
    assert len(server.requests) == 1


@pytest.mark.parametrize("resumes", [True, False])
@pytest.mark.parametrize("says_length", [True, False])
def test_a_broken_download_goes_on_or_begins_anew(tiny, server, tmp_path, resumes, says_length):
    server.resumes, server.says_length, server.stop_after = resumes, says_length, 700_001
    with pytest.raises(DataError, match=r"ended after 700001 of|expected sha256.*deleted"):
        fetch("tiny", tmp_path)
    assert not (tmp_path / "tiny").exists()

    server.stop_after = None
    fetch("tiny", tmp_path)
    assert held(tmp_path) == WHOLE
    if says_length:
        assert server.requests[-1] == ("/set.zip", "bytes=700001-")


def test_a_whole_part_of_before_is_unpacked_without_a_byte_more(tiny, server, tmp_path):
    (tmp_path / HIDDEN).mkdir()
    (tmp_path / HIDDEN / "set.zip.part").write_bytes(ARCHIVE)

    fetch("tiny", tmp_path)
    assert server.requests == [("/set.zip", f"bytes={len(ARCHIVE)}-")]
    assert held(tmp_path) == WHOLE


def test_another_file_under_the_address_is_refused_and_deleted(tiny, server, tmp_path):
    server.files["/set.zip"] = b"<html>log in to the hotel's network</html>"

    with pytest.raises(DataError, match=r"what came from http://127.* has sha256 .*, expected sha256:.*deleted"):
        fetch("tiny", tmp_path)
    assert held(tmp_path) == set()


def test_an_md5_is_checked_too(server, declare, tmp_path):
    declare(f"{server.address}/set.zip", digest=f"md5:{hashlib.md5(ARCHIVE).hexdigest()}")
    assert "4 files" in fetch("tiny", tmp_path)[0]

    declare(f"{server.address}/set.zip", digest="md5:" + 32 * "0")
    with pytest.raises(DataError, match="expected md5:0000"):
        fetch("tiny", tmp_path / "other")


def test_what_has_no_published_hash_is_pinned_by_the_first_fetch(server, declare, tmp_path):
    declare(f"{server.address}/set.zip")
    assert fetch("tiny", tmp_path) == ["set.zip: 4 files; a hash is published nowhere; pinned here now"]

    (tmp_path / "tiny" / "photo1.png").unlink()
    assert "the hash of the first fetch here" in fetch("tiny", tmp_path)[0]
    (tmp_path / "tiny" / "photo1.png").unlink()
    server.files["/set.zip"] = zipped({f"Set/image/{name}": b"other" for name in PHOTOS})
    with pytest.raises(DataError, match=r"recorded here in .*tiny\.json; delete that for another"):
        fetch("tiny", tmp_path)
    assert (tmp_path / "tiny" / "photo0.png").read_bytes() == PHOTOS["photo0.png"]


def test_damaged_and_missing_files_are_counted_named_and_brought_back(tiny, tmp_path):
    fetch("tiny", tmp_path)
    (tmp_path / "tiny" / "photo2.png").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"1 files in .* are not the published ones: tiny/photo2\.png.*data fetch tiny"):
        verify("tiny", tmp_path)
    fetch("tiny", tmp_path)
    assert verify("tiny", tmp_path) == "4 files, each of its hash"

    (tmp_path / "tiny" / "photo3.png").unlink()
    with pytest.raises(DataError, match=r"missing: tiny \(3 of 4 files are there\)"):
        verify("tiny", tmp_path)


def test_half_a_set_is_not_opened_and_the_message_says_what_is_missing(tiny, tmp_path):
    with pytest.raises(DataError, match=r"no data folder was named.*ganeval data fetch tiny --data-root DIR"):
        open_dataset("tiny:test", None)
    with pytest.raises(DataError, match=r"there is no folder .*ganeval data fetch tiny"):
        open_dataset("tiny:test", tmp_path)
    fetch("tiny", tmp_path)
    assert len(open_dataset("tiny:test", tmp_path)) == 4

    (tmp_path / "tiny" / "photo3.png").unlink()
    with pytest.raises(DataError, match=r"half there .*: tiny \(3 of 4 files are there\)\. `ganeval data fetch tiny`"):
        open_dataset("tiny:test", tmp_path)


def test_files_of_before_stay_and_what_is_whole_by_hand_is_left_alone(tiny, server, tmp_path):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "note.txt").write_text("mine")
    (tmp_path / "tiny" / "photo0.png").write_bytes(b"cut off")
    fetch("tiny", tmp_path)
    assert (tmp_path / "tiny" / "note.txt").read_text() == "mine"
    assert (tmp_path / "tiny" / "photo0.png").read_bytes() == PHOTOS["photo0.png"]

    other = tmp_path / "by hand"
    (other / "tiny").mkdir(parents=True)
    for name, data in PHOTOS.items():
        (other / "tiny" / name).write_bytes(data)
    requests = len(server.requests)
    assert fetch("tiny", other) == ["set.zip: here already"]
    assert len(server.requests) == requests
    assert "for 4 of them no hash is published or recorded" in verify("tiny", other)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"Set/image/photo0.png": b"one"}, r"does not hold what it should: tiny 1 of 4 files.*deleted"),
        ({f"../../Set/image/{name}": b"x" for name in PHOTOS}, "tiny 0 of 4"),
        ({f"Set/image/../image/{name}": b"x" for name in PHOTOS}, "tiny 0 of 4"),
    ],
)
def test_an_archive_without_its_files_is_refused_and_nothing_is_unpacked(server, declare, tmp_path, members, words):
    server.files["/set.zip"] = zipped(members)
    declare(f"{server.address}/set.zip")

    with pytest.raises(DataError, match=words):
        fetch("tiny", tmp_path / "data")
    assert held(tmp_path) <= {f"data/{HIDDEN}/tiny.lock"}


@pytest.mark.parametrize(
    "content",
    [b"no archive at all", ARCHIVE[:-100], tarred({"a": b"x"})[:-20], b""],
    ids=["text", "zip cut off", "tar cut off", "nothing"],
)
def test_what_is_no_archive_is_refused(server, declare, tmp_path, content):
    server.files["/set.zip"] = content
    declare(f"{server.address}/set.zip")

    with pytest.raises(DataError, match=r"cannot be unpacked|does not hold|Cannot download"):
        fetch("tiny", tmp_path)
    assert held(tmp_path) == set()


def test_links_in_a_tar_are_not_followed_and_a_bomb_is_refused(server, declare, tmp_path, monkeypatch):
    members = {f"Set/image/{name}": data for name, data in PHOTOS.items()}
    server.files["/set.tgz"] = tarred(members, [("Set/image/link.png", "/etc/passwd")])
    declare(f"{server.address}/set.tgz")
    fetch("tiny", tmp_path)
    assert held(tmp_path) == WHOLE

    monkeypatch.setattr(fetching, "MOST_BYTES", 200_000)
    with pytest.raises(DataError, match=r"larger than 200,000 bytes.*deleted"):
        fetch("tiny", tmp_path / "other")
    assert not (tmp_path / "other" / "tiny").exists()


def test_the_second_address_is_taken_where_the_first_fails(server, declare, tmp_path):
    declare(f"{server.address}/gone.zip", f"{server.address}/set.zip")
    fetch("tiny", tmp_path)
    assert held(tmp_path) == WHOLE


def test_no_network_is_told_with_every_address_and_what_goes_where(declare, tmp_path, server):
    with socket.socket() as closed:  # a port that nobody listens on
        closed.bind(("127.0.0.1", 0))
        declare(f"http://127.0.0.1:{closed.getsockname()[1]}/a.zip", f"{server.address}/gone.zip")
    with pytest.raises(DataError, match=r"Cannot download tiny: .*refused.*; .*answered 404.*Without.*into tiny"):
        fetch("tiny", tmp_path)


def test_a_full_disk_is_told_and_the_part_is_gone_on_with(tiny, tmp_path, monkeypatch):
    def full(url, part, progress):
        part.write_bytes(ARCHIVE[:1000])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "download", full)
        with pytest.raises(DataError, match=r"Cannot write in .*: No space left on device\. Free space"):
            fetch("tiny", tmp_path)
    fetch("tiny", tmp_path)
    assert held(tmp_path) == WHOLE


def test_a_disk_that_is_full_while_unpacking_leaves_nothing_half_there(tiny, tmp_path, monkeypatch):
    def full(stream, target, name):
        target.write(b"some")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "_copy", full)
        with pytest.raises(DataError, match="No space left"):
            fetch("tiny", tmp_path)
    assert not (tmp_path / "tiny").exists()
    fetch("tiny", tmp_path)
    assert held(tmp_path) == WHOLE


def test_a_folder_that_cannot_be_made_is_told(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="name another folder with --data-root"):
        fetch("tiny", tmp_path / "file")


def test_a_damaged_record_is_told(tiny, tmp_path):
    fetch("tiny", tmp_path)
    for text in ("{", "[]", '{"archives": {"a": 1}, "files": {}}'):
        (tmp_path / HIDDEN / "tiny.json").write_text(text)
        with pytest.raises(DataError, match=r"tiny\.json is damaged"):
            verify("tiny", tmp_path)


def test_two_at_once_download_once(tiny, server, tmp_path):
    threads = [threading.Thread(target=fetch, args=("tiny", tmp_path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 1


def test_a_plain_file_is_kept_as_it_is(server, declare, tmp_path):
    server.files["/numbers.gz"] = b"numbers"
    declare(
        f"{server.address}/numbers.gz", digest=f"md5:{hashlib.md5(b'numbers').hexdigest()}", folders=(), into="T/raw"
    )

    assert fetch("tiny", tmp_path) == ["numbers.gz: in T/raw; the hash that someone publishes"]
    assert (tmp_path / "T" / "raw" / "numbers.gz").read_bytes() == b"numbers"
    (tmp_path / "T" / "raw" / "numbers.gz").write_bytes(b"other")
    with pytest.raises(DataError, match=r"T/raw/numbers\.gz"):
        verify("tiny", tmp_path)


def test_every_set_that_recipes_need_says_where_it_comes_from():
    for name in (*NEEDED, "horse2zebra", "vangogh2photo"):
        info = DATASETS.get(name)
        assert isinstance(info, DatasetInfo)
        assert info.published
        for each in info.published:
            assert each.urls[0].startswith("http")
            kind, _, digits = each.digest.partition(":")
            assert (kind, len(digits)) in {("md5", 32), ("sha256", 64), ("", 0)}
            assert bool(each.digest) == bool(each.pinned_by)
            assert bool(each.folders) != bool(each.into)


def test_torchvisions_hashes_are_torchvisions():
    from torchvision import datasets as theirs

    for name, their in (("mnist", theirs.MNIST), ("fashion-mnist", theirs.FashionMNIST)):
        ours = {each.name: each.digest for each in DATASETS.get(name).published}
        assert ours == {file: f"md5:{md5}" for file, md5 in their.resources}
    (cifar,) = DATASETS.get("cifar10").published
    assert cifar.digest == f"md5:{theirs.CIFAR10.tgz_md5}"
    assert dict(cifar.folders[0].md5) == dict(theirs.CIFAR10.train_list + theirs.CIFAR10.test_list)


# The command


def test_the_command_fetches_lists_and_verifies(tiny, tmp_path, command_line):
    root = ("--data-root", tmp_path)
    assert command_line("data", "fetch", "tiny", *root)[:2] == (
        0,
        "tiny: set.zip: 4 files; the hash that someone publishes\n",
    )
    code, out, _ = command_line("data", "list", *root, "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert (code, rows["tiny"]["here"], rows["bsds500"]["here"], rows["digits"]["here"]) == (0, "yes", "no", "embedded")
    assert rows["bsds500"]["files"][0]["hash"] is None
    assert rows["tiny"]["licence"] == "MIT"
    assert command_line("data", "verify", *root)[:2] == (0, "tiny: 4 files, each of its hash\n")

    (tmp_path / "tiny" / "photo3.png").unlink()
    code, out, err = command_line("data", "list", *root)
    assert "tiny: missing tiny (3 of 4 files are there)" in err
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("tiny ")] == [["tiny", "part"]]
    code, _, err = command_line("data", "verify", *root)
    assert code == 3
    assert "3 of 4 files are there" in err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("fetch", "bsds5000"), 2, "Did you mean 'bsds500'"),
        (("fetch", "digits"), 2, "comes with the installation"),
        (("fetch", "set5"), 2, "--data-root DIR, or set GANEVAL_DATA"),
        (("verify", "set5", "--data-root", "."), 3, "missing: set5 (5 files)"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(command_line, monkeypatch, tmp_path, words, code, said):
    monkeypatch.delenv("GANEVAL_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    found, _, err = command_line("data", *words)
    assert found == code
    assert said in err


def test_nothing_is_fetched_unless_every_name_is_known(tiny, server, tmp_path, command_line):
    assert command_line("data", "fetch", "tiny", "digits", "--data-root", tmp_path)[0] == 2
    assert server.requests == []


def test_listing_and_opening_load_no_network_code():
    code = (
        "import sys, ganeval.cli.data as d; d.command(['list'], standalone_mode=False);"
        "import ganeval.sources.resolve; assert not {'torch', 'urllib.request'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_only_two_commands_download():
    """Whatever else imports the downloader is a new way to the network."""
    users = set()
    for package in ("ganeval", "reference_models"):
        for folder, _, names in os.walk(os.path.join(os.path.dirname(__file__), "..", "..", package)):
            for name in names:
                if name.endswith(".py"):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        text = file.read()
                    if "files.download import" in text or ("urllib.request" in text and name != "download.py"):
                        users.add(name)
    assert users == {"weights_fetch.py", "fetch.py"}
    assert downloading.TIMEOUT > 0
    with pytest.raises(UsageError):
        fetching.published_of("photos")
