"""Findings in the forms that people and programs read; each takes one `Report` and imports no parser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..finding import Finding, Level, Problem, SafetyName


@dataclass(frozen=True)
class Card:
    """What a report may say of a rule, whether it fired or not."""

    name: str
    family: str
    practice: str
    level: Level
    summary: str
    #: The whole page, as Markdown.
    page: str = ""


#: The path of a file, and of a notebook the number of a cell.
Place = tuple[str, int | None]


@dataclass(frozen=True)
class Report:
    """The outcome of a run, in order of path, line, column and rule."""

    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    #: What was left out though nothing is wrong.
    notes: tuple[Problem, ...] = ()
    #: How many files were looked at.
    files: int = 0
    #: How many smells were fixed, by rule.
    fixed: Mapping[str, int] = field(default_factory=dict)
    suppressed: int = 0
    #: How many of the findings fail the run.
    failing: int = 0
    #: The texts that the findings' offsets point into.
    texts: Mapping[Place, str] = field(default_factory=dict)
    #: Texts before and after fixing.
    changes: Mapping[Place, tuple[str, str]] = field(default_factory=dict)
    #: Whether unsafe fixes count among those that `--fix` applies.
    unsafe: bool = False
    cards: tuple[Card, ...] = ()
    #: The directory that paths are relative to, as a URI.
    root: str = ""
    #: Preview rules that were named while preview is off.
    withheld: tuple[str, ...] = ()

    def applied_by_fix(self, safety: SafetyName) -> bool:
        """Would `--fix`, as this run was called, apply such a fix?"""
        return safety == "safe" or (safety == "unsafe" and self.unsafe)


@dataclass(frozen=True)
class Look:
    """How a terminal wants its text."""

    color: bool = False
    width: int = 100
    #: Whether the stream can show more than ASCII.
    unicode: bool = True


def render(form: str, report: Report, look: Look) -> str:
    """The report in one of the formats, with a final newline unless it is empty."""
    match form:
        case "json":
            from .json import render as told
        case "sarif":
            from .sarif import render as told
        case "github":
            from .github import render as told
        case "concise":
            from .concise import render as told
        case _:
            from .text import render as told
    return told(report, look)
