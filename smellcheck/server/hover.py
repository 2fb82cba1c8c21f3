"""What a hover says: the page of the rule that found something here, or that a comment names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ..finding import Finding
from .ask import RulePage

_SUPPRESSION = re.compile(r"#\s*smellcheck:\s*(?:file-)?ignore\s*\[([^\]#]*)")
_NAME = re.compile(r"[^\s,]+")
_FENCE = re.compile(r"^```python(?: \w+)?\n.*?^```$", re.M | re.S)
_ROLE = re.compile(r"^```python \w+$", re.M)


def of_findings(findings: Sequence[Finding], pages: Mapping[str, RulePage]) -> str | None:
    """The pages of some findings, each with what was found and what was measured."""
    parts = [part for finding in findings for part in _about(finding, pages)]
    return "\n\n".join(parts) or None


def of_comment(line: str, column: int, pages: Mapping[str, RulePage]) -> str | None:
    """The page of the rule that a suppression names at a column of its line."""
    for comment in _SUPPRESSION.finditer(line):
        for name in _NAME.finditer(line, comment.start(1), comment.end(1)):
            if name.start() <= column <= name.end() and name[0] in pages:
                return page(pages[name[0]])
    return None


def page(rule: RulePage) -> str:
    """A rule's page up to its first case, with a link to the whole of it."""
    text = rule.text
    first = _FENCE.search(text)
    if first is not None:
        # A case, what the fix makes of it, and no more: the others are there to be run.
        rest = text.find("\n#", first.end())
        text = text[: rest if rest >= 0 else len(text)]
    text = _ROLE.sub("```python", text).strip()
    facts = f"*{rule.family} · {rule.practice} · {rule.level}*"
    return f"{text}\n\n---\n{facts} · [{rule.name}]({rule.path.as_uri()})"


def _about(finding: Finding, pages: Mapping[str, RulePage]) -> Iterator[str]:
    yield f"**{finding.rule}**: {finding.message}"
    if finding.evidence:
        yield _measured(finding)
    if finding.rule in pages:
        yield page(pages[finding.rule])
    elif finding.why:
        yield finding.why


def _measured(finding: Finding) -> str:
    """What was measured, in the words that the evidence itself uses."""
    evidence = finding.evidence or {}
    words = evidence.get("words") or evidence.get("summary")
    return str(words) if words else "\n".join(f"- {name}: {value}" for name, value in evidence.items())
