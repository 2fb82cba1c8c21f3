"""What fixing changes, as a unified diff."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import unified_diff

from . import Look, Report
from .terminal import BOLD, CYAN, GREEN, RED, Paint, clean

_STYLES = {"+": GREEN, "-": RED, "@": CYAN}


def render(report: Report, look: Look) -> str:
    """One diff a file, in order of path."""
    paint = Paint(look.color)
    return "".join(
        line for path, (before, after) in sorted(report.changes.items()) for line in _diff(path, before, after, paint)
    )


def _diff(path: str, before: str, after: str, paint: Paint) -> Iterator[str]:
    name = clean(path)
    for number, line in enumerate(unified_diff(_lines(before), _lines(after), name, name)):
        # Lines keep what ends them, but a file's last may have nothing.
        text = line.removesuffix("\n")
        yield paint(BOLD if number < 2 else _STYLES.get(line[:1], ""), text) + "\n"
        if not line.endswith("\n"):
            yield "\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)
