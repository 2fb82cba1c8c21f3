"""Emacs in batch mode, with eglot: what it shows and what it makes of the buffer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .editor import SMELLY

EMACS = shutil.which("emacs")


def has_eglot() -> bool:
    look = ["--batch", "-q", "--eval", "(progn (package-initialize) (require 'eglot))"]
    return EMACS is not None and subprocess.run([EMACS, *look], capture_output=True, check=False).returncode == 0


def test_emacs_shows_the_findings_and_applies_the_fixes(folder: Path, smellcheck: Any) -> None:
    if not has_eglot():
        pytest.skip("needs Emacs with eglot as `emacs`")
    path, out = folder / "train.py", folder / "told.json"
    text = SMELLY.replace("logits = model", 'a, logits = "é😀", model')
    path.write_text(text, encoding="utf-8")
    findings = smellcheck(path.name, "--output-format", "json")["findings"]
    environment = {
        **os.environ,
        "SMELLCHECK_FILE": str(path),
        "SMELLCHECK_OUT": str(out),
        "SMELLCHECK_COMMAND": json.dumps([sys.executable, "-m", "smellcheck", "server"]),
        "LC_ALL": "C.UTF-8",
    }
    command = [EMACS or "", "-q", "--batch", "-l", str(Path(__file__).with_name("eglot.el"))]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert out.exists(), done.stderr
    told = json.loads(out.read_text(encoding="utf-8"))
    assert sorted(told["lines"]) == [one["range"]["start"]["line"] for one in findings]
    assert "model(images.to(device))" in told["texts"]
    smellcheck(path.name, "--fix")
    assert told["text"] == path.read_text(encoding="utf-8") != text
