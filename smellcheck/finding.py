"""What a check leaves behind: findings, text edits and problems as plain data, with no syntax node in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["warning", "info", "advice"]
SafetyName = Literal["safe", "unsafe", "suggestion"]

#: Levels from the gravest to the mildest.
LEVELS: tuple[Level, ...] = ("warning", "info", "advice")


@dataclass(frozen=True, order=True)
class TextEdit:
    """Replace `text[start:end]` of the original by `text`; offsets in code points, end exclusive."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class TextFix:
    """One atomic rewrite: all of its edits are applied together or none is."""

    title: str
    safety: SafetyName
    edits: tuple[TextEdit, ...]


@dataclass(frozen=True)
class Range:
    """A span of the source; lines and columns from 1, columns in code points, end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Physical:
    """Where a finding in a notebook's cell, and each edit of its fix, stands in the file's own lines."""

    range: Range
    edits: tuple[tuple[Range, str], ...] = ()
    #: Of the line that it begins on, as GitHub follows it.
    line_hash: str = ""


@dataclass(frozen=True)
class Finding:
    """One smell at one place."""

    rule: str
    family: str
    practice: str
    level: Level
    message: str
    #: The mechanism of the waste, from the rule's page: one paragraph of plain prose.
    why: str
    range: Range
    #: Offsets of the range in the text of the module, or of the cell, in code points.
    start: int
    end: int
    #: The enclosing scope, e.g. `Trainer.validate`; empty at module level.
    scope: str = ""
    fix: TextFix | None = None
    #: What was measured for this rule, in words, when something was.
    evidence: dict[str, Any] | None = field(default=None, hash=False)
    #: Survives moves of the line; equal for equal code in the same scope of the same path only by ordinal.
    fingerprint: str = ""
    #: Relative POSIX path as reported; filled by the run.
    path: str = ""
    #: The number of a notebook's cell, from 1, cells of every kind counted; lines are those of the cell.
    cell: int | None = None
    physical: Physical | None = None
    url: str | None = None

    @property
    def place(self) -> str:
        """Where in its file it is, as people write it: `cell 3:7:1`."""
        cell = "" if self.cell is None else f"cell {self.cell}:"
        return f"{cell}{self.range.line}:{self.range.column}"


@dataclass(frozen=True)
class Problem:
    """Something that kept a file, or a part of it, from being checked or fixed.

    `kind` is one of `syntax-error`, `encoding-error`, `io-error`, `config-error`, `rule-error`, `fix-error`,
    `too-large`, `crash`, `timeout`, `unsupported`; or `skipped-cell`, which is no more than a note.
    """

    path: str
    kind: str
    message: str
    line: int | None = None
    #: Of a notebook; the line is that of the cell then.
    cell: int | None = None

    @property
    def place(self) -> str:
        """The path, and as much of the place in it as is known."""
        cell = "" if self.cell is None else f":cell {self.cell}"
        return f"{self.path}{cell}{'' if self.line is None else f':{self.line}'}"
