"""What fixing changes, as a unified diff."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import unified_diff

from . import Look, Place, Report
from .terminal import BOLD, CYAN, GREEN, RED, Paint, clean

_STYLES = {"+": GREEN, "-": RED, "@": CYAN}


def render(report: Report, look: Look) -> str:
    """One diff a file or a notebook's cell, in order of path."""
    paint = Paint(look.color)
    return "".join(
        line
        for (path, cell), (before, after) in sorted(report.changes.items(), key=lambda entry: _order(entry[0]))
        for line in _diff(path, cell, before, after, paint)
    )


def _order(place: Place) -> tuple[str, int]:
    return place[0], place[1] or 0


def _diff(path: str, cell: int | None, before: str, after: str, paint: Paint) -> Iterator[str]:
    name = clean(path) if cell is None else f"{clean(path)}:cell {cell}"
    if cell is not None:
        # A cell's last line never has an end; that is worth no remark.
        before, after = (text if text.endswith("\n") else f"{text}\n" for text in (before, after))
    for number, line in enumerate(unified_diff(_lines(before), _lines(after), name, name)):
        # Lines keep what ends them, but a file's last may have nothing.
        text = line.removesuffix("\n")
        yield paint(BOLD if number < 2 else _STYLES.get(line[:1], ""), text) + "\n"
        if not line.endswith("\n"):
            yield "\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)
