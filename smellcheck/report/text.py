"""Findings for a person: the code underlined, why it wastes, what was measured, the fix as a small diff."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby

from ..finding import Finding, TextFix
from . import Look, Report
from .lines import Hunk, Lines, hunks
from .terminal import BOLD, CYAN, DIM, GREEN, LEVEL_STYLES, RED, Paint, cells, clean

#: A smell or a fix that is longer is shown by its beginning and its end.
MOST_LINES = 6
MOST_DIFF = 24


def render(report: Report, look: Look) -> str:
    """All findings, file by file; the mechanism of a rule's waste is told once."""
    paint = Paint(look.color)
    told: set[tuple[str, str]] = set()
    out = []
    for path, group in groupby(report.findings, key=lambda finding: finding.path):
        findings = list(group)
        texts: dict[int | None, Lines] = {}
        out.append(paint(DIM, _header(path, len(findings), look)))
        for finding in findings:
            lines = texts.setdefault(finding.cell, Lines.of(report.texts.get((path, finding.cell), "")))
            out += ["", *_finding(finding, lines, look, told)]
        out.append("")
    return "".join(f"{line}\n" for line in out)


def _header(path: str, count: int, look: Look) -> str:
    dash, dot = ("─", "·") if look.unicode else ("-", "-")
    title = f"{dash * 2} {clean(path)} {dot} {count} smell{'' if count == 1 else 's'} "
    return title + dash * max(2, look.width - cells(title))


def _finding(finding: Finding, lines: Lines, look: Look, told: set[tuple[str, str]]) -> Iterator[str]:
    paint = Paint(look.color)
    place = paint(BOLD, f"{clean(finding.path)}:{finding.place}")
    kind = paint(LEVEL_STYLES[finding.level], f"{finding.level}[{finding.rule}]")
    yield f"{place} {kind} {clean(finding.message)}"
    if lines.text:
        yield from _code(finding, lines, look)
    if finding.why:
        repeated = (finding.rule, finding.why) in told
        told.add((finding.rule, finding.why))
        yield from _prose("why", "as above" if repeated else finding.why, look)
    words = (finding.evidence or {}).get("words")
    if isinstance(words, str) and words:
        yield from _prose("evidence", words, look)
    if finding.fix is not None:
        yield from _fix(finding.fix, lines, look)


def _prose(label: str, text: str, look: Look) -> list[str]:
    paint = Paint(look.color)
    body = textwrap.wrap(
        clean(" ".join(text.split())),
        width=max(look.width - 2, 40),
        initial_indent=" " * (len(label) + 2),
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    first = body[0].lstrip() if body else ""
    return [f"  {paint(BOLD, f'{label}:')} {first}", *(f"  {line}" for line in body[1:])]


def _code(finding: Finding, lines: Lines, look: Look) -> Iterator[str]:
    paint = Paint(look.color)
    span = finding.range
    last = min(max(span.end_line, span.line), len(lines.starts))
    if last > span.line and span.end_column == 1:
        last -= 1
    numbers: list[int | None] = list(range(span.line, last + 1))
    if len(numbers) > MOST_LINES:
        numbers = [*numbers[: MOST_LINES - 2], None, numbers[-1]]
    wide, empty = len(str(last)), ""
    bar, dots = ("│", "…") if look.unicode else ("|", "...")
    for number in numbers:
        if number is None:
            yield paint(DIM, f"  {dots:>{wide}} {bar}")
            continue
        line = lines.line(number)
        indent = len(line) - len(line.lstrip())
        start = span.column - 1 if number == span.line else indent
        end = span.end_column - 1 if number == span.end_line else len(line.rstrip())
        before, smelly, after = _fit(line, start, max(end, start), look.width - wide - 5)
        yield f"  {paint(DIM, f'{number:>{wide}} {bar}')} {before}{paint(BOLD, smelly)}{after}".rstrip()
        marker = paint(LEVEL_STYLES[finding.level], "^" * max(1, cells(smelly)))
        yield f"  {paint(DIM, f'{empty:>{wide}} {bar}')} {' ' * cells(before)}{marker}"


def _fit(line: str, start: int, end: int, width: int) -> tuple[str, str, str]:
    """The three parts of a line, cut so that the smelly one is seen."""
    before, smelly, after = clean(line[:start]), clean(line[start:end]), clean(line[end:])
    if cells(before + smelly + after) <= width:
        return before, smelly, after
    if cells(smelly) > width * 2 // 3:
        smelly = smelly[: width * 2 // 3] + "..."
    if cells(before) > width // 4:
        before = "..." + before[len(before) - width // 4 :]
    room = max(width - cells(before + smelly), 0)
    return before, smelly, after if cells(after) <= room else after[: max(room - 3, 0)] + "..."


def _fix(fix: TextFix, lines: Lines, look: Look) -> Iterator[str]:
    paint = Paint(look.color)
    label = "suggestion:" if fix.safety == "suggestion" else f"fix ({fix.safety}):"
    yield f"  {paint(BOLD, label)} {clean(fix.title)}"
    if lines.text:
        yield from _short(list(_diff(hunks(lines, fix.edits), look)), look)


def _diff(changes: Iterable[Hunk], look: Look) -> Iterator[str]:
    paint = Paint(look.color)
    changes = list(changes)
    wide = len(str(max((hunk.line + len(hunk.removed) for hunk in changes), default=1)))
    bar = "│" if look.unicode else "|"
    for hunk in changes:
        for number, sign, style, group in (
            (hunk.line - len(hunk.before), " ", DIM, hunk.before),
            (hunk.line, "-", RED, hunk.removed),
            (None, "+", GREEN, hunk.added),
            (hunk.line, " ", DIM, hunk.after),
        ):
            for at, line in enumerate(group):
                shown = "" if number is None else str(number + at)
                seen = _seen(hunk, at) if sign != " " else 0
                before, _, after = _fit(line, seen, seen, look.width - wide - 7)
                changed = paint(style, f"{sign} {before}{after}".rstrip())
                yield f"  {paint(DIM, f'{shown:>{wide}} {bar}')} {changed}"


def _seen(hunk: Hunk, at: int) -> int:
    """Where a changed line first differs from its counterpart: a long line is cut around that."""
    if at >= min(len(hunk.removed), len(hunk.added)):
        return 0
    pairs = zip(hunk.removed[at], hunk.added[at], strict=False)
    return next((column for column, (old, new) in enumerate(pairs) if old != new), 0)


def _short(rows: list[str], look: Look) -> list[str]:
    if len(rows) <= MOST_DIFF:
        return rows
    left_out = len(rows) - MOST_DIFF
    note = f"    ... {left_out} more lines: see them with `--diff`"
    return [*rows[:MOST_DIFF], Paint(look.color)(CYAN, note)]
