"""The one downloader: a file of a publisher into a part beside its final name, resumed where an earlier try stopped.

It is called by `ganeval weights fetch` and `ganeval data fetch` alone (and for the weights that a recipe pins); the
caller checks the hash and only then gives the file its name.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

Progress = Callable[[int, int | None], None]  # (bytes so far, bytes in all where known)

CHUNK = 1 << 20  # 1 MiB
TIMEOUT = 30.0  # seconds without a byte


class DownloadError(Exception):
    """Why a download failed, in words; what has come stays in the part."""


def silent(done: int, total: int | None) -> None:
    """Ignores progress."""
    del done, total


def download(url: str, part: Path, progress: Progress = silent) -> None:
    """Downloads into `part`, going on where an earlier try stopped (RFC 9110 section 14, byte ranges).

    Raises:
        DownloadError: no network, another answer than the file, or the connection ended early.
        OSError: `part` cannot be written.
    """
    done = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "ganeval", "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and done:
            return  # nothing is left to send: `part` holds all of the file, or too much; its hash will tell
        raise DownloadError(f"the server answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(str(getattr(error, "reason", error))) from error
    with response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            done = 0  # the server does not resume and sends the file from its start
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        progress(done, total)
        with part.open("ab" if done else "wb") as target:
            while chunk := _receive(response):
                target.write(chunk)
                done += len(chunk)
                progress(done, total)
    if total is not None and done < total:
        raise DownloadError(f"the connection ended after {done} of {total} bytes (the same command resumes)")


def _receive(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"the connection broke: {error} (the same command resumes)") from error
