"""Shows that the sieve loses no finding: `python benchmarks/sieve.py DIRECTORY` checks each file with and without."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from speed import RECURSION, files_of


@dataclass(frozen=True)
class Compared:
    """One file: whether LibCST had to parse it, and what the sieve would have lost."""

    path: Path
    findings: int
    sifted: bool
    lost: str = ""


def compare(path: Path) -> Compared:
    """Check one file both ways."""
    from smellcheck import plugins
    from smellcheck.engine import check
    from smellcheck.sieve import wanted

    sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION // 20))
    rules = plugins.rules()
    names = frozenset(rule.name for rule in rules)
    text = path.read_bytes().decode("utf-8", "replace")
    try:
        full = check(text, rules, str(path), names, sieve=False)
        quick = check(text, rules, str(path), names)
    except RecursionError:
        return Compared(path, 0, False)
    lost = (
        "" if full == quick else f"{path}: {len(full.findings)} findings without the sieve, {len(quick.findings)} with"
    )
    return Compared(path, len(full.findings), not wanted(text, rules), lost)


def main() -> int:
    """Say what was lost; the exit code is 1 when anything was."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("directory", type=Path)
    files = files_of(options.parse_args().directory)
    with ProcessPoolExecutor() as pool:
        compared = list(pool.map(compare, files, chunksize=16))
    for one in compared:
        if one.lost:
            print(one.lost)
    lost = sum(bool(one.lost) for one in compared)
    print(f"{len(files)} files, {sum(one.findings for one in compared)} findings, in {lost} files another answer")
    print(f"ruled out by their words: {sum(one.sifted for one in compared)} files")
    return int(bool(lost))


if __name__ == "__main__":
    sys.exit(main())
