"""Runs the command line in a folder of its own, with the rules of `sample_rules` in the place of ours."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from smellcheck import cli, plugins

#: Its pages are for the tests here to run, and one of its rules ends the process.
collect_ignore = ["sample_rules"]

WASTE = "import demo\n\ndemo.waste()\n"
FIXED = "import demo\n\ndemo.spare()\n"


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def notebook(*cells: str, **metadata: Any) -> str:
    """The JSON of a notebook, as Jupyter writes it."""
    made = [
        {"cell_type": "code", "execution_count": 7, "metadata": {}, "outputs": [], "source": cell.splitlines(True)}
        for cell in cells
    ]
    whole = {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


Cli = Callable[..., Result]
Write = Callable[[Mapping[str, str | bytes]], None]


@pytest.fixture(scope="session")
def sample_rules() -> tuple[Any, ...]:
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        return tuple(sorted(plugins.load("sample_rules"), key=lambda rule: (rule.family, rule.name)))
    finally:
        del sys.path[0]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample_rules: tuple[Any, ...]) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    # The rules are not those that are installed.
    monkeypatch.setenv("SMELLCHECK_NO_CACHE", "1")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(plugins, "rules", lambda: sample_rules)


@pytest.fixture
def work() -> Path:
    """The folder that the command runs in."""
    return Path.cwd()


@pytest.fixture
def write(work: Path) -> Write:
    """Write files below the folder that the command runs in."""

    def write(files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            path = work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


@pytest.fixture
def smellcheck(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run a command line; what it wrote comes back as text, newlines as they were."""

    def run(*args: str, stdin: bytes = b"") -> Result:
        capfdbinary.readouterr()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = cli.main(args)
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = capfdbinary.readouterr()
        return Result(code, out.decode("utf-8", "surrogateescape"), err.decode())

    return run
