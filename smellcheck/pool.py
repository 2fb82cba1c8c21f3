"""Shares work out to processes and survives their death: the killer is named, the rest is done."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from pathlib import Path
from typing import Any, Generic, TypeVar

#: Ends a process that has used up its time, even inside of native code.
_ALARM: int = getattr(signal, "SIGPROF", 0)

T = TypeVar("T")
R = TypeVar("R")

#: Forking is fast and starts no interpreter, which would put the current directory on its path.
FORKS = sys.platform == "linux"
#: Seconds of processor time that an item may take, and its weight for which one more is granted.
TIME_LIMIT, WEIGHT_PER_SECOND = 20.0, 50_000
#: How much longer it may take by the clock: other programs want to run too.
PATIENCE = 10
#: Deeply nested code overflows the default stack, and that ends the process. Only address space is reserved.
_STACKS = (256 << 20, 64 << 20, 0)
_RECURSION = 200_000
_BATCH_ITEMS, _BATCH_WEIGHT = 64, 64_000


def processors() -> int:
    """How many processors this process may use, a container's quota included."""
    count = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        count = min(count, max(1, round(int(quota) / int(period))))
    return count


def deeply(function: Callable[[], R]) -> R:
    """Call a function on a stack that is deep enough for deeply nested code."""
    results: list[R] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION))
    try:
        thread = _start(body)
        while thread.is_alive():
            # A bare join cannot be interrupted everywhere.
            thread.join(0.2)
    finally:
        sys.setrecursionlimit(limit)
    if errors:
        raise errors[0]
    return results[0]


def _start(body: Callable[[], None]) -> threading.Thread:
    before = threading.stack_size()
    try:
        for size in _STACKS:
            threading.stack_size(size)
            with suppress(RuntimeError, MemoryError):
                thread = threading.Thread(target=body, daemon=True)
                thread.start()
                return thread
        raise MemoryError("cannot start a thread")
    finally:
        threading.stack_size(before)


def in_turn(items: Sequence[T], work: Callable[[T], R], done: Callable[[R], R]) -> list[R]:
    """Do all items in this process; of each result what `done` makes of it is kept."""
    return deeply(lambda: [done(work(item)) for item in items])


def share_out(
    items: Sequence[T],
    work: Callable[[T], R],
    died: Callable[[T, str, str], R],
    *,
    workers: int,
    weights: Sequence[int],
    done: Callable[[R], R],
) -> list[R]:
    """Do all items in worker processes; what `done` makes of the results, in the order of the items.

    `died(item, kind, message)` gives the result of an item whose worker crashed or needed too much time.
    """
    results: dict[int, R] = {}
    limits = [TIME_LIMIT + weight / WEIGHT_PER_SECOND for weight in weights]
    # Heavy items first, or the last worker works alone.
    pending = deque(sorted(range(len(items)), key=lambda at: -weights[at]))
    crew: list[_Worker[T]] = []
    try:
        while len(results) < len(items):
            while pending and len(crew) < workers:
                crew.append(_hire(work, crew))
            for worker in crew:
                if not worker.batch and pending:
                    worker.give(_batch(pending, weights), items, limits)
            for worker in _reporting(crew, limits):
                kind, message = _listen(worker, results, done, limits)
                if not kind:
                    continue
                crew.remove(worker)
                worker.dismiss()
                if worker.batch:
                    killer = worker.batch.popleft()
                    results[killer] = done(died(items[killer], kind, message))
                    pending.extendleft(reversed(worker.batch))
    finally:
        for worker in crew:
            worker.pipe.close()
        for worker in crew:
            worker.process.join(2)
            worker.dismiss()
    return [results[at] for at in range(len(items))]


@dataclass
class _Worker(Generic[T]):
    process: Any
    pipe: connection.Connection[Any, Any]
    #: What it has been given and has not answered yet.
    batch: deque[int] = field(default_factory=deque)
    since: float = 0.0

    def late(self, limits: Sequence[float]) -> bool:
        return bool(self.batch) and time.monotonic() - self.since > limits[self.batch[0]] * PATIENCE

    def give(self, batch: list[int], items: Sequence[T], limits: Sequence[float]) -> None:
        self.batch.extend(batch)
        self.since = time.monotonic()
        with suppress(OSError):  # it is dead, and will be found so
            self.pipe.send([(at, items[at], limits[at]) for at in batch])

    def dismiss(self) -> None:
        self.pipe.close()
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


def _batch(pending: deque[int], weights: Sequence[int]) -> list[int]:
    batch = [pending.popleft()]
    weight = weights[batch[0]]
    while pending and len(batch) < _BATCH_ITEMS and weight + weights[pending[0]] <= _BATCH_WEIGHT:
        batch.append(pending.popleft())
        weight += weights[batch[-1]]
    return batch


def _reporting(crew: list[_Worker[T]], limits: Sequence[float]) -> list[_Worker[T]]:
    """The workers that have something to say, died or are late."""
    ready = connection.wait([worker.pipe for worker in crew], timeout=0.5)
    return [worker for worker in crew if worker.pipe in ready or worker.late(limits)]


def _listen(
    worker: _Worker[T], results: dict[int, R], done: Callable[[R], R], limits: Sequence[float]
) -> tuple[str, str]:
    """Take what a worker has to say; the kind and the words of its end, empty while it lives."""
    try:
        while worker.pipe.poll():
            at, result = worker.pipe.recv()
            worker.batch.remove(at)
            worker.since = time.monotonic()
            results[at] = done(result)
    except Exception:  # a broken pipe, or the torn last words of a worker that was killed
        worker.process.join(1)
        if worker.process.exitcode == -_ALARM and worker.batch:
            return "timeout", f"not finished after {limits[worker.batch[0]]:.0f} seconds of work"
        return "crash", _obituary(worker.process.exitcode)
    if worker.late(limits):
        return "timeout", f"not finished after {limits[worker.batch[0]] * PATIENCE:.0f} seconds"
    return "", ""


def _obituary(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"the process that checked it was ended by {signal.Signals(-code).name}"
    return f"the process that checked it ended with status {code}"


def _hire(work: Callable[[T], R], crew: Sequence[_Worker[T]]) -> _Worker[T]:
    context: Any = get_context("fork" if FORKS else "spawn")
    if not FORKS:
        os.environ.setdefault("PYTHONSAFEPATH", "1")
    here, there = context.Pipe()
    # What a fork inherits would keep the other workers' pipes open after our own end.
    inherited = [here, *(worker.pipe for worker in crew)] if FORKS else []
    process = context.Process(target=_serve, args=(there, inherited, work), daemon=True)
    process.start()
    there.close()
    return _Worker(process, here)


def _set_alarm(seconds: float) -> None:
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)


def collect_rarely() -> None:
    """Have the process look for garbage less often: what a tree is made of lives for one file, and is freed with it."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _serve(pipe: connection.Connection[Any, Any], inherited: list[Any], work: Callable[[T], R]) -> None:
    # Ctrl-C reaches the whole group: the parent decides, and what is being written is written to its end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for other in inherited:
        other.close()

    def answers() -> Iterator[tuple[int, R]]:
        while True:
            for at, item, limit in pipe.recv():
                _set_alarm(limit)
                result = work(item)
                _set_alarm(0)
                yield at, result

    collect_rarely()

    def body() -> None:
        with suppress(EOFError, OSError):
            for answer in answers():
                pipe.send(answer)

    deeply(body)
