"""Parses a text that was parsed before by its changed statements alone, where the tree is provably the same."""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

from .edits import common_end, common_start
from .facts.construction import parse
from .facts.reader import Reader
from .facts.tree import descend

_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class _Tree:
    """A parsed text, and where its statements begin: at a first column, comments above them left out."""

    text: str
    module: cst.Module
    starts: tuple[int, ...]


class Reparser(Reader):
    """Remembers the last text of one document and its tree; it reads as a `Reader` does, and faster.

    A statement at module level ends where the next one begins: whatever stands before the first changed line, and
    is followed by a statement whose first line is unchanged, is parsed as it was; so is whatever stands behind the
    last changed line and begins a statement. Comments and blank lines between two statements belong to one or the
    other by their column, so the stretch that is parsed anew reaches from one such beginning to another.

    The nodes of a statement that was kept are spelled as before, and stand where they did from its beginning on.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: _Tree | None = None
        #: How much of the last text was parsed.
        self.parsed = 0

    def parse(self, text: str) -> cst.Module:
        """The tree of a text.

        Raises `libcst.ParserSyntaxError`.
        """
        last = self._last
        if last is not None and last.text == text:
            self.parsed = 0
            return last.module
        tree = _spliced(last, text) if last is not None and _regular(text) else None
        if tree is not None and last is not None:
            self._forget(last.module, tree[0].module)
            self._last, self.parsed = tree
            return self._last.module
        module = parse(text)
        self.texts.clear()
        starts = _starts(text, module.body) if _regular(text) else None
        # A tree whose statements cannot be told apart is of no use next time, nor is the one before.
        self._last = _Tree(text, module, starts) if starts is not None else None
        self.parsed = len(text)
        return module

    def _forget(self, old: cst.Module, new: cst.Module) -> None:
        kept = set(new.body)
        for statement in old.body:
            if statement not in kept:
                for node in descend(statement):
                    self.texts.pop(node, None)


def _regular(text: str) -> bool:
    """Whether all lines end alike; a tree spells the newlines that differ from the first."""
    carriages = text.count("\r")
    return (not carriages or carriages == text.count("\n") == text.count("\r\n")) and not text.startswith("\ufeff")


def _spliced(last: _Tree, text: str) -> tuple[_Tree, int] | None:
    """The tree of a text made of that of another, and how much was parsed for it; None when that is not sure."""
    old, starts, delta = last.text, last.starts, len(text) - len(last.text)
    same = common_start(old, text)
    tail = common_end(old[same:], text[same:])
    first = bisect_right(starts, same) - 1
    # The statement before decides what becomes of a first line that changed: an `else` is its own.
    if first >= 0 and not 0 < old.find("\n", starts[first]) + 1 <= same:
        first -= 1
    # The newline before the statement must be one that was there.
    following = bisect_left(starts, len(old) - tail + 1)
    if first < 0 and following == len(starts):
        return None
    begin = starts[first] if first >= 0 else 0
    stop = starts[following] + delta if following < len(starts) else len(text)
    piece = text[begin:stop]
    if _first_newline(old) != _first_newline(text) or piece.endswith(("\\\n", "\\\r\n")):
        return None
    parsed = _parsed(piece, closed=following == len(starts))
    if parsed is None:
        return None
    between = last.module.body[max(first, 0) : following]
    if not _same_indent(parsed.module, last.module, between):
        return None
    module = _joined(last.module, parsed.module, first, following)
    inner = parsed.starts if following == len(starts) else parsed.starts[:-1]
    moved = (start + delta for start in starts[following:])
    return _Tree(text, module, (*starts[: max(first, 0)], *(start + begin for start in inner), *moved)), len(piece)


def _parsed(piece: str, *, closed: bool) -> _Tree | None:
    """A stretch of whole statements as a tree; unless it is the last, a `pass` stands for what follows."""
    text = piece if closed else f"{piece}pass{_first_newline(piece)}"
    try:
        module = parse(text)
    except cst.ParserSyntaxError:
        return None
    starts = _starts(text, module.body)
    if starts is None or (not closed and (not starts or starts[-1] != len(piece))):
        return None
    return _Tree(text, module, starts)


def _joined(old: cst.Module, new: cst.Module, first: int, following: int) -> cst.Module:
    """The old tree with the statements from `first` up to `following` replaced by those of the new one."""
    body, rest = list(new.body), list(old.body[following:])
    footer, ends = new.footer, new.has_trailing_newline
    if rest:
        rest[0] = rest[0].with_changes(leading_lines=_above(body.pop()))
        footer, ends = old.footer, old.has_trailing_newline
    header = new.header
    if first >= 0:
        header = old.header
        body[0] = body[0].with_changes(leading_lines=_above(old.body[first]))
    kept = old.body[: max(first, 0)]
    return old.with_changes(header=header, body=[*kept, *body, *rest], footer=footer, has_trailing_newline=ends)


def _above(statement: cst.CSTNode) -> Sequence[cst.EmptyLine]:
    lines: Sequence[cst.EmptyLine] = getattr(statement, "leading_lines", ())
    return lines


def _same_indent(new: cst.Module, old: cst.Module, replaced: Sequence[cst.CSTNode]) -> bool:
    """Whether blocks without an indent of their own mean the same one in both trees: that of the first block."""
    if _has_block(new.body):
        return new.default_indent == old.default_indent
    return not _has_block(replaced)


def _has_block(statements: Sequence[cst.CSTNode]) -> bool:
    """Whether a block stands on lines of its own: only compound statements hold one."""
    pending = list(statements)
    while pending:
        node = pending.pop()
        if isinstance(node, cst.IndentedBlock | cst.Match):
            return True
        if isinstance(node, cst.BaseCompoundStatement | cst.Else | cst.ExceptHandler | cst.Finally):
            pending += [child for child in node.children if not isinstance(child, cst.BaseExpression)]
    return False


def _starts(text: str, body: Sequence[cst.CSTNode]) -> tuple[int, ...] | None:
    """Where the statements of a tree begin, as CPython's parser sees it; None when the two differ."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = (0, *(match.end() for match in _NEWLINE.finditer(text)))
    starts: list[int] = []
    for statement in statements:
        decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
        start = lines[(decorators[0] if decorators else statement).lineno - 1]
        if decorators and text[start] != "@":
            return None
        # What stands behind a semicolon is of one statement with what stands before.
        if statement.col_offset == 0 and (not starts or start > starts[-1]):
            starts.append(start)
    return tuple(starts) if len(starts) == len(body) else None


def _first_newline(text: str) -> str:
    at = text.find("\n")
    return "\n" if at < 1 or text[at - 1] != "\r" else "\r\n"
