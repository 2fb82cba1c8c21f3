"""One flat walk over a LibCST tree that leaves out white space: nodes by type, and the parent of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from functools import cache

import libcst as cst

# Fields that hold only white space and punctuation; skipping them halves the nodes and loses no smell.
_TRIVIA = (
    "whitespace",
    "leading_",
    "trailing_",
    "lines_after",
    "header",
    "footer",
    "semicolon",
    "lpar",
    "rpar",
    "lbra",
    "rbra",
    "equal",
    "colon",
    "comma",
    "dot",
)


# Half of all nodes; their one field is a string.
_LEAVES = (cst.Name, cst.SimpleString, cst.Integer, cst.Float, cst.Imaginary, cst.FormattedStringText)


@cache
def child_fields(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    """The names of the fields of a node type that can hold more than white space."""
    if kind in _LEAVES:
        return ()
    return tuple(field.name for field in fields(kind) if not field.name.startswith(_TRIVIA))


_FUNCTIONS = frozenset({cst.FunctionDef, cst.ClassDef, cst.Lambda})
#: What a field holds when it holds neither a node nor a sequence of nodes.
_PLAIN = frozenset({str, bool, type(None), cst.MaybeSentinel})


def children(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The child nodes in the order of their fields."""
    for name in child_fields(type(node)):
        value = getattr(node, name)
        kind = type(value)
        if kind is list or kind is tuple:
            yield from value
        elif kind not in _PLAIN:
            yield value


def descend(node: cst.CSTNode, *, into_functions: bool = True) -> Iterator[cst.CSTNode]:
    """The node and everything below it, in pre-order; bodies of nested functions and classes on request."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        kind = type(current)
        if not into_functions and kind in _FUNCTIONS and current is not node:
            continue
        # Written out, for it is what most of the time goes into: `children`, last child first.
        for name in reversed(child_fields(kind)):
            value = getattr(current, name)
            held = type(value)
            if held is list or held is tuple:
                stack.extend(reversed(value))
            elif held not in _PLAIN:
                stack.append(value)


class Tree:
    """The walked module: `by_type` in pre-order, `parent` of every node but the module."""

    def __init__(self, module: cst.Module) -> None:
        self.by_type: dict[type[cst.CSTNode], list[cst.CSTNode]] = defaultdict(list)
        self.parent: dict[cst.CSTNode, cst.CSTNode] = {}
        self.order: dict[cst.CSTNode, int] = {}
        stack: list[cst.CSTNode] = [module]
        by_type, parent, order = self.by_type, self.parent, self.order
        while stack:
            node = stack.pop()
            kind = type(node)
            order[node] = len(order)
            by_type[kind].append(node)
            below: list[cst.CSTNode] = []
            for name in child_fields(kind):
                value = getattr(node, name)
                held = type(value)
                if held is list or held is tuple:
                    for child in value:
                        parent[child] = node
                    below += value
                elif held not in _PLAIN:
                    parent[value] = node
                    below.append(value)
            below.reverse()
            stack.extend(below)


def dotted(node: cst.CSTNode) -> list[str] | None:
    """`a.b.c` as `["a", "b", "c"]`; `None` for anything that is not a chain of plain names."""
    parts = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    return [node.value, *reversed(parts)] if isinstance(node, cst.Name) else None
