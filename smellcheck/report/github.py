"""Workflow commands that GitHub shows as annotations beside the code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..finding import Finding, Problem
from . import Look, Report
from .terminal import clean

#: GitHub shows so many annotations of a kind for one step and drops the others without a word.
SHOWN = 10


def render(report: Report, look: Look) -> str:  # noqa: ARG001
    """Errors first, then warnings, then notices, so that the cut takes what matters least."""
    return "".join(f"{line}\n" for line in _commands(report))


def _commands(report: Report) -> Iterator[str]:
    yield from map(_error, report.problems)
    yield from (_annotation(finding) for finding in report.findings if finding.level == "warning")
    milder = [finding for finding in report.findings if finding.level != "warning"]
    kinds = {
        "error": len(report.problems),
        "warning": len(report.findings) - len(milder),
        "notice": len(milder),
    }
    hidden = Counter({kind: count - SHOWN for kind, count in kinds.items() if count > SHOWN})
    if hidden:
        listed = ", ".join(f"{count} of the {kind}s" for kind, count in hidden.items())
        yield _command(
            "notice",
            {"title": "smellcheck"},
            f"GitHub shows {SHOWN} annotations of a kind a step and leaves out {listed}; the log has all.",
        )
    yield from map(_annotation, milder)


def _error(problem: Problem) -> str:
    place = {"title": f"smellcheck ({problem.kind})", "file": problem.path}
    if problem.cell is not None:
        return _command("error", place, f"{problem.place.removeprefix(f'{problem.path}:')}: {problem.message}")
    if problem.line is not None:
        place["line"] = str(problem.line)
    return _command("error", place, problem.message)


def _annotation(finding: Finding) -> str:
    # A notebook is shown as its JSON.
    span = finding.physical.range if finding.physical else finding.range
    place = {
        "title": f"smellcheck ({finding.rule})",
        "file": finding.path,
        "line": str(span.line),
        "endLine": str(span.end_line),
    }
    # GitHub takes columns for a span within one line only.
    if span.line == span.end_line:
        place |= {"col": str(span.column), "endColumn": str(span.end_column)}
    told = finding.message if finding.cell is None else f"{finding.place}: {finding.message}"
    parts = [told, finding.why]
    words = (finding.evidence or {}).get("words")
    if isinstance(words, str):
        parts.append(f"evidence: {words}")
    if finding.fix is not None:
        parts.append(f"fix ({finding.fix.safety}): {finding.fix.title}")
    kind = "warning" if finding.level == "warning" else "notice"
    return _command(kind, place, "\n\n".join(part for part in parts if part))


def _command(kind: str, properties: dict[str, str], message: str) -> str:
    told = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in properties.items())
    return f"::{kind} {told}::{_escaped(message)}"


def _escaped(text: str, also: str = "") -> str:
    lines = "\n".join(clean(line) for line in text.split("\n"))
    return "".join(f"%{ord(char):02X}" if char in "%\n" or char in also else char for char in lines)
