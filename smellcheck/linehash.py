"""The hash by which GitHub follows an alert when its line moves: `primaryLocationLineHash`."""

from __future__ import annotations

import re

#: GitHub hashes so many characters from the start of the line on, white space left out.
BLOCK = 100
_WEIGHTS = [pow(37, BLOCK - 1 - at, 1 << 64) for at in range(BLOCK)]
_END = "\uffff"
_WIDE = re.compile("[\U00010000-\U0010ffff]")


class LineHashes:
    """The lines of one text, hashed when they are asked for as github/codeql-action computes it."""

    def __init__(self, text: str) -> None:
        plain = text.replace("\r\n", "\n").replace("\r", "\n").replace(" ", "").replace("\t", "")
        # It counts the halves of a character beyond the first plane.
        self._units = _WIDE.sub(_halves, plain) + _END
        self._starts = [0, *(found.end() for found in re.finditer("\n", self._units))]

    def __len__(self) -> int:
        return len(self._starts)

    def of(self, line: int) -> str:
        """The hash of a line, counted from 1, and how many lines with the same have come with it."""
        start = self._starts[line - 1]
        block = self._units[start : start + BLOCK]
        value = sum(ord(unit) * weight for unit, weight in zip(block, _WEIGHTS, strict=False)) % (1 << 64)
        same = sum(self._units.startswith(block, other) for other in self._starts[:line])
        return f"{value:x}:{same}"


def _halves(found: re.Match[str]) -> str:
    high, low = divmod(ord(found[0]) - 0x10000, 0x400)
    return chr(0xD800 + high) + chr(0xDC00 + low)
