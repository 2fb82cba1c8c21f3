"""What can be known of a value: its kind, what made it, and what is left when several ways of reaching it disagree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import libcst as cst

if TYPE_CHECKING:
    from ..view import Found

Kind = Literal[
    "module", "loss", "output", "tensor", "array", "optimizer", "loader", "dataset", "pipeline", "encoder",
    "cross-encoder", "estimator", "tokenizer", "frame", "series", "list", "tuple", "dict", "string", "number", "bool",
    "none", "device", "class", "function",
]  # fmt: skip


@dataclass(frozen=True)
class Value:
    """What is known of a value: its kind, the full name of what made it, and the expression that did."""

    kind: Kind
    name: str = ""
    made: cst.CSTNode | None = field(default=None, repr=False)
    cls: cst.ClassDef | None = field(default=None, repr=False)
    """The class of this file that it is an instance of, or is."""
    origin: Found | None = field(default=None, repr=False)
    """The class of another module of the project that it is an instance of."""


#: A value that is being worked out: `x = x.to(device)` in a loop says nothing new of `x`.
PENDING = Value("none", "pending")


def join(values: Iterable[Value | None]) -> Value | None:
    """What all of some values have in common, `None` left aside; nothing when they disagree or one is not known."""
    given = list(values)
    known = [value for value in given if value is not PENDING]
    if given and not known:
        return PENDING
    some = [value for value in known if value is not None and value.kind != "none"]
    if not some or any(value is None for value in known):
        return None
    if len({value.kind for value in some}) > 1:
        return None
    first = some[0]
    if len(some) == 1:
        return first
    name = first.name if all(value.name == first.name for value in some) else ""
    cls = first.cls if all(value.cls is first.cls for value in some) else None
    origin = first.origin if all(value.origin == first.origin for value in some) else None
    return Value(first.kind, name, None, cls, origin)
