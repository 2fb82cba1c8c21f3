"""One line a finding, for editors, `grep` and people in a hurry."""

from __future__ import annotations

from ..finding import Finding
from . import Look, Report
from .terminal import BOLD, CYAN, LEVEL_STYLES, Paint, clean


def render(report: Report, look: Look) -> str:
    """`path:line:column: rule [*] message`; `[*]` where `--fix` acts, `[~]` where `--unsafe-fixes` does."""
    return "".join(f"{_line(report, finding, Paint(look.color))}\n" for finding in report.findings)


def _line(report: Report, finding: Finding, paint: Paint) -> str:
    place = f"{clean(finding.path)}:{finding.place}:"
    shown = mark(report, finding)
    words = [paint(BOLD, place), paint(LEVEL_STYLES[finding.level], finding.rule), paint(CYAN, shown)]
    return " ".join([*(word for word in words if word), clean(finding.message)])


def mark(report: Report, finding: Finding) -> str:
    """What would fix a finding: `[*]` for `--fix`, `[~]` for `--unsafe-fixes`, nothing for no option."""
    if finding.fix is None or finding.fix.safety == "suggestion":
        return ""
    return "[*]" if report.applied_by_fix(finding.fix.safety) else "[~]"
