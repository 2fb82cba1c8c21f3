"""The contract with programs: one JSON document, valid and empty when nothing was found."""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache
from typing import Any

from .. import __version__
from ..finding import LEVELS, Finding, Problem, TextFix
from . import Look, Report
from .lines import Lines

#: Raised when a program that reads the document would have to change; additions do not raise it.
SCHEMA_VERSION = 1
#: Findings come file by file, so that few texts are looked at side by side: the cells of a notebook.
_AT_ONCE = 64


def render(report: Report, look: Look) -> str:  # noqa: ARG001
    """The report as docs/schema/findings.schema.json describes it."""
    # ASCII only: correct whatever encoding the stream has.
    return json.dumps(document(report), indent=2) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The report as plain lists and dictionaries."""
    lines = lru_cache(maxsize=_AT_ONCE)(lambda place: Lines.of(report.texts[place]))
    levels = Counter(finding.level for finding in report.findings)
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "smellcheck", "version": __version__},
        "summary": {
            "files": report.files,
            "findings": len(report.findings),
            "levels": {level: levels[level] for level in LEVELS},
            "failing": report.failing,
            "fixable": sum(
                finding.fix is not None and report.applied_by_fix(finding.fix.safety) for finding in report.findings
            ),
            "fixed": sum(report.fixed.values()),
            "suppressed": report.suppressed,
            "errors": len(report.problems),
        },
        "findings": [_finding(finding, lines((finding.path, finding.cell))) for finding in report.findings],
        "errors": [_problem(problem) for problem in report.problems],
        "notes": [_problem(note) for note in report.notes],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "path": problem.path,
        "kind": problem.kind,
        "message": problem.message,
        "cell": problem.cell,
        "line": problem.line,
    }


def _finding(finding: Finding, lines: Lines) -> dict[str, Any]:
    span = finding.range
    return {
        "rule": finding.rule,
        "family": finding.family,
        "practice": finding.practice,
        "level": finding.level,
        "message": finding.message,
        "why": finding.why,
        "url": finding.url,
        "path": finding.path,
        "cell": finding.cell,
        "range": _range((span.line, span.column), (span.end_line, span.end_column)),
        "fingerprint": finding.fingerprint,
        "evidence": finding.evidence,
        "fix": None if finding.fix is None else _fix(finding.fix, lines),
    }


def _fix(fix: TextFix, lines: Lines) -> dict[str, Any]:
    return {
        "safety": fix.safety,
        "title": fix.title,
        "edits": [
            {"range": _range(lines.place(edit.start), lines.place(edit.end)), "replacement": edit.text}
            for edit in fix.edits
        ],
    }


def _range(start: tuple[int, int], end: tuple[int, int]) -> dict[str, Any]:
    return {"start": {"line": start[0], "column": start[1]}, "end": {"line": end[0], "column": end[1]}}
