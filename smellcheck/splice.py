"""Changes the source of cells within a notebook's JSON: what is not changed keeps its bytes, the rest its style."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from json.decoder import scanstring  # type: ignore[attr-defined]

from .finding import TextEdit

_SPACE = re.compile(r"[ \t\r\n]*")
#: What spells one character between the quotes of a JSON string.
_UNIT = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|.", re.DOTALL)
_BREAK = ("\\n", "\\u000a", "\\u000A", "\n")
_ESCAPED = re.compile(r"\\u(?!00[0-7])", re.IGNORECASE)
#: Pairs of characters that a comparison of two texts may look at.
_FINE = 1_000_000
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Piece:
    """One JSON string, quotes included, and where its text begins in the text of its cell."""

    start: int
    end: int
    text: str
    offset: int


@dataclass(frozen=True)
class Written:
    """The source of one cell as the JSON has it: one string, or a list of them."""

    raw: str
    start: int
    end: int
    pieces: tuple[Piece, ...]
    listed: bool

    @cached_property
    def text(self) -> str:
        """The source itself."""
        return "".join(piece.text for piece in self.pieces)


def sources(raw: str) -> list[Written | None]:
    """The source of each cell of valid JSON that is a notebook, in order; `None` where it is no text."""
    at = _member(raw, _start(raw, 0), "cells")
    found: list[Written | None] = []
    for start, _ in _elements(raw, at if at is not None else len(raw)):
        source = _member(raw, start, "source") if raw[start] == "{" else None
        found.append(None if source is None else _written(raw, source))
    return found


def _start(raw: str, at: int) -> int:
    match = _SPACE.match(raw, at)
    return match.end() if match else at


def _value_end(raw: str, at: int) -> int:
    return scanstring(raw, at + 1)[1] if raw[at] == '"' else _DECODER.raw_decode(raw, at)[1]


def _member(raw: str, at: int, wanted: str) -> int | None:
    """Where the value of a key begins in an object; of keys that are equal, the last counts."""
    found = None
    at = _start(raw, at + 1)
    while raw[at] == '"':
        key, at = scanstring(raw, at + 1)
        value = _start(raw, _start(raw, at) + 1)
        found = value if key == wanted else found
        at = _start(raw, _value_end(raw, value))
        if raw[at] == ",":
            at = _start(raw, at + 1)
    return found


def _elements(raw: str, at: int) -> Iterator[tuple[int, int]]:
    if raw[at : at + 1] != "[":
        return
    at = _start(raw, at + 1)
    while raw[at] != "]":
        end = _value_end(raw, at)
        yield at, end
        at = _start(raw, end)
        if raw[at] == ",":
            at = _start(raw, at + 1)


def _written(raw: str, at: int) -> Written | None:
    spans = [(at, _value_end(raw, at))] if raw[at] == '"' else list(_elements(raw, at))
    if raw[at] not in '"[' or any(raw[start] != '"' for start, _ in spans):
        return None
    pieces, offset = [], 0
    for start, end in spans:
        text = scanstring(raw, start + 1)[0]
        pieces.append(Piece(start, end, text, offset))
        offset += len(text)
    return Written(raw, at, _value_end(raw, at), tuple(pieces), raw[at] == "[")


def raw_offset(source: Written, offset: int) -> int:
    """Where in the JSON a character of the source is spelled."""
    if not source.pieces:
        return source.start
    ends = (piece.offset + len(piece.text) for piece in source.pieces)
    piece = source.pieces[next((at for at, end in enumerate(ends) if offset < end), -1)]
    units = _UNIT.findall(source.raw[piece.start + 1 : piece.end - 1])
    return piece.start + 1 + sum(map(len, units[: offset - piece.offset]))


# -- writing ---------------------------------------------------------------------------------------


def splice(source: Written, edits: Sequence[TextEdit]) -> list[TextEdit]:
    """The edits of the JSON that make these edits of the source; they must neither overlap nor be unordered."""
    if not source.pieces:
        return [TextEdit(source.start, source.end, _new(source, edits))] if edits else []
    return [_rewritten(source, *group) for group in _groups(source.pieces, edits)]


def _new(source: Written, edits: Sequence[TextEdit]) -> str:
    lines = re.findall(r"[^\n]*\n|[^\n]+\Z", "".join(edit.text for edit in edits))
    return "[" + ", ".join(f'"{_spelled(line, source.raw)}"' for line in lines) + "]"


def _groups(pieces: Sequence[Piece], edits: Sequence[TextEdit]) -> Iterator[tuple[int, int, list[TextEdit]]]:
    """The edits, with the first and the last of the pieces that they change together."""
    pending: tuple[int, int, list[TextEdit]] | None = None
    for edit in edits:
        first, last = _touched(pieces, edit)
        if pending is not None and first <= pending[1]:
            pending = (pending[0], max(pending[1], last), [*pending[2], edit])
            continue
        if pending is not None:
            yield pending
        pending = (first, last, [edit])
    if pending is not None:
        yield pending


def _touched(pieces: Sequence[Piece], edit: TextEdit) -> tuple[int, int]:
    ends = [piece.offset + len(piece.text) for piece in pieces]
    count = len(pieces) - 1
    # What begins where a piece ends belongs to the next one.
    first = next((at for at, end in enumerate(ends) if edit.start < end), count)
    last = next((at for at, end in enumerate(ends) if edit.end <= end), count) if edit.end > edit.start else first
    last = max(first, last)
    whole = edit.text.endswith("\n") or (not edit.text and edit.start == pieces[first].offset)
    if edit.end == ends[last] and last < count and not whole and edit.end > edit.start:
        # The break at its end may be gone: then the next line is joined to it.
        last += 1
    return first, last


def _rewritten(source: Written, first: int, last: int, edits: Sequence[TextEdit]) -> TextEdit:
    """One edit of the JSON for the pieces from the first to the last."""
    pieces, raw = source.pieces, source.raw
    inner = "".join(_inner(raw, piece, edits, at == last) for at, piece in enumerate(pieces) if first <= at <= last)
    start, end = pieces[first].start, pieces[last].end
    if not source.listed or (first == last and len(_lines(raw[start + 1 : end - 1])) == len(_lines(inner)) > 0):
        return _trimmed(raw, TextEdit(start, end, f'"{inner}"'))
    lines = _lines(inner)
    if lines or (first == 0 and last == len(pieces) - 1):
        between = _separator(source)
        return _trimmed(raw, TextEdit(start, end, between.join(f'"{line}"' for line in lines or [""])))
    if last + 1 < len(pieces):
        return TextEdit(start, pieces[last + 1].start, "")
    return TextEdit(pieces[first - 1].end, end, "")


def _inner(raw: str, piece: Piece, edits: Sequence[TextEdit], is_last: bool) -> str:
    """What stands between the quotes of a piece after the edits."""
    units = _UNIT.findall(raw[piece.start + 1 : piece.end - 1])
    size, out, at = len(units), [], 0
    for edit in edits:
        start, end = edit.start - piece.offset, edit.end - piece.offset
        begins = 0 <= start < size or (start == size and is_last)
        if not begins and not (start < 0 < end):
            continue
        out += units[at : max(start, at)]
        if begins:
            out.append(_spelled(edit.text, raw))
        at = max(at, min(end, size))
    return "".join([*out, *units[at:]])


def _lines(inner: str) -> list[str]:
    lines, line = [], ""
    for unit in _UNIT.findall(inner):
        line += unit
        if unit in _BREAK:
            lines.append(line)
            line = ""
    return [*lines, line] if line else lines


def _spelled(text: str, raw: str) -> str:
    """A text between the quotes of a JSON string, other than ASCII written as the notebook does."""
    ascii_only = not text.isascii() and raw.isascii() and _ESCAPED.search(raw) is not None
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]


def _separator(source: Written) -> str:
    """What stands between two strings of the list, or would."""
    pieces, raw = source.pieces, source.raw
    if len(pieces) > 1:
        return raw[pieces[0].end : pieces[1].start]
    before = raw[source.start + 1 : pieces[0].start]
    if "\n" in before:
        return f",{before}"
    return ", " if raw[source.start - 1] in " \t" else ","


def _trimmed(raw: str, edit: TextEdit) -> TextEdit:
    """The edit without what it leaves as it is: at both ends, and never a part of an escape."""
    old, new = (_UNIT.findall(text) for text in (raw[edit.start : edit.end], edit.text))
    left = 0
    while left < min(len(old), len(new)) and old[left] == new[left]:
        left += 1
    right = 0
    while right < min(len(old), len(new)) - left and old[-1 - right] == new[-1 - right]:
        right += 1
    head, tail = sum(map(len, old[:left])), sum(map(len, old[len(old) - right :]))
    return TextEdit(edit.start + head, edit.end - tail, "".join(new[left : len(new) - right]))


# -- comparing -------------------------------------------------------------------------------------


def differences(old: str, new: str) -> list[TextEdit]:
    """Edits that make one text of another: by lines, and where few of them differ by characters."""
    before, after = (re.findall(r"[^\n]*\n|[^\n]+\Z", text) for text in (old, new))
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line))
    edits: list[TextEdit] = []
    for kind, first, last, left, right in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            edits += _within("".join(before[first:last]), "".join(after[left:right]), starts[first])
    return edits


def _within(old: str, new: str, start: int) -> Iterator[TextEdit]:
    if not old or not new or len(old) * len(new) > _FINE:
        yield TextEdit(start, start + len(old), new)
        return
    for kind, first, last, left, right in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            yield TextEdit(start + first, start + last, new[left:right])
