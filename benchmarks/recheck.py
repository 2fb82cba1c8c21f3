"""How long an editor waits for the findings of a long buffer after each keystroke, in seconds of processor time.

    python benchmarks/recheck.py [FILE…]

Without files, buffers of 2,000 lines are made of the cases on the rules' pages, and of those that smell. Each
keystroke goes into another function; the same buffer is checked as the language server does, which parses only what
changed, and as the command line does. The findings must be equal.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from smellcheck import plugins, pool
from smellcheck.page import read_page
from smellcheck.server.ask import Check, Findings, Wishes
from smellcheck.server.worker import Desk

LINES, KEYSTROKES = 2_000, 25

T = TypeVar("T")


def made(*, dense: bool = False) -> str:
    """A long module of real statements: the cases of all pages, over and over, or only those that smell."""
    found = [case for rule in plugins.rules() for case in read_page(rule.page).cases]
    cases = [case.plain for case in found if case.marked or not dense]
    parts: list[str] = []
    lines = 0
    while lines < LINES:
        for case in cases:
            if lines < LINES:
                parts.append(case)
                lines += case.count("\n")
    return "\n".join(parts)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """The processor time of a call, and its result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def measure(name: str, text: str) -> bool:
    """Type into a text; print what it costs, and say whether the findings were equal throughout."""
    rng, desk, path = random.Random(0), Desk(), Path.cwd() / "buffer.py"

    def check(desk: Desk, text: str) -> Findings:
        return desk.check(Check("buffer", path, text, Wishes(path.parent, isolated=True)))

    first, _ = timed(lambda: check(desk, text))
    again: list[float] = []
    whole: list[float] = []
    parsed: list[int] = []
    equal = True
    ends = [at for at, character in enumerate(text) if character == "\n" and text[at - 1 : at] in (")", "]", "1")]
    for _ in range(KEYSTROKES):
        at = rng.choice(ends)
        # What stays in the buffer, and parses, is what costs the most: a comment that grows letter by letter.
        text = f"{text[:at]}  # x{text[at:]}"
        seconds, found = timed(lambda text=text: check(desk, text))
        again.append(seconds)
        parsed.append(found.parsed)
        seconds, expected = timed(lambda text=text: check(Desk(), text))
        whole.append(seconds)
        equal = equal and found.findings == expected.findings and found.problems == expected.problems
        ends = [place + 5 * (place >= at) for place in ends if place != at]
    lines, share = text.count("\n"), statistics.median(parsed) / len(text)
    print(f"{name}: {lines} lines, {len(found.findings)} findings; first check {first * 1000:.0f} ms")
    for what, values in (("as the server checks it", again), ("from nothing", whole)):
        low, high = statistics.median(values) * 1000, max(values) * 1000
        print(f"  after a keystroke, {what:<24} median {low:4.0f} ms, worst {high:4.0f} ms")
    print(f"  parsed anew: {share:.1%} of the text (median); findings {'equal' if equal else 'DIFFER'}")
    return equal


def main() -> int:
    """Measure every buffer."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("files", nargs="*", type=Path)
    files = arguments.parse_args().files
    buffers = {str(path): path.read_text(encoding="utf-8") for path in files} or {
        "cases of the pages": made(),
        "cases that smell": made(dense=True),
    }
    equal = pool.deeply(lambda: [measure(name, text) for name, text in buffers.items()])
    return int(not all(equal))


if __name__ == "__main__":
    sys.exit(main())
