"""SARIF 2.1.0, for code scanning and whatever else reads it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from .. import __version__
from ..finding import Finding, Level, Problem, Range, TextFix
from ..linehash import LineHashes
from . import Card, Look, Report
from .lines import Lines

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: dict[Level, str] = {"warning": "warning", "info": "note", "advice": "note"}
_SEVERITIES: dict[Level, str] = {"warning": "warning", "info": "recommendation", "advice": "recommendation"}
_PRECISIONS: dict[Level, str] = {"warning": "high", "info": "medium", "advice": "low"}
#: GitHub's limit on descriptions.
_MOST = 1024


def render(report: Report, look: Look) -> str:  # noqa: ARG001
    """One run; all selected rules are listed, so that the list does not change with the findings."""
    # ASCII only: correct whatever encoding the stream has.
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report)]}, indent=2) + "\n"


def _run(report: Report) -> dict[str, Any]:
    cards = _cards(report)
    places = {card.name: index for index, card in enumerate(cards)}
    run = {
        "tool": {
            "driver": {
                "name": "smellcheck",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(card) for card in cards],
            }
        },
        "automationDetails": {"id": "smellcheck/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not report.problems,
                "toolExecutionNotifications": [
                    *(_notification(problem, "error") for problem in report.problems),
                    *(_notification(note, "note") for note in report.notes),
                ],
            }
        ],
        "results": [_result(finding, report, places[finding.rule]) for finding in report.findings],
    }
    if report.root:
        run["originalUriBaseIds"] = {"SRCROOT": {"uri": report.root}}
    return run


def _cards(report: Report) -> list[Card]:
    """The selected rules, and those that the engine itself speaks as."""
    cards = {card.name: card for card in report.cards}
    for finding in report.findings:
        told = Card(finding.rule, finding.family, finding.practice, finding.level, finding.why or finding.message)
        cards.setdefault(finding.rule, told)
    return [cards[name] for name in sorted(cards)]


def _rule(card: Card) -> dict[str, Any]:
    summary = (card.summary or card.name)[:_MOST]
    return {
        "id": card.name,
        "name": card.name,
        "shortDescription": {"text": summary},
        "fullDescription": {"text": summary},
        "help": {"text": card.page or summary, "markdown": card.page or summary},
        "defaultConfiguration": {"level": _LEVELS[card.level]},
        "properties": {
            "tags": ["energy", *(tag for tag in (card.family, card.practice) if tag)],
            "precision": _PRECISIONS[card.level],
            "problem.severity": _SEVERITIES[card.level],
        },
    }


@lru_cache(maxsize=4)
def _hashes(text: str) -> LineHashes:
    return LineHashes(text)


def _result(finding: Finding, report: Report, index: int) -> dict[str, Any]:
    text = report.texts.get((finding.path, finding.cell), "")
    prints = {"smellcheck/v1": finding.fingerprint} if finding.fingerprint else {}
    span = finding.physical.range if finding.physical else finding.range
    if finding.physical:
        prints["primaryLocationLineHash"] = finding.physical.line_hash
    elif text and span.line <= len(_hashes(text)):
        prints["primaryLocationLineHash"] = _hashes(text).of(span.line)
    said = ". ".join(part.rstrip(".") for part in (finding.message, finding.why) if part) + "."
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.level],
        "message": {"text": said},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _artifact(finding.path),
                    "region": _span(span),
                }
            }
        ],
        "partialFingerprints": prints,
    }
    if finding.fix is not None and text:
        result["fixes"] = [_fix(finding.fix, finding, Lines.of(text))]
    if finding.cell is not None:
        place = {"name": f"cell {finding.cell}", "kind": "module", "fullyQualifiedName": finding.place}
        result["locations"][0]["logicalLocations"] = [place]
    if finding.evidence is not None:
        result["properties"] = {"evidence": finding.evidence}
    return result


def _fix(fix: TextFix, finding: Finding, lines: Lines) -> dict[str, Any]:
    if finding.physical is not None:
        made = [(_span(span), text) for span, text in finding.physical.edits]
    else:
        made = [(_region(lines.place(edit.start), lines.place(edit.end)), edit.text) for edit in fix.edits]
    replacements = [{"deletedRegion": region, "insertedContent": {"text": text}} for region, text in made]
    return {
        "description": {"text": fix.title},
        "artifactChanges": [{"artifactLocation": _artifact(finding.path), "replacements": replacements}],
        "properties": {"safety": fix.safety},
    }


def _span(span: Range) -> dict[str, int]:
    return _region((span.line, span.column), (span.end_line, span.end_column))


def _region(start: tuple[int, int], end: tuple[int, int]) -> dict[str, int]:
    return {"startLine": start[0], "startColumn": start[1], "endLine": end[0], "endColumn": end[1]}


def _artifact(path: str) -> dict[str, str]:
    if path.startswith("/") or path[1:3] == ":/":
        return {"uri": f"file://{'' if path.startswith('/') else '/'}{quote(path)}"}
    return {"uri": quote(path), "uriBaseId": "SRCROOT"}


def _notification(problem: Problem, level: str) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": _artifact(problem.path)}
    where = ""
    if problem.cell:
        # A line of a cell is none of the file.
        where = f"cell {problem.cell}: " if problem.line is None else f"cell {problem.cell}:{problem.line}: "
    elif problem.line is not None:
        place["region"] = {"startLine": problem.line}
    return {
        "level": level,
        "message": {"text": where + problem.message},
        "descriptor": {"id": problem.kind},
        "locations": [{"physicalLocation": place}],
    }
