"""Text that is safe to print: no control characters from the outside, widths as a terminal counts them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

#: Characters that reorder or hide what stands around them.
_DECEIVING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u2028\u2029")


def clean(text: str, tab: str = "    ") -> str:
    """The text on one line, with everything escaped that could move the cursor, colour or reorder."""
    text = text.replace("\t", tab)
    # Nearly all code is ASCII: to look at each character would be a tenth of a run where nothing changed.
    return text if text.isascii() and text.isprintable() else "".join(map(_visible, text))


def _visible(char: str) -> str:
    if char in _DECEIVING or unicodedata.category(char) in ("Cc", "Cs"):
        return char.encode("unicode_escape", "surrogatepass").decode("ascii")
    return char


def cells(text: str) -> int:
    """How many columns a terminal needs for a cleaned text."""
    return len(text) if text.isascii() else sum(_width(char) for char in text)


def _width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


@dataclass(frozen=True)
class Paint:
    """Puts colour on words, or leaves them as they are."""

    color: bool

    def __call__(self, style: str, text: str) -> str:
        """The text in a style such as `1;33`."""
        return f"\x1b[{style}m{text}\x1b[0m" if self.color and text else text


BOLD, DIM, RED, GREEN, YELLOW, BLUE, CYAN = "1", "2", "31", "32", "33", "34", "36"
LEVEL_STYLES = {"warning": "1;33", "info": "1;36", "advice": "1;34"}
