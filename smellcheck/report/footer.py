"""The lines after the findings: how many, what can be fixed, what was left out; and the counts by rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from . import Look, Report
from .concise import mark
from .terminal import BOLD, CYAN, DIM, GREEN, LEVEL_STYLES, RED, Paint


def footer(report: Report, look: Look) -> str:
    """A summary in a few lines."""
    return "".join(f"{line}\n" for line in _lines(report, Paint(look.color)))


def _lines(report: Report, paint: Paint) -> Iterator[str]:
    found, fixed = len(report.findings), sum(report.fixed.values())
    files = _count(report.files, "file")
    if found + fixed:
        split = f" ({fixed} fixed, {found} remaining)" if fixed else ""
        yield paint(BOLD, "Found " + _count(found + fixed, "smell")) + f"{split} in {files}."
    elif not report.problems and report.files:
        yield paint(GREEN, "All checks passed!") + paint(DIM, f" {files}.")
    marks = Counter(mark(report, finding) for finding in report.findings)
    if marks["[*]"] or marks["[~]"]:
        both = f" ({marks['[~]']} more with `--unsafe-fixes`)" if marks["[~]"] else ""
        yield f"{paint(CYAN, '[*]')} {marks['[*]']} fixable with `--fix`{both}."
    if report.suppressed:
        yield paint(DIM, f"{report.suppressed} suppressed.")
    if report.problems:
        broken = len({problem.path for problem in report.problems})
        yield paint(RED, f"{_count(broken, 'file')} could not be checked or fixed whole.")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def statistics(report: Report, look: Look) -> str:
    """One line a rule: how many of its smells remain, how many were fixed, and what would fix the rest."""
    paint = Paint(look.color)
    counts = Counter(finding.rule for finding in report.findings)
    about = {finding.rule: finding for finding in reversed(report.findings)}
    names = sorted({*counts, *report.fixed}, key=lambda name: (-counts[name], name))
    wide = max((len(str(counts[name])) for name in names), default=0)
    long = max(map(len, names), default=0)
    rows = []
    for name in names:
        finding = about.get(name)
        marks = Counter(mark(report, finding) for finding in report.findings if finding.rule == name)
        can = next((sign for sign in ("[*]", "[~]") if marks[sign]), "   ")
        fixed = f"{report.fixed[name]} fixed" if report.fixed.get(name) else ""
        tail = "  ".join(word for word in (finding.practice if finding else "", fixed) if word)
        style = LEVEL_STYLES[finding.level] if finding else DIM
        rows.append(f"{counts[name]:>{wide}}  {paint(style, f'{name:<{long}}')}  {paint(CYAN, can)}  {tail}".rstrip())
    return "".join(f"{row}\n" for row in rows)
