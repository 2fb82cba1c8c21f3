"""A long search for programs that break it: `python tests/fuzz/campaign.py KIND FIRST LAST [DIRECTORY]`.

KIND is `case`, `generated`, `grammar`, `file` or `whole`; seeds run from FIRST to before LAST. Real files are taken
from DIRECTORY: changed, or whole, behind a comment that names every framework so that every rule looks at them. What
breaks is told with its seed and kept under the current directory.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import programs
from properties import RULES, faults

STEP = 50
WORDS = frozenset().union(*(rule.triggers.imports for rule in RULES))


def program(kind: str, seed: int, files: list[Path]) -> str:
    """The program of a seed."""
    if kind == "case":
        return programs.of_case(seed)
    if kind == "generated":
        return programs.of_generator(seed)
    text = files[seed % len(files)].read_bytes().decode("utf-8", "replace")
    if kind == "whole":
        return f"# {' '.join(sorted(WORDS))}\n{text}"
    return programs.of_file(text, seed) if programs.parses(text) and len(text) < 40_000 else programs.of_case(seed)


def tried(kind: str, first: int, last: int, files: list[Path]) -> tuple[int, list[str]]:
    """How many programs were tried, and what was wrong."""
    sys.setrecursionlimit(20_000)
    if kind == "grammar":
        return _of_grammar(first, last)
    wrong = []
    for seed in range(first, last):
        text = program(kind, seed, files)
        try:
            found = list(faults(text))
        except Exception as error:
            found = [f"raised {type(error).__name__}: {error}"]
        if found:
            Path(f"{kind}-{seed}.py").write_text(text, newline="")
            wrong += [f"{kind} {seed}: {fault}" for fault in found]
    return last - first, wrong


def _of_grammar(first: int, last: int) -> tuple[int, list[str]]:
    """Programs that Hypothesis makes of Python's grammar, behind imports of frameworks."""
    import hypothesmith
    from hypothesis import HealthCheck, Phase, given, seed, settings

    count, wrong = 0, []

    @seed(first)
    @settings(max_examples=last - first, deadline=None, database=None, phases=(Phase.generate,),
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(hypothesmith.from_grammar() | hypothesmith.from_node())
    def search(text: str) -> None:
        nonlocal count
        count += 1
        program = programs.IMPORTS[count % len(programs.IMPORTS)] + text
        if programs.parses(program):
            wrong.extend(f"grammar {first}: {fault}\n{program!r}" for fault in faults(program))

    search()
    return count, wrong


def main() -> int:
    """Run the campaign; the exit code is 1 when anything is wrong."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("kind", choices=("case", "generated", "grammar", "file", "whole"))
    options.add_argument("first", type=int)
    options.add_argument("last", type=int)
    options.add_argument("directory", type=Path, nargs="?")
    given = options.parse_args()
    files = sorted(given.directory.rglob("*.py")) if given.directory else []
    count, wrong, begun = 0, 0, time.monotonic()
    with ProcessPoolExecutor() as pool:
        tasks = [
            pool.submit(tried, given.kind, first, min(first + STEP, given.last), files)
            for first in range(given.first, given.last, STEP)
        ]
        for task in tasks:
            tested, told = task.result()
            count += tested
            wrong += len(told)
            for line in told:
                print(line, flush=True)
    print(f"{given.kind}: seeds {given.first} to {given.last - 1}, {count} programs, {wrong} faults", end=" ")
    print(f"in {time.monotonic() - begun:.0f} s")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
