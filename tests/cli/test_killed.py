"""Killed at any moment while it writes fixes, it leaves every file as it was or as it should be.

`SMELLCHECK_KILLS=200 pytest tests/cli/test_killed.py` kills more often than the few times of an ordinary run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

KILLS = int(os.environ.get("SMELLCHECK_KILLS", "6"))
FILES = 120
FUNCTION = """

def read_off_{number}(x):
    model = torch.nn.Linear(1, 1)
    model.eval()
    return model(x).item()
"""
OLD = "import torch\n" + "".join(FUNCTION.format(number=number) for number in range(3))
COMMAND = [sys.executable, "-m", "smellcheck", "check", "--fix", "--isolated", "--no-cache", "-q", "."]


def laid_out(folder: Path) -> None:
    for number in range(FILES):
        (folder / f"file{number}.py").write_text(OLD)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
def test_killed_while_fixing(tmp_path: Path, jobs: str) -> None:
    command = [*COMMAND, jobs]
    laid_out(tmp_path)
    begun = time.monotonic()
    subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    lasts = time.monotonic() - begun
    new = (tmp_path / "file0.py").read_text()
    assert new != OLD
    chance, seen = random.Random(KILLS), Counter[str]()
    for _ in range(KILLS):
        laid_out(tmp_path)
        process = subprocess.Popen(
            command, cwd=tmp_path, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.2, 1.0) * lasts)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        texts = Counter((tmp_path / f"file{number}.py").read_text() for number in range(FILES))
        assert set(texts) <= {OLD, new}
        seen["old" if set(texts) == {OLD} else "new" if set(texts) == {new} else "both"] += 1
    print(f"{jobs}: killed {KILLS} times, {dict(seen)}")
    # What a killed run leaves beside the files is not in the way of the next one.
    subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    assert {path.read_text() for path in tmp_path.glob("*.py")} == {new}
