"""`hf://datasets/...` against a server on this machine that answers as the Hub does."""

import contextlib
import http.server
import io
import json
import re
import threading
import types
import urllib.parse

import numpy as np
import pytest
from PIL import Image

import ganeval
from ganeval.errors import BadImageError, DataError, UsageError
from ganeval.sources.folder import FolderSource
from ganeval.sources.resolve import open_source

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
constants = pytest.importorskip("huggingface_hub.constants")

PAGE = 3  # entries of a page of a listing; the Hub's are 1,000
SHA = "0" * 40


def png(seed, side=8):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def table(pictures, labels=None):
    """As the `datasets` library writes a shard."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {"image": pa.array([{"bytes": one, "path": None} for one in pictures], kind)}
    features = {"image": {"_type": "Image"}}
    if labels is not None:
        columns["label"] = pa.array(labels, pa.int64())
        features["label"] = {"_type": "ClassLabel", "names": ["cat", "dog"]}
    buffer = io.BytesIO()
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), buffer)
    return buffer.getvalue()


PICTURES = [png(seed) for seed in range(10)]


class Hub(http.server.ThreadingHTTPServer):
    """A Hub with one data set, me/photos.

    Attributes:
        files: Path -> bytes.
        first: Path of a request -> statuses that it gets before it is answered.
        headers_of: Status -> headers that come with it.
        cut: Bytes after which a download is broken off, and how often; None for never.
        whole: True for a server that knows no ranges.
        asked: (method, path, range) of each request.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.first, self.headers_of, self.asked = {}, {}, {}, []
        self.cut, self.whole, self.revisions = None, False, {"main"}

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Says nothing."""

    def do_GET(self):
        where = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(where.path)
        self.server.asked.append((self.command, path, self.headers.get("Range")))
        if statuses := self.server.first.get(path):
            status = statuses.pop(0)
            self.give(status, b"{}", **self.server.headers_of.get(status, {}))
        elif found := re.fullmatch(r"/api/datasets/me/photos(?:/revision/(.+))?", path):
            self.revision(found[1] or "main")
        elif found := re.fullmatch(r"/api/datasets/me/photos/tree/(refs/[^/]+/[^/]+|[^/]+)(?:/(.*))?", path):
            self.tree(found[2] or "", urllib.parse.parse_qs(where.query))
        elif found := re.fullmatch(r"/datasets/me/photos/resolve/(refs/[^/]+/[^/]+|[^/]+)/(.*)", path):
            self.give(302, b"", Location=f"{self.server.address}/storage/{urllib.parse.quote(found[2])}?signed=1")
        elif path.startswith("/storage/") and path[9:] in self.server.files:
            self.storage(self.server.files[path[9:]])
        else:
            self.give(404, b"{}", **{"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def revision(self, name):
        if name not in self.server.revisions:
            self.give(404, b"{}", **{"X-Error-Code": "RevisionNotFound"})
            return
        facts = {"id": "me/photos", "sha": SHA, "private": False, "gated": False, "disabled": False, "tags": [],
                 "downloads": 0, "likes": 0, "siblings": []}  # fmt: skip
        self.give(200, json.dumps(facts).encode())

    def tree(self, folder, query):
        root = f"{folder}/" if folder else ""
        below = [path for path in self.server.files if path.startswith(root)]
        folders = {path.rpartition("/")[0] for path in below} - {"", folder}
        if not below:
            self.give(404, b"{}", **{"X-Error-Code": "EntryNotFound"})
            return
        entries = [{"type": "directory", "oid": SHA, "size": 0, "path": one} for one in sorted(folders)]
        entries += [
            {"type": "file", "oid": SHA, "size": len(self.server.files[path]), "path": path} for path in sorted(below)
        ]
        if query.get("recursive", ["false"])[0].lower() != "true":
            entries = [one for one in entries if "/" not in one["path"][len(root) :]]
        start = int(query.get("cursor", ["0"])[0])
        headers = {}
        if start + PAGE < len(entries):
            again = urllib.parse.urlencode({**{k: v[0] for k, v in query.items()}, "cursor": start + PAGE})
            path = urllib.parse.urlsplit(self.path).path
            headers["Link"] = f'<{self.server.address}{path}?{again}>; rel="next"'
        self.give(200, json.dumps(entries[start : start + PAGE]).encode(), **headers)

    def storage(self, data):
        wanted, status, headers = self.headers.get("Range"), 200, {"Accept-Ranges": "bytes"}
        if wanted is not None and not self.server.whole:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            end = min(int(last or len(data) - 1), len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{end}/{len(data)}"
            data, status = data[int(first) : end + 1], 206
        if self.server.cut is not None and self.server.cut[1] > 0 and len(data) > self.server.cut[0]:
            self.server.cut = (self.server.cut[0], self.server.cut[1] - 1)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data[: self.server.cut[0]])
            self.close_connection = True
            return
        self.give(status, data, **headers)

    def give(self, status, data, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@pytest.fixture
def server(monkeypatch):
    with Hub() as running:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, running.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", running.address)
        monkeypatch.setattr("huggingface_hub.utils._http.time", types.SimpleNamespace(sleep=lambda seconds: None))
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def opened():
    with contextlib.ExitStack() as stack:

        def call(subject, **options):
            source = open_source(str(subject), data_root=None, **options)
            stack.callback(source.close)
            return source

        yield call


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    for number, data in enumerate(PICTURES):
        (tmp_path / "folder" / f"{number:06d}.png").write_bytes(data)
    return FolderSource(tmp_path / "folder")


def digests(source):
    return [source.read(index).digest for index in range(len(source))]


def shards(server, split="train", count=4):
    for number in range(count):
        part = PICTURES[number::count]
        name = f"data/{split}-{number:05d}-of-{count:05d}.parquet"
        server.files[name] = table(part, [number % 2] * len(part))


# ---- what is there


@pytest.mark.parametrize("address", ["hf://datasets/me/photos", "hf://datasets/me/photos/data",
                                     "hf://datasets/me/photos@main/data/"])  # fmt: skip
def test_the_shards_of_a_data_set_are_its_pictures(server, opened, folder, address):
    shards(server)
    server.files["README.md"] = b"# photos"
    source = opened(address)

    assert sorted(digests(source)) == sorted(digests(folder))
    assert {item.label for item in source.items} == {"cat", "dog"}
    assert any(path.startswith("/storage/") for _, path, _ in server.asked), "the redirect was followed"
    assert any(range for _, path, range in server.asked if path.startswith("/storage/")), "by ranges"


def test_one_file_of_a_data_set(server, opened, folder):
    server.files["data/train.parquet"] = table(PICTURES)

    assert digests(opened("hf://datasets/me/photos/data/train.parquet")) == digests(folder)
    assert digests(opened("hf://datasets/me/photos/data/train.parquet:image")) == digests(folder)
    with pytest.raises(DataError, match="the column 'mask' is not there"):
        opened("hf://datasets/me/photos/data/train.parquet:mask")


@pytest.mark.parametrize("revision", ["refs/convert/parquet", "refs%2Fconvert%2Fparquet", "v1.0"])
def test_a_revision_of_a_data_set(server, opened, folder, revision):
    server.revisions |= {"refs/convert/parquet", "v1.0"}
    server.files["default/train/0000.parquet"] = table(PICTURES)

    assert digests(opened(f"hf://datasets/me/photos@{revision}/default/train")) == digests(folder)


def test_image_files_of_a_data_set_are_a_folder(server, opened, folder):
    server.files |= {f"cats/{number:06d}.png": data for number, data in enumerate(PICTURES)}
    server.files["cats/metadata.jsonl"] = b"{}"
    source = opened("hf://datasets/me/photos/cats")

    assert digests(source) == digests(folder)
    assert [item.name for item in source.items] == [item.name for item in folder.items]


def test_splits_are_told_apart(server, opened):
    shards(server, "train")
    shards(server, "test", 1)

    with pytest.raises(DataError, match=r"2 splits: data/test-\* \(1\), data/train-\* \(4\).*--match"):
        opened("hf://datasets/me/photos")


def test_tables_beside_pictures_are_never_left_out_without_a_word(server, opened, folder):
    from ganeval.sources.listing import Selection

    server.files |= {"data/train.parquet": table(PICTURES), "assets/logo.png": png(99)}

    with pytest.raises(DataError, match=r"1 parquet file and 1 image file.*--match"):
        opened("hf://datasets/me/photos")
    assert digests(opened("hf://datasets/me/photos", selection=Selection("*.parquet"))) == digests(folder)
    assert len(opened("hf://datasets/me/photos", selection=Selection("*.png"))) == 1


def test_a_score_reads_the_hub(server, tmp_path, folder):
    shards(server)
    [row] = ganeval.score("hf://datasets/me/photos", reference=tmp_path / "folder", metrics="fd@pixels")

    assert row.n_fake == row.n_real == len(PICTURES)
    assert row.value == pytest.approx(0, abs=1e-6)


# ---- what goes wrong


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("hf://datasets/me/nothing", r"does not exist"),
        ("hf://datasets/me/photos/nothing", r"does not exist|0 images"),
        ("hf://datasets/me/photos@v9/data", r"does not exist"),
        ("hf://me/photos", r"does not exist.*hf://datasets/me/photos"),
        ("hf://photos", r"hf://datasets/"),
        ("hf://datasets/photos", r"namespace/name"),
    ],
)
def test_what_is_not_there_is_told_with_the_next_step(server, opened, address, words):
    shards(server)

    with pytest.raises((DataError, UsageError), match=words):
        opened(address)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [(401, "GatedRepo", "Check"), (403, "GatedRepo", "Check"), (500, "", "Check"), (418, "", "Check")],
)
def test_a_refusal_is_told(server, opened, status, code, words):
    shards(server)
    server.first["/api/datasets/me/photos/revision/main"] = [status] * 20
    server.first["/api/datasets/me/photos"] = [status] * 20
    server.headers_of[status] = {"X-Error-Code": code} if code else {}

    with pytest.raises(DataError, match=words) as told:
        opened("hf://datasets/me/photos")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("statuses", [[503], [429, 429], [500, 502, 504]])
def test_a_busy_hub_is_asked_again(server, opened, folder, statuses):
    shards(server, count=1)
    path = "data/train-00000-of-00001.parquet"
    server.first[f"/datasets/me/photos/resolve/main/{path}"] = list(statuses)
    server.headers_of[429] = {"Retry-After": "0"}

    assert digests(opened("hf://datasets/me/photos")) == digests(folder)


def test_a_download_that_breaks_off_is_asked_for_again(server, opened, folder):
    shards(server, count=1)
    server.cut = (100, 2)

    assert digests(opened("hf://datasets/me/photos")) == digests(folder)


def test_a_hub_that_is_gone_is_told(server, opened):
    shards(server, count=1)
    server.cut = (100, 10**6)

    with pytest.raises(DataError, match=r"photos.*the connection broke off"):
        opened("hf://datasets/me/photos")


def test_a_picture_that_vanishes_is_a_bad_image(server, opened):
    server.files |= {f"cats/{number}.png": data for number, data in enumerate(PICTURES[:3])}
    source = opened("hf://datasets/me/photos/cats")
    del server.files["cats/1.png"]

    with pytest.raises(BadImageError, match=r"1\.png.*listed but cannot be read"):
        source.read(1)
    assert source.read(2).decode().pixels.shape == (3, 8, 8)


def test_a_server_without_ranges_is_damage_or_the_same_pictures(server, opened, folder):
    shards(server, count=1)
    server.whole = True
    try:
        found = digests(opened("hf://datasets/me/photos"))
    except DataError:
        return
    assert found == digests(folder)


def test_a_shard_that_is_shorter_than_its_listing_is_refused(server, opened):
    shards(server, count=1)
    [path] = server.files
    whole = server.files[path]
    server.first = {}
    opened("hf://datasets/me/photos")  # lists the sizes
    server.files[path] = whole[: len(whole) // 2]

    with pytest.raises((DataError, BadImageError)):
        digests(opened("hf://datasets/me/photos"))
