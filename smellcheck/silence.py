"""Where a suppression is to be written so that it silences a finding: on its line, or for its whole file."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator

from .cells import MASK
from .comments import Lines, tokens
from .edits import apply
from .finding import Finding, TextEdit, TextFix
from .ignore import RULE, Suppression, Suppressions

#: A first line that is not Python's, and the declaration of an encoding, must stay where they are.
_HEAD = re.compile(rf"#!|#.*?coding[:=]|{MASK}")


class Silencer:
    """Writes suppressions into one text."""

    def __init__(self, text: str) -> None:
        self._lines = Lines.read(text)
        self._code = _code(text)
        self._present = Suppressions.read(text).comments

    def on_line(self, finding: Finding) -> TextFix | None:
        """A comment on the finding's line, or where its statement ends when that line can hold none."""
        place = finding.range
        ends = [last for first, last in self._lines.statements if first <= place.line <= last]
        title = f"Ignore {finding.rule} on this line"
        return self._first(finding, title, [self._trailing(line, finding.rule) for line in (place.line, *ends)])

    def in_file(self, finding: Finding) -> TextFix | None:
        """A comment at the top of the file."""
        return self._first(finding, f"Ignore {finding.rule} in this file", list(self._leading(finding.rule)))

    def _first(self, finding: Finding, title: str, edits: list[TextEdit]) -> TextFix | None:
        """The first edit that silences the finding and changes no code."""
        if finding.rule == RULE:
            return None
        for edit in edits:
            new = apply(self._lines.text, [edit])
            if _code(new) == self._code and self._silences(new, edit, finding):
                return TextFix(title, "safe", (edit,))
        return None

    def _silences(self, new: str, edit: TextEdit, finding: Finding) -> bool:
        from dataclasses import replace

        place, moved = finding.range, edit.text.count("\n")
        if moved:
            place = replace(place, line=place.line + moved, end_line=place.end_line + moved)
        return not Suppressions.read(new).apply([replace(finding, range=place)], {}).kept

    def _trailing(self, line: int, rule: str) -> TextEdit:
        for comment in self._present:
            if comment.verb == "ignore" and comment.line == line:
                return _joined(comment, rule)
        text, starts = self._lines.text, self._lines.starts
        end = starts[line] if line < len(starts) else len(text)
        start = starts[line - 1]
        at = start + len(text[start:end].rstrip())
        return TextEdit(at, at, f"  # smellcheck: ignore[{rule}]")

    def _leading(self, rule: str) -> Iterator[TextEdit]:
        yield from (_joined(comment, rule) for comment in self._present if comment.verb == "file-ignore")
        text, starts = self._lines.text, self._lines.starts
        row = 0
        while row < min(2, len(starts) - 1) and _HEAD.match(text[starts[row] : starts[row + 1]]):
            row += 1
        newline = "\r\n" if text[: starts[1] if len(starts) > 1 else 0].endswith("\r\n") else "\n"
        yield TextEdit(starts[row], starts[row], f"# smellcheck: file-ignore[{rule}]{newline}")


def _joined(comment: Suppression, rule: str) -> TextEdit:
    end = comment.selectors[-1].end
    return TextEdit(end, end, f", {rule}")


def _code(text: str) -> list[str]:
    """The tokens of a text that are no comments and no empty lines."""
    trivia = (tokenize.COMMENT, tokenize.NL)
    return [token.string for token in tokens(text) if token.type not in trivia]
