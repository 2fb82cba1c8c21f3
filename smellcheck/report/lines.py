"""The lines of a text as Python counts them, and the way from an offset to a line and a column."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from ..finding import TextEdit

#: Not `str.splitlines`, which also breaks at form feeds and U+2028.
_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Lines:
    """A text cut into lines; `starts` holds the offset of each line's first character."""

    text: str
    starts: Sequence[int]

    @classmethod
    def of(cls, text: str) -> Lines:
        """Cut a text."""
        return cls(text, (0, *(found.end() for found in _BREAK.finditer(text))))

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """A line by its number from 1, without its break."""
        return self.block(number, number).rstrip("\r\n")

    def block(self, first: int, last: int) -> str:
        """The text from one line to another, both included, breaks kept."""
        end = self.starts[last] if last < len(self.starts) else len(self.text)
        return self.text[self.starts[first - 1] : end]


@dataclass(frozen=True)
class Hunk:
    """Lines that a fix removes and puts in their place, from a line of the old text on."""

    line: int
    #: The line above, unless it is blank.
    before: tuple[str, ...]
    removed: tuple[str, ...]
    added: tuple[str, ...]
    #: The line below, where nothing is removed, unless it is blank.
    after: tuple[str, ...]


def hunks(lines: Lines, edits: Sequence[TextEdit]) -> list[Hunk]:
    """The edits of one fix as whole lines."""
    groups: list[tuple[int, int, list[TextEdit]]] = []
    for edit in sorted(edits):
        first, column = lines.place(edit.start)
        last, end_column = lines.place(edit.end)
        if end_column == 1 and last > first and column == 1 and (not edit.text or edit.text[-1] in "\r\n"):
            last -= 1
        if groups and first <= groups[-1][1] + 1:
            start, end, together = groups[-1]
            groups[-1] = (start, max(end, last), [*together, edit])
        else:
            groups.append((first, last, [edit]))
    return [_hunk(lines, *group) for group in groups]


def _hunk(lines: Lines, first: int, last: int, edits: Sequence[TextEdit]) -> Hunk:
    old = lines.block(first, last)
    start = lines.starts[first - 1]
    new, at = "", 0
    for edit in edits:
        new += old[at : edit.start - start] + edit.text
        at = edit.end - start
    new += old[at:]
    removed, added = _split(old), _split(new)
    while removed and added and removed[-1] == added[-1]:
        del removed[-1], added[-1]
    same = 0
    while same < min(len(removed), len(added)) and removed[same] == added[same]:
        same += 1
    above = removed[same - 1 : same] if same else ([lines.line(first - 1)] if first > 1 else [])
    line = first + same
    below = [lines.line(line)] if same == len(removed) and line <= len(lines.starts) else []
    context = [tuple(text for text in group if text.strip()) for group in (above, below)]
    return Hunk(line, context[0], tuple(removed[same:]), tuple(added[same:]), context[1])


def _split(text: str) -> list[str]:
    pieces = _BREAK.split(text)
    return pieces if pieces[-1] else pieces[:-1]
