"""The one loop that reads ahead: threads read and decode what comes next, in order and in bounded memory."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ganeval.sources.budget import PixelBudget

WORKERS = 4

Loaded = TypeVar("Loaded")


def decoders(devices: Iterable[str]) -> int:
    """Threads that decode beside networks on some types of device: all cores, if no network needs them.

    Pillow's and libjpeg's decoders release Python's lock.
    """
    if all(device == "cpu" for device in devices):
        return WORKERS
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(WORKERS, cores or WORKERS)


def read_ahead(
    load: Callable[[int], Loaded],
    count: int,
    *,
    ahead: int,
    pixels: Callable[[Loaded], int],
    limit: int,
    workers: int = WORKERS,
) -> Generator[Loaded, None, None]:
    """What `load` gives for 0, 1, ... count - 1, in this order.

    Args:
        load: Reads one image, or one pair; called in several threads at once. What it raises is raised here.
        count: How many there are.
        ahead: How many are loaded at most before they are taken.
        pixels: How many of them wait in memory with what was loaded.
        limit: Pixels that wait at most; and one more image a thread.
        workers: Threads.
    """
    budget = PixelBudget(limit)

    def load_within(place: int) -> Loaded:
        loaded = load(place)
        budget.hold(place, pixels(loaded))
        return loaded

    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        pending: deque[Future[Loaded]] = deque()
        places = iter(range(count))
        try:
            for place in range(count):
                while len(pending) < ahead and (following := next(places, None)) is not None:
                    pending.append(pool.submit(load_within, following))
                loaded = pending.popleft().result()
                budget.release(place, pixels(loaded))
                yield loaded
        finally:
            budget.stop()
            for future in pending:
                future.cancel()
