"""What a rule says: a smell at a node, and perhaps the fix that removes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import libcst as cst

    from .finding import Level


class Safety(Enum):
    """How far a fix may be trusted."""

    SAFE = "safe"
    """Same results bit for bit on every run that does not raise."""
    UNSAFE = "unsafe"
    """May change numerics, memory, order or randomness; the page says which."""
    SUGGESTION = "suggestion"
    """Shown, never applied."""


Side = Literal["start", "end", "line-start", "line-end", "indent"]
Anchor = tuple["cst.CSTNode", Side]


@dataclass(frozen=True)
class Edit:
    """Replace the text from `start` to `end` by `text`.

    An anchor is a node and a side: `start` and `end` are its own first and last character, `line-start` is the first
    character of the line that it begins on, `line-end` the first character after the line that it ends on (its
    newline included), and `indent` the first character on its first line that is not white space.
    """

    start: Anchor
    end: Anchor
    text: str
    kind: Literal["replace", "indent"] = "replace"
    """`indent` puts `text` in front of every line of the range that is not blank."""


@dataclass(frozen=True)
class Fix:
    """An atomic rewrite: its title is a verb phrase, its edits do not overlap."""

    title: str
    edits: tuple[Edit, ...]
    safety: Safety
    #: Modules that the new text needs, as `import` would name them: `("torch",)`.
    imports: tuple[str, ...] = ()

    @classmethod
    def safe(cls, title: str, *edits: Edit, imports: tuple[str, ...] = ()) -> Fix:
        """A fix after which every result is the same bit for bit."""
        return cls(title, edits, Safety.SAFE, imports)

    @classmethod
    def unsafe(cls, title: str, *edits: Edit, imports: tuple[str, ...] = ()) -> Fix:
        """A fix that may change what the page says it may change."""
        return cls(title, edits, Safety.UNSAFE, imports)

    @classmethod
    def suggestion(cls, title: str, *edits: Edit, imports: tuple[str, ...] = ()) -> Fix:
        """A fix that is shown and never applied."""
        return cls(title, edits, Safety.SUGGESTION, imports)


@dataclass(frozen=True)
class Smell:
    """A waste at `node`: the message is lower case, has no final full stop, and names what is wasted."""

    node: cst.CSTNode
    message: str
    fix: Fix | None = None
    #: Lowers (never raises) the rule's own level for this one smell.
    level: Level | None = None
