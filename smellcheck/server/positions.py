"""Offsets of a text in code points, and the lines and characters that an editor counts in its own units."""

from __future__ import annotations

import re
from bisect import bisect_right

from lsprotocol import types as lsp

from ..finding import TextEdit

#: What ends a line for the protocol and for Python; `str.splitlines` knows more, and would lose count.
_NEWLINE = re.compile(r"\r\n|\r|\n")


class Text:
    """One state of a document, in the position encoding that was agreed on; it is never changed."""

    def __init__(self, text: str, encoding: str = "utf-16") -> None:
        self.text = text
        self.encoding = encoding
        self._starts = [0, *(match.end() for match in _NEWLINE.finditer(text))]

    def offset(self, position: lsp.Position) -> int:
        """The offset of a position; one beyond the end of its line, or of the text, means that end."""
        if position.line >= len(self._starts):
            return len(self.text)
        start = self._starts[position.line]
        line = self._line(position.line)
        if self.encoding == "utf-32" or line.isascii():
            return start + min(position.character, len(line))
        units = 0
        for at, character in enumerate(line):
            units += _units(character, self.encoding)
            if units > position.character:
                return start + at
        return start + len(line)

    def position(self, offset: int) -> lsp.Position:
        """The position of an offset."""
        offset = max(0, min(offset, len(self.text)))
        row = bisect_right(self._starts, offset) - 1
        before = self.text[self._starts[row] : offset]
        if self.encoding == "utf-32" or before.isascii():
            return lsp.Position(row, len(before))
        return lsp.Position(row, sum(_units(character, self.encoding) for character in before))

    def range(self, start: int, end: int) -> lsp.Range:
        """The range between two offsets."""
        return lsp.Range(self.position(start), self.position(end))

    def row(self, line: int) -> lsp.Range:
        """What is written on a line, counted from 0."""
        line = max(0, min(line, len(self._starts) - 1))
        start, written = self._starts[line], self._line(line)
        return self.range(start + len(written) - len(written.lstrip()), start + len(written.rstrip()))

    def line_around(self, offset: int) -> tuple[str, int]:
        """The line that holds an offset, and how far into it the offset is."""
        row = bisect_right(self._starts, offset) - 1
        return self._line(row), offset - self._starts[row]

    def edits(self, edits: tuple[TextEdit, ...]) -> list[lsp.TextEdit]:
        """Edits in the terms of the protocol."""
        return [lsp.TextEdit(self.range(edit.start, edit.end), edit.text) for edit in edits]

    def changed(self, change: lsp.TextDocumentContentChangeEvent) -> Text:
        """The text after a change, which holds a range and its new text or a whole new text."""
        if isinstance(change, lsp.TextDocumentContentChangeWholeDocument):
            return Text(change.text, self.encoding)
        start, end = self.offset(change.range.start), self.offset(change.range.end)
        return Text(self.text[:start] + change.text + self.text[max(start, end) :], self.encoding)

    def _line(self, row: int) -> str:
        end = self._starts[row + 1] if row + 1 < len(self._starts) else len(self.text)
        return self.text[self._starts[row] : end].rstrip("\r\n")


def _units(character: str, encoding: str) -> int:
    if encoding == "utf-16":
        return 2 if character > "\uffff" else 1
    return len(character.encode("utf-8", "surrogatepass")) if encoding == "utf-8" else 1
