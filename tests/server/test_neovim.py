"""Neovim, headless, with its own client: what it shows and what it makes of the buffer."""

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

NVIM = shutil.which("nvim")


@pytest.mark.skipif(NVIM is None, reason="needs Neovim 0.7 or later as `nvim`")
def test_neovim_shows_the_findings_and_applies_the_fixes(folder: Path, smellcheck: Any) -> None:
    path, out = folder / "train.py", folder / "told.json"
    text = SMELLY.replace("    correct = 0\n", '    "😀"; correct = 0\n').replace(
        "logits = model", 'a, logits = "é😀", model'
    )
    path.write_text(text, encoding="utf-8")
    findings = smellcheck(path.name, "--output-format", "json")["findings"]
    environment = {
        **os.environ,
        "HOME": str(folder / "home"),
        "XDG_CONFIG_HOME": str(folder / "home"),
        "SMELLCHECK_FILE": str(path),
        "SMELLCHECK_OUT": str(out),
        "SMELLCHECK_COMMAND": json.dumps([sys.executable, "-m", "smellcheck", "server"]),
    }
    script = Path(__file__).with_name("nvim.lua")
    command = [NVIM or "", "--headless", "--clean", "-n", "-c", f"luafile {script}"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=150, check=False
    )
    told = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {"failed": done.stderr}
    assert "failed" not in told, (told, done.stderr)
    assert [one["message"] for one in told["told"]] == [one["message"] for one in findings]
    assert told["told"][-1]["text"] == "model(images.to(device))"
    assert [one["severity"] for one in told["told"]] == [{"warning": 2, "info": 3}[one["level"]] for one in findings]
    smellcheck(path.name, "--fix")
    assert told["text"] == path.read_text(encoding="utf-8") != text
    smellcheck(path.name, "--fix", "--unsafe-fixes")
    assert told["after"] == path.read_text(encoding="utf-8") != told["text"]
