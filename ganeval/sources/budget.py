"""How many decoded pixels may wait for their turn, over all threads that read ahead.

Counting images is not enough: a file of 200 kB can hold 67 million pixels, and 128 of such files that were read ahead
fill 25 GB.
"""

import threading


class PixelBudget:
    """A limit on pixels that were decoded and not taken yet.

    Readers call `hold` when an image is decoded, in any order; the consumer calls `release` in order, as it takes each.
    The image that the consumer waits for always passes, so that nobody waits for ever. What is in memory is at most the
    limit and one more image a thread.

    Args:
        limit: Pixels.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._wanted = 0
        self._stopped = False
        self._changed = threading.Condition()

    def hold(self, place: int, pixels: int) -> None:
        """Waits until there is room for the image at a place in the order, or its turn has come."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or place <= self._wanted or self._held + pixels <= self._limit)
            self._held += pixels

    def release(self, place: int, pixels: int) -> None:
        """The image at `place` was taken; the one behind it is wanted next."""
        with self._changed:
            self._held -= pixels
            self._wanted = place + 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Lets everyone through: nothing is taken any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
