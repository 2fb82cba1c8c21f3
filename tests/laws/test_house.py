"""The house rules: lint, format, types, and smellcheck on smellcheck."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("smellcheck", "smellcheck", "rules", "tests", "--select", "all", "--isolated", "--fail-on", "advice"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_the_tools_find_nothing(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_list_of_rules_is_the_installed_one() -> None:
    """Written by `cd docs && smellcheck rules --output-format markdown > rules.md`."""
    command = [sys.executable, "-m", "smellcheck", "rules", "--output-format", "markdown"]
    done = subprocess.run(command, cwd=ROOT / "docs", capture_output=True, text=True, check=True, encoding="utf-8")
    assert done.stdout == (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
