"""Connections between the first process of a run and each of the others: what is sent, and who is still there.

Only the first process needs what the others have, so they form a star, over plain TCP beside torch's store, which
tells them of each other. A process that ends without a word closes its connection, and the others know it at once;
one that is stopped or hangs is noticed by a heartbeat that stops or reports no progress for the time-out.
Whoever fails says so, the first process tells the user, and all end with one exit status.
"""

import contextlib
import json
import os
import queue
import re
import secrets
import select
import shutil
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ganeval.errors import GanevalError, ProcessesError
from ganeval.escaping import printable
from ganeval.processes.launch import Launched

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

BEAT: Final = 1.0  # seconds between heartbeats
GRACE: Final = 10.0  # seconds in which a process should end by itself once the run has failed
LARGEST: Final = 2**28  # bytes of a message; the largest are shards of features, some 8 to 50 MB
INTERRUPTED: Final = 130

Message = tuple[Mapping[str, Any], bytes]


@dataclass(frozen=True)
class Failure:
    """Why the run ends.

    Attributes:
        text: For the user.
        code: Exit status of all processes.
        rank: The process that failed.
        lost: It ended without a word, or is not heard of any more.
    """

    text: str
    code: int
    rank: int
    lost: bool = False


@dataclass
class _Line:
    """The connection to one other process."""

    rank: int
    host: str
    socket: socket.socket
    connection: Connection
    lock: threading.Lock = field(default_factory=threading.Lock)
    inbox: "queue.Queue[Message]" = field(default_factory=queue.Queue)
    beats: int = 0
    progress: int = 0
    working: bool = True
    ended: bool = False
    said_goodbye: bool = False


class Lines:
    """This process's connections: to all others in the first process, to the first in the others.

    Args:
        me: This process.
        timeout: Seconds without a heartbeat or without progress after which another process counts as lost.

    Raises:
        ProcessesError: the processes do not find each other within the time-out.
    """

    def __init__(self, me: Launched, timeout: float) -> None:
        self.rank, self.count, self.timeout = me.rank, me.count, timeout
        self.temporary: list[Path] = []
        self._starter = me.starter
        self._failure: Failure | None = None
        self._final: int | None = None
        self._ending = False
        self._progress, self._working = 0, True
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._store, self._lines = _connect(me, timeout)
        for line in self._lines.values():
            threading.Thread(target=self._listen, args=(line,), name="ganeval-line", daemon=True).start()
        threading.Thread(target=self._watch, name="ganeval-watch", daemon=True).start()

    def named(self, rank: int) -> str:
        """What messages call a process."""
        host = socket.gethostname() if rank == self.rank else self._lines[rank].host if rank in self._lines else ""
        return f"process {rank + 1} of {self.count}{f' (on {printable(host)})' if host else ''}"

    def progress(self, steps: int = 1) -> None:
        """Notes that the work goes on.

        Raises:
            ProcessesError: the run has failed elsewhere.
        """
        self._progress += steps
        self.check()

    def work(self, working: bool) -> None:
        """Whether this process makes progress now: one that waits for others, or solves, is not held to a time-out."""
        self._working = working

    def check(self) -> None:
        """Ends this process's work once the run has failed.

        Raises:
            ProcessesError: the run has failed elsewhere.
        """
        if self._failure is not None:
            raise self.error(self._failure)

    def send(self, rank: int, kind: str, facts: object = None, data: bytes = b"") -> None:
        """Sends one message.

        Args:
            rank: To whom.
            kind: What it is, which the receiver names.
            facts: Anything that JSON can hold.
            data: Bytes that go along.

        Raises:
            ProcessesError: the other process is lost.
        """
        line = self._lines[rank]
        body = json.dumps({"kind": kind, "facts": facts}).encode() + b"\n" + data
        try:
            with line.lock:
                line.connection.send_bytes(body)
        except (OSError, ValueError) as error:  # ValueError: closed on this end
            raise self.error(self.reason(BEAT) or self._lost(line)) from error

    def receive(self, rank: int, kind: str) -> tuple[Any, bytes]:
        """The next message of one process.

        Raises:
            ProcessesError: the run has failed, or the other process says something else.
        """
        line, working = self._lines[rank], self._working
        self._working = False
        while True:
            self.check()
            try:
                head, data = line.inbox.get(timeout=0.2)
            except queue.Empty:
                continue
            if head["kind"] != kind:
                raise ProcessesError(f"{self.named(rank)} sent {head['kind']!r} where {kind!r} was expected.")
            self._working = working
            return head["facts"], data

    def reason(self, wait: float) -> Failure | None:
        """Why the run failed elsewhere; waits so many seconds for the news."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure is not None, wait)
            return self._failure if self._failure is not None and self._failure.rank != self.rank else None

    def fail(self, text: str, code: int) -> None:
        """Tells the others that this process failed."""
        self._fail(Failure(text, code, self.rank))

    def end(self, code: int) -> int:
        """Ends the run: the first process says how, the others wait for its word.

        Args:
            code: Exit status that this process would have; the first one has told the user why.

        Returns:
            The exit status of the run.

        Raises:
            ProcessesError: this process did its part, and the run failed elsewhere.
        """
        self._working, self._ending, done = False, True, code == 0
        if self.rank == 0:
            for line in self._lines.values():
                with contextlib.suppress(ProcessesError):
                    self.send(line.rank, "end", code)
            # A connection that is closed before its last words are read may lose them.
            deadline = time.monotonic() + GRACE
            while time.monotonic() < deadline and not all(map(self._is_gone, self._lines.values())):
                time.sleep(0.02)
        else:
            with self._changed:
                if done:
                    self._changed.wait_for(lambda: self._final is not None or self._failure is not None)
                first = self._lines[0]
                self._changed.wait_for(lambda: self._final is not None or self._is_gone(first), 1.5 * GRACE)
            code = code if self._final is None else self._final
        self._closed.set()
        for line in self._lines.values():
            with contextlib.suppress(OSError):
                line.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that listens, which closing alone does not
            line.socket.close()
            with contextlib.suppress(OSError):
                line.connection.close()
        if done and self.rank > 0 and self._final != 0 and self._failure is not None:
            raise self.error(self._failure)
        return code

    def _is_gone(self, line: _Line) -> bool:
        return line.ended or (self._failure is not None and self._failure.lost and self._failure.rank == line.rank)

    def error(self, failure: Failure) -> ProcessesError:
        """What this process raises for the failure of another."""
        text = failure.text if failure.lost else f"{self.named(failure.rank)}: {failure.text}"
        # Where the first process is lost, the second one tells the user.
        aloud = self.rank == 0 or (failure.lost and failure.rank == 0 and self.rank == 1)
        return ProcessesError(text, failure.code, aloud=aloud)

    def _fail(self, failure: Failure) -> None:
        with self._changed:
            if self._failure is not None:
                return
            self._failure = failure
            self._changed.notify_all()
        for line in self._lines.values():
            if line.rank != failure.rank or failure.lost:  # one that only hangs should know that it is given up
                _try_to_send(line, "failure", vars(failure))

    def _lost(self, line: _Line) -> Failure:
        text = (
            f"{self.named(line.rank)} ended without a word: it was killed, its machine went down or ran out of memory. "
            "See its own output and run again; what was computed is in the cache."
        )
        return Failure(text, GanevalError.exit_code, line.rank, lost=True)

    def _listen(self, line: _Line) -> None:
        """Sorts what one other process says. Runs in a thread of its own, until that one ends."""
        while True:
            try:
                body = line.connection.recv_bytes(LARGEST)
                head, _, data = body.partition(b"\n")
                message = json.loads(head)
                self._take(line, message["kind"], message["facts"], data)
            except (EOFError, OSError):
                break
            except (ValueError, LookupError, TypeError):
                self._fail(
                    Failure(f"{self.named(line.rank)} sent something that isn't a message.", 3, line.rank, lost=True)
                )
                break
        if not (line.said_goodbye or (self._ending and self.rank == 0)):
            self._fail(self._lost(line))
        with self._changed:
            line.ended = True
            self._changed.notify_all()

    def _take(self, line: _Line, kind: str, facts: Any, data: bytes) -> None:
        if kind == "beat":
            line.beats, (line.progress, line.working) = line.beats + 1, facts
        elif kind == "failure":
            line.said_goodbye = True
            self._fail(Failure(str(facts["text"]), int(facts["code"]), int(facts["rank"]), bool(facts["lost"])))
        elif kind == "end":
            with self._changed:
                self._final, line.said_goodbye = int(facts), True
                if self._final and self._failure is None:
                    self._failure = Failure("ended the run", self._final, line.rank)
                self._changed.notify_all()
        else:
            line.inbox.put(({"kind": kind, "facts": facts}, data))

    def _watch(self) -> None:
        """Sends heartbeats, watches those of the others, and sees that this process ends once the run has failed."""
        failed_for = 0.0
        silent, idle = dict.fromkeys(self._lines, 0.0), dict.fromkeys(self._lines, 0.0)
        seen = {rank: (line.beats, line.progress) for rank, line in self._lines.items()}
        before = time.monotonic()
        while not self._closed.wait(BEAT):
            # Only time in which this process itself ran counts: a laptop that slept finds no one lost.
            passed, before = min(time.monotonic() - before, 2 * BEAT), time.monotonic()
            if self._starter is not None and os.getppid() != self._starter:
                self._leave(
                    Failure("the command that started this process has gone", GanevalError.exit_code, self.rank)
                )
            for rank, line in self._lines.items():
                _try_to_send(line, "beat", [self._progress, self._working])
                beats, progress = seen[rank]
                silent[rank] = 0.0 if line.beats != beats else silent[rank] + passed
                idle[rank] = 0.0 if line.progress != progress or not line.working else idle[rank] + passed
                seen[rank] = line.beats, line.progress
                if max(silent[rank], idle[rank]) > self.timeout and self._failure is None and not line.ended:
                    why = "was stopped, or its machine cannot be reached" if silent[rank] > 5 * BEAT else "hangs"
                    text = (
                        f"{self.named(rank)} has made no progress for {self.timeout:g} s (--timeout): it {why}. "
                        "Look at it there and run again; what was computed is in the cache."
                    )
                    self._fail(Failure(text, GanevalError.exit_code, rank, lost=True))
            if self._failure is not None and not self._ending:
                failed_for += passed
                if failed_for > GRACE:
                    self._leave(self._failure)

    def _leave(self, failure: Failure) -> None:
        """Ends this process though it is busy with something that does not come back."""
        error = self.error(failure)
        if error.aloud and failure.rank != self.rank:
            sys.stderr.write(f"ganeval: {printable(str(error))}\n")
            sys.stderr.flush()
        for folder in self.temporary:
            shutil.rmtree(folder, ignore_errors=True)
        for line in self._lines.values():
            if self.rank == 0:
                _try_to_send(line, "end", failure.code)
        os._exit(failure.code)


def _try_to_send(line: _Line, kind: str, facts: object) -> None:
    """Sends a few words, unless that would mean waiting long: the other end may have stopped reading.

    A beat that is being sent at this moment holds the lock for an instant, and is waited for.
    """
    if not line.lock.acquire(timeout=1.0):
        return
    try:
        _, writable, _ = select.select([], [line.connection.fileno()], [], 0)
        if writable:
            line.connection.send_bytes(json.dumps({"kind": kind, "facts": facts}).encode() + b"\n")
    except (OSError, ValueError):
        return
    finally:
        line.lock.release()


def _connect(me: Launched, timeout: float) -> "tuple[Store, dict[int, _Line]]":
    """Connections to the others, after they were found through torch's store."""
    import torch.distributed as distributed

    if not distributed.is_available():
        raise ProcessesError("This build of PyTorch has no torch.distributed, which several processes need.")
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    where = f"{_first_host(me.address)}:{me.port}"
    limit = timedelta(seconds=timeout)
    try:
        # It finds the store that torchrun's agent serves, and serves one itself under srun and --devices.
        store, _, _ = next(rendezvous(f"tcp://{where}", me.rank, me.count, timeout=limit))
        # Each score of one script has its own names in the store.
        number = store.add(f"ganeval/opened/{me.rank}", 1)
        store = PrefixStore(f"ganeval/{number}", store)
        return store, _accept(me, store, timeout) if me.rank == 0 else {0: _call(me, store, timeout)}
    except (RuntimeError, OSError, ValueError) as error:
        taken = "EADDRINUSE" in str(error) or "address already in use" in str(error).lower()
        if taken:
            raise ProcessesError(
                f"Port {me.port} of this machine is taken by another program, so the processes of this run cannot find "
                "each other. Set MASTER_PORT (torchrun: --master-port) to a free one."
            ) from error
        if me.rank == 0:
            raise ProcessesError(
                f"The other processes ({me.count - 1} of {me.count}) did not all come within {timeout:g} s "
                "(--timeout). See their own output; start all with one MASTER_ADDR and MASTER_PORT."
            ) from error
        raise ProcessesError(
            f"process {me.rank + 1} of {me.count} cannot reach the first one at {where} within {timeout:g} s. Check "
            "that it was started, and that MASTER_ADDR and MASTER_PORT are the same everywhere.",
            aloud=True,
        ) from error


def _first_host(address: str) -> str:
    """An address, or the first of SLURM's list of nodes ("node[3-5,7],login")."""
    found = re.match(r"([^,\[]+)(?:\[([0-9]+))?", address)
    return address if found is None else found[1] + (found[2] or "")


def _accept(me: Launched, store: "Store", timeout: float) -> dict[int, _Line]:
    """The first process's end: waits for all others."""
    key, lines = secrets.token_hex(16), dict[int, _Line]()
    dual = socket.has_dualstack_ipv6()
    deadline = time.monotonic() + timeout
    with socket.create_server(
        ("", 0), family=socket.AF_INET6 if dual else socket.AF_INET, backlog=me.count, dualstack_ipv6=dual
    ) as server:
        own = _own_address(_first_host(me.address), me.port)
        store.set("line", json.dumps({"key": key, "port": server.getsockname()[1], "address": own}))
        while len(lines) < me.count - 1:
            server.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                caller, _ = server.accept()
            except TimeoutError as error:
                absent = [str(rank + 1) for rank in range(1, me.count) if rank not in lines]
                raise ProcessesError(
                    f"{len(absent)} of {me.count} processes did not all come within {timeout:g} s (--timeout): process "
                    f"{', '.join(absent)}. See their own output; start all with one MASTER_ADDR and MASTER_PORT."
                ) from error
            line = _greeted(caller, key)
            if line is not None and 0 < line.rank < me.count and line.rank not in lines:
                lines[line.rank] = line
    return lines


def _greeted(caller: socket.socket, key: str) -> _Line | None:
    """The line to a process that knows the key; None for one that doesn't."""
    caller.setblocking(True)
    connection = Connection(caller.dup().detach())
    try:
        if connection.poll(GRACE):
            greeting = json.loads(connection.recv_bytes(1024))
            if secrets.compare_digest(str(greeting["key"]), key):
                line = _Line(int(greeting["rank"]), str(greeting["host"]), caller, connection)
                connection.send_bytes(json.dumps({"host": socket.gethostname()}).encode())
                return line
    except (EOFError, OSError, ValueError, LookupError, TypeError):
        pass
    connection.close()
    caller.close()
    return None


def _call(me: Launched, store: "Store", timeout: float) -> _Line:
    """The other processes' end."""
    store.wait(["line"], timedelta(seconds=timeout))
    served = json.loads(store.get("line"))
    master = _first_host(me.address)
    # The first process may run beside the address that all know; a loopback address is of no use elsewhere.
    candidates = [served["address"]] if not str(served["address"]).startswith(("127.", "::1")) else []
    failed: OSError | None = None
    for address in dict.fromkeys([*candidates, master]):
        try:
            caller = socket.create_connection((address, served["port"]), timeout=GRACE)
        except OSError as error:
            failed = error
            continue
        caller.settimeout(None)
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection = Connection(caller.dup().detach())
        greeting = {"key": served["key"], "rank": me.rank, "host": socket.gethostname()}
        connection.send_bytes(json.dumps(greeting).encode())
        if not connection.poll(timeout):
            raise TimeoutError("no greeting")
        return _Line(0, str(json.loads(connection.recv_bytes(1024))["host"]), caller, connection)
    raise failed or OSError("no address")


def _own_address(address: str, port: int) -> str:
    """The address by which this machine is known on the way to `address`; sends nothing."""
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(found[0], socket.SOCK_DGRAM) as way:
            way.connect(found[4])
            return str(way.getsockname()[0])
    except OSError:
        return "127.0.0.1"
