"""Vim with ALE, without a screen: what it shows."""

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

VIM = shutil.which("vim")
SILENT: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True}


def has_ale() -> bool:
    look = ["-u", "NONE", "-N", "-es", "-c", "silent! packadd ale", "-c", "if exists(':ALELint') | cquit 9 | endif"]
    return VIM is not None and subprocess.run([VIM, *look, "-c", "q"], check=False, **SILENT).returncode == 9


def test_vim_shows_the_findings(folder: Path, smellcheck: Any) -> None:
    if not has_ale():
        pytest.skip("needs Vim with ALE as `vim`")
    path, out = folder / "train.py", folder / "told.json"
    path.write_text(SMELLY, encoding="utf-8")
    findings = smellcheck(path.name, "--output-format", "json")["findings"]
    environment = {
        **os.environ,
        "SMELLCHECK": sys.executable,
        "SMELLCHECK_FILE": str(path),
        "SMELLCHECK_OUT": str(out),
        "LC_ALL": "C.UTF-8",
    }
    command = [VIM or "", "-u", "NONE", "-N", "-es", "-S", str(Path(__file__).with_name("ale.vim"))]
    subprocess.run(command, cwd=folder, env=environment, timeout=400, check=False, **SILENT)
    starts = [one["range"]["start"] for one in findings]
    assert json.loads(out.read_text(encoding="utf-8")) == [
        [start["line"], start["column"], one["rule"], one["message"]]
        for start, one in zip(starts, findings, strict=True)
    ]
