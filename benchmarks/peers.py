"""Compares what tools cost on the same files, side by side: `python benchmarks/peers.py DIRECTORY [--bin FOLDER]`.

Each tool is started as its users start it, with all its rules, one process and no cache, and its processor time and
peak memory are those of all its processes. A tool that is not installed, in FOLDER or on the path, is left out.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from runs import PARSE, SMELLCHECK, Used, used_by
from speed import files_of

#: What follows a tool's name to have all its rules look at a directory.
PEERS = {
    "torchfix": ("-j", "1", "--select", "ALL"),
    "torch-preflight": ("check",),
    "fixit": ("lint",),
    "ruff": ("check", "--isolated", "--no-cache", "--select", "ALL", "-q"),
}


def commands(root: Path, folder: Path | None, cache: Path) -> dict[str, list[str]]:
    """The tools that there are, and how each is started."""
    ours = [*SMELLCHECK, "--cache-dir", str(cache), str(root)]
    found = {
        "libcst.parse_module": [sys.executable, "-c", PARSE, str(root), str(Path(__file__).parent)],
        "smellcheck, cold": ours,
        "smellcheck, warm": ours,
    }
    for name, arguments in PEERS.items():
        places = [str(folder)] if folder is not None else []
        tool = next((tool for place in (*places, None) if (tool := shutil.which(name, path=place))), None)
        if tool is not None:
            found[name] = [tool, *arguments, str(root)]
    return found


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("directory", type=Path)
    options.add_argument("--bin", type=Path, help="where the other tools are")
    given = options.parse_args()
    root = given.directory.resolve()
    files = files_of(root)
    lines = sum(path.read_bytes().count(b"\n") for path in files)
    print(f"{len(files)} files, {lines} lines")
    alone: Used | None = None
    with tempfile.TemporaryDirectory() as folder:
        for name, command in commands(root, given.bin, Path(folder, "cache")).items():
            used = used_by(command)
            alone = alone or used
            ratio = used.seconds / alone.seconds
            print(f"{name:22} {used.seconds:8.1f} s of CPU {ratio:7.2f} x parse {used.memory:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
