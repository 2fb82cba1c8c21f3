"""The folder that is open in an editor, and the command line that the server must agree with."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

Play = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture
def play() -> Play:
    """Run a session to its end."""

    def run(session: Coroutine[Any, Any, None]) -> None:
        asyncio.run(asyncio.wait_for(session, 480))

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that is open in the editor."""
    path = tmp_path / "mein ordner é"
    path.mkdir()
    return path


@pytest.fixture
def smellcheck(folder: Path) -> Callable[..., Any]:
    """The command line, run in the folder: what the server must agree with."""

    def run(*args: str) -> Any:
        environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "home")}
        command = [sys.executable, "-m", "smellcheck", *args]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1, 2), done.stderr
        return json.loads(done.stdout) if "json" in args else done.stdout

    return run
