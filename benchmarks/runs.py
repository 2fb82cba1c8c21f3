"""Measures whole runs as a user starts them: `python benchmarks/runs.py DIRECTORY [--copies 1 2 4]`.

For the corpus itself and for copies of it under other names: processor time and peak memory of a cold run and of a
warm one, with one process. The time that `libcst.parse_module` alone takes for the corpus is the measure of both: it
is taken right before and right after each, as a processor's speed drifts.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from speed import files_of

PARSE = """
import sys, threading
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from speed import RECURSION, STACK, files_of, parse
def body():
    for path in files_of(Path(sys.argv[1])):
        parse(path, path.read_bytes().decode("utf-8", "replace"))
sys.setrecursionlimit(RECURSION)
threading.stack_size(STACK)
thread = threading.Thread(target=body)
thread.start()
thread.join()
"""
SMELLCHECK = (sys.executable, "-m", "smellcheck", "check", "-j1", "-q", "-e", "--isolated", "--select", "all")


class Used(NamedTuple):
    """Seconds of processor time, and the most memory that any one process held, in MB."""

    seconds: float
    memory: float


def used_by(command: list[str]) -> Used:
    """What a command and its children use up, measured by a process of their own."""
    report = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL,"
        " stderr=subprocess.DEVNULL); used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        " print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", report, *command], capture_output=True, text=True, check=True)
    seconds, memory = map(float, done.stdout.split())
    return Used(seconds, memory)


def copied(files: list[Path], root: Path, to: Path, copies: int) -> None:
    """The corpus several times, each file under a name of its own."""
    for number in range(copies):
        for path in files:
            place = to / f"copy{number}" / path.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("directory", type=Path)
    options.add_argument("--copies", type=int, nargs="+", default=[1])
    given = options.parse_args()
    root = given.directory.resolve()
    files = files_of(root)
    lines = sum(path.read_bytes().count(b"\n") for path in files)
    print(f"{len(files)} files, {lines} lines")
    print(
        f"{'lines':>10} {'parse s':>8} {'MB':>5} {'cold s':>8} {'s/Mline':>8} {'x parse':>8} {'MB':>5}"
        f" {'warm s':>8} {'x parse':>8} {'MB':>5}"
    )
    parsing = [sys.executable, "-c", PARSE, str(root), str(Path(__file__).parent)]
    for copies in given.copies:
        with tempfile.TemporaryDirectory() as folder:
            corpus, cache = Path(folder, "corpus"), Path(folder, "cache")
            copied(files, root, corpus, copies)
            command = [*SMELLCHECK, "--cache-dir", str(cache), str(corpus)]
            before, cold, after, warm = used_by(parsing), used_by(command), used_by(parsing), used_by(command)
        parse, total = (before.seconds + after.seconds) / 2 * copies, lines * copies
        print(
            f"{total:10} {parse:8.1f} {before.memory:5.0f}"
            f" {cold.seconds:8.1f} {cold.seconds / total * 1e6:8.1f} {cold.seconds / parse:8.2f}"
            f" {cold.memory:5.0f} {warm.seconds:8.2f} {warm.seconds / parse:8.4f} {warm.memory:5.0f}",
            flush=True,
        )


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
