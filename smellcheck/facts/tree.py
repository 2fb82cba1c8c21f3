"""One flat walk over a LibCST tree that leaves out white space: nodes by type, and the parent of each."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from functools import cache, cached_property
from typing import TypeVar

import libcst as cst

N = TypeVar("N", bound=cst.CSTNode)

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


_FUNCTIONS: frozenset[type[cst.CSTNode]] = frozenset({cst.FunctionDef, cst.ClassDef, cst.Lambda})
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
    """The walked module: `nodes` in pre-order, `by_type` in the same, `parent` of every node but the module.

    In pre-order a node and everything below it stand side by side, so that what is below is a slice of a list.
    """

    def __init__(self, module: cst.Module) -> None:
        self.by_type: dict[type[cst.CSTNode], list[cst.CSTNode]] = defaultdict(list)
        self.parent: dict[cst.CSTNode, cst.CSTNode] = {}
        self.nodes: list[cst.CSTNode] = []
        stack: list[cst.CSTNode] = [module]
        by_type, parent, nodes = self.by_type, self.parent, self.nodes
        while stack:
            node = stack.pop()
            kind = type(node)
            nodes.append(node)
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
            if below:
                below.reverse()
                stack += below
        self.order: dict[cst.CSTNode, int] = dict(zip(nodes, range(len(nodes)), strict=True))
        self._ends: dict[cst.CSTNode, int] = {}

    def end(self, node: cst.CSTNode) -> int:
        """The place in `nodes` behind the last node that is below this one."""
        found = self._ends.get(node)
        if found is None:
            last = node
            while (after := _last_child(last)) is not None:
                last = after
            found = self._ends[node] = self.order[last] + 1
        return found

    def below(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        """The node and everything below it, in pre-order."""
        return self.nodes[self.order[node] : self.end(node)]

    def of_type(self, kind: type[N], node: cst.CSTNode) -> list[N]:
        """The nodes of a type among those."""
        return self._between(self.by_type.get(kind, []), self.order[node], self.end(node))  # type: ignore[return-value]

    def named(self, name: str, node: cst.CSTNode) -> list[cst.Name]:
        """The names below a node that are spelled so; neither attributes nor keywords."""
        return self._between(self._spelled.get(name, []), self.order[node], self.end(node))  # type: ignore[return-value]

    @cached_property
    def _spelled(self) -> dict[str, list[cst.CSTNode]]:
        found: dict[str, list[cst.CSTNode]] = {}
        for name in self.variables[1]:
            found.setdefault(name.value, []).append(name)
        return found

    def own(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        """The node and everything below it, but not what is inside nested functions and classes."""
        found, at = [], self.order[node]
        for first, behind in self.nested(node):
            found += self.nodes[at : first + 1]
            at = behind
        return found + self.nodes[at : self.end(node)]

    def own_of_type(self, kind: type[N], node: cst.CSTNode) -> list[N]:
        """The nodes of a type among those."""
        listed, found, at = self.by_type.get(kind, []), [], self.order[node]
        for first, behind in self.nested(node):
            found += self._between(listed, at, first + 1)
            at = behind
        return found + self._between(listed, at, self.end(node))  # type: ignore[return-value]

    def nested(self, node: cst.CSTNode) -> Iterator[tuple[int, int]]:
        """From where to where in `nodes` the outermost functions and classes below a node stand."""
        at, behind = self.order[node], self.end(node)
        for inner in self._between(self._functions, at + 1, behind):
            if self.order[inner] >= at:
                at = self.end(inner)
                yield self.order[inner], at

    @cached_property
    def _functions(self) -> list[cst.CSTNode]:
        return sorted((node for kind in _FUNCTIONS for node in self.by_type.get(kind, ())), key=self.order.__getitem__)

    @cached_property
    def variables(self) -> tuple[list[int], list[cst.Name]]:
        """The names that are neither attributes nor keywords, and where in `nodes` they stand."""
        parent, order = self.parent, self.order
        found: list[cst.Name] = []
        for name in self.by_type.get(cst.Name, ()):
            above = parent.get(name)
            kind = type(above)
            if kind is cst.Attribute:
                if above.attr is name:  # type: ignore[union-attr]
                    continue
            elif kind is cst.Arg and above.keyword is name:  # type: ignore[union-attr]
                continue
            found.append(name)  # type: ignore[arg-type]
        return [order[name] for name in found], found

    def _between(self, listed: list[cst.CSTNode], first: int, behind: int) -> list[cst.CSTNode]:
        place = self.order.__getitem__
        begin = bisect_left(listed, first, key=place)
        return listed[begin : bisect_left(listed, behind, begin, key=place)]


def _last_child(node: cst.CSTNode) -> cst.CSTNode | None:
    for name in reversed(child_fields(type(node))):
        value = getattr(node, name)
        held = type(value)
        if held is list or held is tuple:
            if value:
                last: cst.CSTNode = value[-1]
                return last
        elif held not in _PLAIN:
            found: cst.CSTNode = value
            return found
    return None


def dotted(node: cst.CSTNode) -> list[str] | None:
    """`a.b.c` as `["a", "b", "c"]`; `None` for anything that is not a chain of plain names."""
    parts = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    return [node.value, *reversed(parts)] if isinstance(node, cst.Name) else None
