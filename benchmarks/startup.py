"""Measures start-up: `python benchmarks/startup.py` compares with `python -c pass`, in processor time and in turns."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROUNDS = 15
COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "--version": ("-m", "smellcheck", "--version"),
    "a file that cannot smell, new": ("-m", "smellcheck", "check", "new.py"),
    "a file that cannot smell, known": ("-m", "smellcheck", "check", "known.py"),
    "a file with a smell, known": ("-m", "smellcheck", "check", "waste.py"),
}
WASTE = "import torch\n\nmodel = torch.nn.Linear(1, 1)\nmodel.eval()\nprint(model(torch.load('x')).argmax())\n"


def seconds(command: tuple[str, ...], folder: Path) -> float:
    """The processor time that one command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the table."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "known.py").write_text("import os\n")
        (folder / "waste.py").write_text(WASTE)
        subprocess.run([sys.executable, "-m", "smellcheck", "."], cwd=folder, capture_output=True, check=False)
        for number in range(ROUNDS):
            (folder / "new.py").write_text(f"import os\nprint(os, {number})\n")
            for name, command in COMMANDS.items():
                taken[name].append(seconds(command, folder))
    alone = median(taken["python -c pass"])
    print(f"bar: 3 x python -c pass + 150 ms = {3000 * alone + 150:.0f} ms")
    for name, found in taken.items():
        print(f"{name:32} {1000 * median(found):6.0f} ms of CPU")


if __name__ == "__main__":
    main()
