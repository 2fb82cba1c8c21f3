"""Takes the detours through Python off LibCST's nodes: they answer the same, and matching them costs half."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterator
from typing import Any

import libcst as cst

_NODE: Any = cst.CSTNode
_HASH, _EQ = _NODE.__hash__, _NODE.__eq__


class _Plain(ABCMeta):
    """The metaclass of nodes, without virtual subclasses: no node type ever had any.

    Every `isinstance` and every `match` on an abstract class runs Python code, ten times as dear as a plain look
    along the bases, and checking a file takes a few hundred thousand of them.
    """

    __instancecheck__ = type.__instancecheck__
    __subclasscheck__ = type.__subclasscheck__


def _kinds(kind: Any) -> Iterator[Any]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def quicken() -> None:
    """Change the types of nodes, once and for all."""
    for kind in set(_kinds(_NODE)):
        if type(kind) is ABCMeta:
            kind.__class__ = _Plain
        # Nodes are equal by identity, which is what `object` says in C.
        if kind.__hash__ is _HASH and kind.__eq__ is _EQ:
            kind.__hash__ = object.__hash__
            kind.__eq__ = object.__eq__
