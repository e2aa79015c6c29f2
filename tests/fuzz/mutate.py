"""Changes to bytes that make parsers stumble: flips, cuts, repetitions, numbers at their limits, pieces of others."""

import random
from collections.abc import Callable, Sequence

NUMBERS = [n.to_bytes(size, order) for size in (1, 2, 4, 8) for order in ("little", "big")
           for n in (0, 1, (1 << 8 * size - 1) - 1, 1 << 8 * size - 1, (1 << 8 * size) - 1)]  # fmt: skip
TOKENS = [
    *(b"NaN", b"1e999", b"-1", b"9" * 400, b"null", b"true", b"{}", b"[]", b'""', b"[" * 2000, b"{" * 2000),
    *(b"\0", b"\n", b"\xff\xfe", b"../../", b"/dev/zero", b"\x1b[31m", "\N{RIGHT-TO-LEFT OVERRIDE}".encode()),
]


def mutated(seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """One of the seeds after one to four changes."""
    data = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(CHANGES)(data, seeds, rng)
    return data


def flip(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """Some bits."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8)) if found else 0):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def cut(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """The end."""
    return data[: rng.randrange(len(data) + 1)]


def remove(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """A piece."""
    begin, end = span(data, rng)
    return data[:begin] + data[end:]


def repeat(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """A piece, several times."""
    begin, end = span(data, rng)
    return data[:end] + data[begin:end] * rng.choice((1, 2, 9)) + data[end:]


def overwrite(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """A number at its limit, in place."""
    at, number = rng.randrange(len(data) + 1), rng.choice(NUMBERS)
    return data[:at] + number + data[at + len(number) :]


def insert(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """A token that means something to somebody."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(TOKENS) + data[at + rng.choice((0, 0, 1, 4)) :]


def splice(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """The beginning of one seed and the end of another."""
    other = rng.choice(seeds)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def span(data: bytes, rng: random.Random) -> tuple[int, int]:
    """A short piece."""
    begin = rng.randrange(len(data) + 1)
    return begin, min(len(data), begin + rng.choice((1, 4, 16, 64, 512)))


CHANGES: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    flip, flip, flip, cut, remove, repeat, overwrite, overwrite, insert, insert, splice,
)  # fmt: skip
