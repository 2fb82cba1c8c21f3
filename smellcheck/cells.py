"""Many cells as the text of one module and back: each begins at a boundary, and what is no Python is masked.

Boundaries and masks are names that nobody writes. They are statements of their own: two cells never look like
neighbouring statements, and of what a mask hides nothing is known.
"""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .finding import TextEdit

#: A letter that may stand in a name, and in none that people or their tools write.
MASK = "\ua66e"

_BOUNDARY = re.compile(rf"^{MASK}_(\d+)\n", re.MULTILINE)
#: A mask reaches to the end of its line, to a semicolon before Python, or over a continued line.
_MASKED = re.compile(rf"{MASK}[{MASK}\d]*(?:\.(?=\\)|;|(?=[\r\n]|\Z))")


def mask(length: int, number: int) -> str:
    """A name of some length; it tells which of a cell's masks it is, where there is room for that."""
    return f"{MASK}{number}".ljust(length, MASK) if length > len(str(number)) else MASK * length


def unmask(text: str, hidden: Iterable[str]) -> str:
    """The text of a cell with what its masks hide, given in order."""
    left = iter(hidden)
    return _MASKED.sub(lambda found: next(left, found[0]), text)


def join(cells: Iterable[tuple[int, str]]) -> str:
    """One module's text of cells and their numbers."""
    return "".join(f"{MASK}_{number}\n{text}\n" for number, text in cells)


def split(text: str) -> dict[int, str]:
    """The cells of a joined text, by number."""
    return {number: text[start:end] for number, start, end in spans(text)}


def spans(text: str) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each cell in a joined text."""
    found = list(_BOUNDARY.finditer(text))
    ends = [*(boundary.start() for boundary in found[1:]), len(text)]
    for boundary, below in zip(found, ends[: len(found)], strict=True):
        start = boundary.end()
        yield int(boundary[1]), start, max(start, below - 1) if text[below - 1 : below] == "\n" else below


def place(cells: Sequence[tuple[int, int, int]], offset: int) -> tuple[int, int]:
    """Number and start of the cell that an offset of the joined text lies in."""
    at = min(bisect_left(cells, offset, key=lambda cell: cell[2]), len(cells) - 1)
    # The line break that joins a cell to the next boundary belongs to the cell.
    if at and offset < cells[at][1]:
        at -= 1
    number, start, _ = cells[at]
    return number, start


def keeps(text: str, start: int, edits: Sequence[TextEdit]) -> bool:
    """Whether edits stay within the cell of an offset, leave every mask as it is, and what the cell shows below it.

    Always true of a module.
    """
    if MASK not in text:
        return True
    if any(MASK in edit.text for edit in edits):
        return False
    cells = list(spans(text))
    if not cells:
        return True
    home = place(cells, start)
    if any(place(cells, at) != home for edit in edits for at in (edit.start, edit.end)):
        return False
    from .edits import apply

    new = apply(text, edits)
    if _marks(new) != _marks(text):
        return False
    return not _shows(split(text)[home[0]]) or _shows(split(new)[home[0]])


def _shows(cell: str) -> bool:
    """Whether a notebook shows the value of a cell's last statement, and that may be more than nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            last = ast.parse(cell).body[-1:]
    except (SyntaxError, ValueError):
        return False
    match last:
        case [ast.Expr(value=ast.Call(func=ast.Name("print")))]:
            return False
        case [ast.Expr()]:
            return True
    return False


def _marks(text: str) -> tuple[list[str], list[str], int]:
    return _BOUNDARY.findall(text), _MASKED.findall(text), text.count(MASK)


def relative(edits: Iterable[TextEdit], start: int, size: int) -> Iterator[TextEdit]:
    """Edits of a joined text as those of a cell's own text of some size, which begins at `start`."""
    for edit in edits:
        first, last, text = edit.start - start, edit.end - start, edit.text
        if last > size:
            # A cell's last line has no break: with the line goes the one before it.
            last, text = size, text.removesuffix("\n")
            if first > size:
                first, text = size, f"\n{text}"
        yield TextEdit(first, last, text)


def changed(before: str, after: str) -> Mapping[int, tuple[str, str]]:
    """The cells in which two joined texts differ."""
    old, new = split(before), split(after)
    return {number: (old[number], new[number]) for number in old if number in new and old[number] != new[number]}
