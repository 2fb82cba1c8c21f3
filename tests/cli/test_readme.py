"""The README shows what a run really prints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: The width that the README's block was printed in.
WIDTH = "100"


def test_the_example_prints_what_the_readme_shows(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs" / "example", tmp_path / "src")
    run = subprocess.run(
        [sys.executable, "-m", "smellcheck", "src/", "--no-cache"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": WIDTH, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    printed = [line.rstrip() for line in run.stdout.splitlines()]
    block = re.search(r"```console\n\$ smellcheck src/\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    assert block is not None
    shown = [line.rstrip() for line in block[1].splitlines() if line != "…"]
    assert [line for line in shown if line not in printed] == []
