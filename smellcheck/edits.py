"""Edits of a text: which of them go together, how they are made, and whether what they leave is sound."""

from __future__ import annotations

import ast
import tokenize
import warnings
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Literal

from .comments import tokens
from .finding import TextEdit

Fault = Literal["does not parse", "lost a comment"]


def apply(text: str, edits: Iterable[TextEdit]) -> str:
    """The text after the edits, of which equal ones count once and those at one point keep their order.

    Raises `ValueError` when they overlap or lie outside of the text.
    """
    parts, at = [], 0
    for edit in sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end)):
        if not at <= edit.start <= edit.end <= len(text):
            raise ValueError(f"{edit} overlaps another edit or lies outside of the text")
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])


def common_start(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def common_end(one: str, other: str) -> int:
    """How many characters two texts end with alike."""
    return common_start(one[::-1], other[::-1])


def compatible(one: TextEdit, other: TextEdit) -> bool:
    """Whether edits of two fixes can both be made, and mean together what each means alone."""
    if one == other:
        return True
    first, second = sorted((one, other))
    # What is inserted where something else begins or ends may be meant for what stands there now.
    touching = first.end == second.start and (first.start == first.end or second.start == second.end)
    return first.end <= second.start and not touching


class Taken:
    """The edits of the fixes that were accepted so far."""

    def __init__(self) -> None:
        self._sorted: list[TextEdit] = []

    def accept(self, edits: tuple[TextEdit, ...]) -> bool:
        """Take all of a fix's edits when each goes with all that were taken; otherwise none."""
        if not all(compatible(edit, other) for edit in edits for other in self._around(edit)):
            return False
        for edit in edits:
            insort(self._sorted, edit)
        return True

    def _around(self, edit: TextEdit) -> list[TextEdit]:
        """The taken edits that overlap or touch this one; theirs never overlap each other."""
        low = high = bisect_left(self._sorted, edit.start, key=lambda taken: taken.start)
        while low and self._sorted[low - 1].end >= edit.start:
            low -= 1
        while high < len(self._sorted) and self._sorted[high].start <= edit.end:
            high += 1
        return self._sorted[low:high]


class Sound:
    """Judges what edits make of one text: it must parse as the text does, and keep every comment."""

    def __init__(self, text: str) -> None:
        self.text = text

    def fault(self, edits: Iterable[TextEdit], forgiven: Iterable[TextEdit] = ()) -> Fault | None:
        """What the edits break, if anything; what the `forgiven` ones among them remove is not missed."""
        new = apply(self.text, edits)
        if not self._parses(new):
            return "does not parse"
        forgiven = list(forgiven)
        before = comments(apply(self.text, forgiven)) if forgiven else self._comments
        return "lost a comment" if before - comments(new) else None

    @cached_property
    def _comments(self) -> Counter[str]:
        return comments(self.text)

    @cached_property
    def _parses(self) -> Callable[[str], bool]:
        """The strictest of the ways to parse that the text itself passes."""
        return next((parses for parses in (_compiles, _reads) if parses(self.text)), _reads_newer)


def comments(text: str) -> Counter[str]:
    """How often each comment stands in a text, wherever that is."""
    return Counter(token.string.rstrip() for token in tokens(text) if token.type == tokenize.COMMENT)


def _compiles(text: str) -> bool:
    """Sees more than a parser does: a keyword given twice, a `return` outside of a function."""
    return _accepts(lambda: compile(text, "<text>", "exec", dont_inherit=True))


def _reads(text: str) -> bool:
    return _accepts(lambda: ast.parse(text))


def _reads_newer(text: str) -> bool:
    """LibCST's grammar may be newer than that of the running Python."""
    import libcst

    try:
        libcst.parse_module(text)
    except libcst.ParserSyntaxError:
        return False
    return True


def _accepts(parse: Callable[[], object]) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parse()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
