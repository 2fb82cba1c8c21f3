"""What other tools report at labelled places: `python tests/corpus/peers.py PROJECTS LABELS… [--bin FOLDER …]`.

The places were labelled by reading before any tool ran on them. Whatever a tool says about efficiency within a few
lines of a place counts, by whatever rule: of the smells as found, of the negatives as a false alarm. `PROJECTS` holds
one folder a project, `owner__name`; a tool is told of the labelled files only.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from score import NEAR, labelled

Report = tuple[str, int]


class Tool(NamedTuple):
    """How a tool is started on files, and how its reports on efficiency are read."""

    program: str
    arguments: tuple[str, ...]
    read: Callable[[str], Iterator[Report]]


def ours(printed: str) -> Iterator[Report]:
    """Our own JSON."""
    for finding in json.loads(printed)["findings"]:
        yield finding["path"], finding["range"]["start"]["line"]


def preflight(printed: str) -> Iterator[Report]:
    """torch-preflight's JSON, without its rules about correctness."""
    for report in json.loads(printed)["diagnostics"]:
        if report["category"] != "CONVERGENCE_BUG" or report["code"] in ("TG005", "TG006"):
            yield report["path"], report["line"]


def pylint(codes: str) -> Callable[[str], Iterator[Report]]:
    """The JSON of a plugin for pylint."""

    def read(printed: str) -> Iterator[Report]:
        for report in json.loads(printed or "[]"):
            if re.fullmatch(codes, report["message-id"]):
                yield report["path"], report["line"]

    return read


def concise(codes: str) -> Callable[[str], Iterator[Report]]:
    """Lines of `path:line:column: code message`."""

    def read(printed: str) -> Iterator[Report]:
        for line in printed.splitlines():
            match = re.match(rf"(.+?):(\d+):\d+:? ({codes})\b", line)
            if match:
                yield match[1], int(match[2])

    return read


TOOLS = {
    "smellcheck": Tool(
        "smellcheck",
        ("check", "--isolated", "--no-cache", "--exit-zero", "--quiet", "-j1", "--output-format", "json"),
        ours,
    ),
    "torch-preflight": Tool("torch-preflight", ("check", "-f", "json"), preflight),
    "TorchFix": Tool("torchfix", ("--select", "ALL"), concise(r"TOR\d+")),
    "ruff, PERF, PD and NPY": Tool(
        "ruff",
        ("check", "--isolated", "--no-cache", "--select", "PERF,PD,NPY", "--output-format", "concise"),
        concise(r"[A-Z]+\d+"),
    ),
    # Of its rules those about iteration, types, columns, memory and growing tensors; the others are about correctness.
    "dslinter": Tool(
        "pylint",
        ("--load-plugins=dslinter", "--output-format=json"),
        pylint(r"R550[1-4]|W5501|W5502|W5504|W5506|W5515"),
    ),
    "perflint": Tool("perflint", ("--output-format=json",), pylint(r"[RW]8\d+")),
}
#: Files a tool is given at a time: command lines are limited, and what crashes on one file loses no more than these.
TURN = 40


def reports(tool: Tool, program: str, files: list[str], root: Path) -> set[Report]:
    """What a tool says of files, by the path from the root."""
    found: set[Report] = set()
    for at in range(0, len(files), TURN):
        command = [program, *tool.arguments, *files[at : at + TURN]]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, errors="replace")
        try:
            told = list(tool.read(done.stdout))
        except ValueError:
            print(f"{program}: {done.stderr.strip()[-200:]}", file=sys.stderr)
            continue
        found |= {
            (Path(path).resolve().relative_to(root).as_posix() if path.startswith("/") else path, line)
            for path, line in told
        }
    return found


def used() -> float:
    """The processor time of all that was started and has ended, in seconds."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def main() -> int:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("projects", type=Path)
    options.add_argument("labels", type=Path, nargs="+")
    options.add_argument("--bin", type=Path, nargs="*", default=[], help="where the tools are")
    given = options.parse_args()
    root = given.projects.resolve()
    rows = [row for table in given.labels for row in labelled(table)]
    places = [
        (
            f"{row['project'].replace('/', '__')}/{row['path']}",
            [int(line) for line in row["line"].split("/")],
            row["verdict"] == "smell",
        )
        for row in rows
    ]
    files = sorted({path for path, _, _ in places if (root / path).exists()})
    smells, others = (sum(smell is kind for path, _, smell in places if path in files) for kind in (True, False))
    print(f"{len(files)} files; {smells} smells, {others} places that are none")
    print(f"{'':24} {'smells found':>14} {'false alarms':>14} {'reports in all':>15} {'processor time':>15}")
    own = 0.0
    for name, tool in TOOLS.items():
        program = next((at for place in (*given.bin, None) if (at := shutil.which(tool.program, path=place))), None)
        if program is None:
            print(f"{name:24} not installed")
            continue
        before = used()
        found = reports(tool, program, files, root)
        seconds = used() - before
        own = own or seconds
        hits = {True: 0, False: 0}
        for path, lines, smell in places:
            hits[smell] += any(path == where and abs(line - at) <= NEAR for where, at in found for line in lines)
        print(
            f"{name:24} {hits[True]:6} ({hits[True] / max(1, smells):.2f})"
            f" {hits[False]:6} ({hits[False] / max(1, others):.2f}) {len(found):15} {seconds / own:14.2f}x",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
