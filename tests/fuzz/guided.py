"""`python -m tests.fuzz.guided zip -max_total_time=60`: libFuzzer by way of atheris, guided by what an input reaches.

The first argument is the name of one parser (without one, all names are printed), the others are libFuzzer's. It stops
at the first input that a parser does not end on as it should, and writes that to `crash-*`.
"""

import os
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["ganeval", "reference_models", "zipfile", "tarfile", "pickletools", "tomllib"]
):
    from tests.fuzz.attempt import outcome, scratch
    from tests.fuzz.parsers import PARSERS


def main() -> None:
    """Never comes back: libFuzzer ends the process."""
    parsers = {parser.name: parser for parser in PARSERS}
    if len(sys.argv) < 2 or sys.argv[1] not in parsers:
        sys.exit("Name one of: " + ", ".join(parsers))
    parser = parsers[sys.argv[1]]
    with scratch() as folder:
        corpus = folder / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(parser.seeds(folder)):
            (corpus / str(number)).write_bytes(seed)

        def once(data: bytes) -> None:
            found = outcome(parser, data, folder)
            if found is not None:
                sys.stderr.write(f"{found.parser} at {found.place}: {found.error}\n")
                raise AssertionError(found.error)

        atheris.Setup([sys.argv[0], str(corpus), "-timeout=10", f"-rss_limit_mb={rss_limit()}", *sys.argv[2:]], once)
        atheris.Fuzz()


def rss_limit() -> int:
    """MiB: what the process has after its imports, and a gigabyte for the input."""
    status = Path("/proc/self/statm")
    pages = int(status.read_text().split()[1]) if status.is_file() else 1 << 19
    return pages * os.sysconf("SC_PAGE_SIZE") // (1 << 20) + 1024


if __name__ == "__main__":
    main()
