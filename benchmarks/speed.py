"""Measures what a cold run costs against parsing the same files, side by side: `python benchmarks/speed.py DIRECTORY`.

Two processes take turns on the same files: one parses each with `libcst.parse_module`, the other checks it with every
rule, its cache off. What disturbs the machine disturbs both, so that the ratio of their processor times holds still.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

STACK, RECURSION = 256 << 20, 200_000
TURN = 40


class Cost(NamedTuple):
    """What a process has used up: seconds of processor time at its work, and the most memory, in MB."""

    seconds: float
    memory: float
    found: int = 0


def files_of(directory: Path) -> list[Path]:
    """The Python files below a directory, in a fixed order."""
    return sorted(path for path in directory.rglob("*.py") if path.is_file() and path.stat().st_size <= 5_000_000)


def parse(_: Path, text: str) -> int:
    """What is compared with: LibCST alone."""
    import libcst

    try:
        libcst.parse_module(text)
    except Exception:
        return 0
    return 1


def check(path: Path, text: str) -> int:
    """A file of a cold run: every rule, and the sieve."""
    from smellcheck import plugins
    from smellcheck.engine import check as checked

    rules = plugins.rules()
    return len(checked(text, rules, str(path), frozenset(rule.name for rule in rules)).findings)


def check_without_sieve(path: Path, text: str) -> int:
    """The same, but every file is parsed and shown to every rule."""
    from smellcheck import plugins
    from smellcheck.engine import check as checked

    rules = plugins.rules()
    return len(checked(text, rules, str(path), frozenset(rule.name for rule in rules), sieve=False).findings)


Work = Callable[[Path, str], int]


def serve(pipe: Connection, work: Work) -> None:
    """Do the work on the files that come in, and say what they cost."""

    def body() -> None:
        if work is not parse:
            from smellcheck.pool import collect_rarely

            # What a worker of a whole run does.
            collect_rarely()
        work(Path("warm.py"), "import torch\n\nx = torch.zeros(1)\n")
        spent, found = 0.0, 0
        while (paths := pipe.recv()) is not None:
            texts = [(path, path.read_bytes().decode("utf-8", "replace")) for path in paths]
            begun = time.process_time()
            for path, text in texts:
                found += work(path, text)
            spent += time.process_time() - begun
            pipe.send(Cost(spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, found))

    sys.setrecursionlimit(RECURSION)
    threading.stack_size(STACK)
    thread = threading.Thread(target=body)
    thread.start()
    thread.join()


def side_by_side(files: list[Path], works: list[Work]) -> Iterator[list[Cost]]:
    """The cost of several works after every few files, each in a process of its own, in turns."""
    context = multiprocessing.get_context("spawn")
    pipes = []
    for work in works:
        here, there = context.Pipe()
        context.Process(target=serve, args=(there, work), daemon=True).start()
        pipes.append(here)
    for at in range(0, len(files), TURN):
        costs = []
        for pipe in pipes:
            pipe.send(files[at : at + TURN])
            costs.append(pipe.recv())
        yield costs
    for pipe in pipes:
        pipe.send(None)


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("directory", type=Path)
    options.add_argument("--no-sieve", action="store_true", help="measure a run without the sieve, too")
    given = options.parse_args()
    files = files_of(given.directory)
    lines = sum(path.read_bytes().count(b"\n") for path in files)
    works: list[Work] = [parse, check, *([check_without_sieve] if given.no_sieve else [])]
    costs = [Cost(0, 0)] * len(works)
    for turn in side_by_side(files, works):
        costs = turn
    print(f"{len(files)} files, {lines} lines")
    for work, cost in zip(works, costs, strict=True):
        ratio = cost.seconds / costs[0].seconds
        print(
            f"{work.__name__:20} {cost.seconds:8.1f} s of CPU  {ratio:5.2f} x"
            f"  {lines / cost.seconds / 1000:7.1f} klines/s  {cost.memory:6.0f} MB  {cost.found} found"
        )


if __name__ == "__main__":
    main()
