"""Takes the detours through Python off LibCST's nodes: they answer the same, and parsing and matching cost half."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterator
from typing import Any

import libcst as cst

_NODE: Any = cst.CSTNode
_VALIDATED = _NODE.__post_init__
_HASH, _EQ = _NODE.__hash__, _NODE.__eq__


class _Plain(ABCMeta):
    """The metaclass of nodes, without virtual subclasses: no node type ever had any.

    Every `isinstance` and every `match` on an abstract class runs Python code, ten times as dear as a plain look
    along the bases, and checking a file takes a few hundred thousand of them.
    """

    __instancecheck__ = type.__instancecheck__
    __subclasscheck__ = type.__subclasscheck__


def parse(text: str) -> cst.Module:
    """The tree of a module's text.

    Raises `libcst.ParserSyntaxError`. What the parser makes is valid as it is: only what is put together by hand
    needs the nodes' own validation, a fifth of the time that parsing takes.
    """
    _NODE.__post_init__ = _unvalidated
    try:
        return cst.parse_module(text)
    finally:
        _NODE.__post_init__ = _VALIDATED


def _unvalidated(_: cst.CSTNode) -> None:
    pass


def _kinds(kind: Any) -> Iterator[Any]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def _quicken() -> None:
    for kind in set(_kinds(_NODE)):
        if type(kind) is ABCMeta:
            kind.__class__ = _Plain
        # Nodes are equal by identity, which is what `object` says in C.
        if kind.__hash__ is _HASH and kind.__eq__ is _EQ:
            kind.__hash__ = object.__hash__
            kind.__eq__ = object.__eq__


_quicken()
