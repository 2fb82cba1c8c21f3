"""Findings and problems as the protocol's diagnostics."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from lsprotocol import types as lsp

from ..finding import Finding, Level, Problem
from ..ignore import RULE as UNUSED_SUPPRESSION
from .ask import Findings, RulePage
from .clients import Abilities
from .positions import Text

SOURCE = "smellcheck"
SEVERITIES: Mapping[Level, lsp.DiagnosticSeverity] = {
    "warning": lsp.DiagnosticSeverity.Warning,
    "info": lsp.DiagnosticSeverity.Information,
    "advice": lsp.DiagnosticSeverity.Hint,
}
#: The problems that are of the text itself; the others are told to the user aside.
OF_TEXT = ("syntax-error", "encoding-error", "skipped-cell")
_OF_SYNTAX = ("syntax-error", "skipped-cell")


def diagnostics(
    found: Findings, text: Text, pages: Mapping[str, RulePage], abilities: Abilities, *, syntax_errors: bool = True
) -> list[lsp.Diagnostic]:
    """The diagnostics of a text: its findings, or what keeps it from being read."""
    told = [
        _of_problem(problem, text)
        for problem in (*found.problems, *found.notes)
        if problem.kind in OF_TEXT and (syntax_errors or problem.kind not in _OF_SYNTAX)
    ]
    return told + [of_finding(finding, text, pages, abilities) for finding in found.findings]


def of_finding(finding: Finding, text: Text, pages: Mapping[str, RulePage], abilities: Abilities) -> lsp.Diagnostic:
    """One finding as a diagnostic."""
    page = pages.get(finding.rule)
    href = finding.url or (page.path.as_uri() if page is not None else None)
    unnecessary = finding.rule == UNUSED_SUPPRESSION and abilities.tags
    return lsp.Diagnostic(
        range=text.range(finding.start, finding.end),
        message=finding.message,
        severity=SEVERITIES[finding.level],
        code=finding.rule,
        code_description=lsp.CodeDescription(href) if href and abilities.code_descriptions else None,
        source=SOURCE,
        tags=[lsp.DiagnosticTag.Unnecessary] if unnecessary else None,
        data=_data(finding, text) if abilities.data else None,
    )


def result_id(items: Sequence[lsp.Diagnostic], converter: Any) -> str:
    """A name for these diagnostics: equal ones have the same, also after a restart."""
    plain = json.dumps(converter.unstructure(list(items)), sort_keys=True, default=str)
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _data(finding: Finding, text: Text) -> dict[str, Any]:
    fix = finding.fix
    data: dict[str, Any] = {"v": 1, "fingerprint": finding.fingerprint, "family": finding.family}
    if fix is not None:
        edits = [
            {
                "range": {
                    "start": {"line": edit.range.start.line, "character": edit.range.start.character},
                    "end": {"line": edit.range.end.line, "character": edit.range.end.character},
                },
                "newText": edit.new_text,
            }
            for edit in text.edits(fix.edits)
        ]
        data |= {"title": fix.title, "applicability": fix.safety, "edits": edits}
    return data


def _of_problem(problem: Problem, text: Text) -> lsp.Diagnostic:
    return lsp.Diagnostic(
        range=text.row((problem.line or 1) - 1),
        message=problem.message,
        # A cell that is left out keeps no other from being checked.
        severity=lsp.DiagnosticSeverity.Information if problem.kind == "skipped-cell" else lsp.DiagnosticSeverity.Error,
        code=problem.kind,
        source=SOURCE,
    )
