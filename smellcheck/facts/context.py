"""Under what a node runs: functions, loops, statements, tests, guards; and what stays the same in a loop."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, get_args

import libcst as cst

from .loops import Loop, LoopNode, Loops
from .purpose import Purpose
from .scopes import COMPREHENSIONS, bound_names, targets
from .tree import descend

if TYPE_CHECKING:
    from ..file import File


class Context:
    """The surroundings of nodes in one file."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._loops = Loops(file)
        self._purpose = Purpose(file)
        self._single: dict[cst.For | cst.While, bool] = {}
        self._changed: dict[LoopNode, tuple[set[str], set[str]]] = {}

    def function(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """The function whose body a node stands in; `None` at module or class level."""
        scope = self._file.scopes.around(node)
        while scope.parent is not None and isinstance(scope.node, (*COMPREHENSIONS, cst.Lambda)):
            scope = scope.parent
        return scope.node if isinstance(scope.node, cst.FunctionDef) else None

    def ancestors(self, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
        """Pairs of (child, ancestor) from a node up to the body of its function or the module."""
        child, current = node, self._file.parent(node)
        while current is not None:
            if isinstance(current, cst.FunctionDef | cst.ClassDef) and child is current.body:
                return
            yield child, current
            child, current = current, self._file.parent(current)

    def within(self, node: cst.CSTNode, ancestor: cst.CSTNode) -> bool:
        """Whether a node is an ancestor itself or stands somewhere below it."""
        tree = self._file.tree
        first = tree.order.get(ancestor)
        return first is not None and first <= tree.order.get(node, -1) < tree.end(ancestor)

    def statement(self, node: cst.CSTNode) -> cst.CSTNode:
        """The statement, simple or compound, that a node belongs to: a whole line or block of a suite."""
        current = node
        while (above := self._file.parent(current)) is not None:
            if isinstance(above, cst.IndentedBlock | cst.Module):
                return current
            current = above
        return current

    # -- loops ---------------------------------------------------------------------------------

    def loop(self, node: LoopNode) -> Loop:
        """A loop with its kind."""
        return self._loops.of(node)

    def loops(self, node: cst.CSTNode) -> list[Loop]:
        """The loops of the same function that run the node again and again, innermost first."""
        if not self._looped(node):
            return []
        return [
            self.loop(above)
            for child, above in self.ancestors(node)
            if isinstance(above, LoopNode) and self.repeats(above, child, node)
        ]

    def _looped(self, node: cst.CSTNode) -> bool:
        """Whether a node stands in any loop at all: asked of every call, and answered without a climb."""
        starts, ends = self._stretches
        at = self._file.tree.order[node]
        before = bisect_right(starts, at) - 1
        return before >= 0 and at < ends[before]

    @cached_property
    def _stretches(self) -> tuple[list[int], list[int]]:
        """From where to where in the order of nodes the outermost loops stand."""
        tree = self._file.tree
        starts: list[int] = []
        ends: list[int] = []
        for loop in sorted(self._file.all(*get_args(LoopNode)), key=tree.order.__getitem__):
            if not ends or tree.order[loop] >= ends[-1]:
                starts.append(tree.order[loop])
                ends.append(tree.end(loop))
        return starts, ends

    def repeats(self, above: LoopNode, child: cst.CSTNode, node: cst.CSTNode) -> bool:
        """Whether a loop around a node runs it again and again; `child`, right below the loop, leads there."""
        if isinstance(above, cst.For):
            return child is above.body and not self._ends_at_once(above)
        if isinstance(above, cst.While):
            return (child is above.body or child is above.test) and not self._ends_at_once(above)
        return not (isinstance(child, cst.CompFor) and self.within(node, child.iter))

    def _ends_at_once(self, loop: cst.For | cst.While) -> bool:
        """Whether a loop is left at the end of its first turn: its body ends in `break`, and nothing goes on before."""
        if loop not in self._single:
            lines = loop.body.body
            last = lines[-1].body[-1] if lines and isinstance(lines[-1], cst.SimpleStatementLine) else None
            self._single[loop] = isinstance(last, cst.Break) and not self._file.tree.of_type(cst.Continue, loop.body)
        return self._single[loop]

    def invariant(self, node: cst.CSTNode, loop: LoopNode) -> bool:
        """Whether no name that an expression reads is bound, and no attribute of it stored, inside a loop."""
        changed, stored = self._changed_in(loop)
        for below in descend(node):
            if isinstance(below, cst.Name) and below.value in changed and not self._is_attribute_name(below):
                return False
            if isinstance(below, cst.Call) and below is not node:
                return False
            if isinstance(below, cst.Attribute | cst.Name) and stored and self._file.text_of(below) in stored:
                return False
        return True

    def _changed_in(self, loop: LoopNode) -> tuple[set[str], set[str]]:
        """The names that a loop binds, and the attributes that it stores as they are spelled."""
        if loop not in self._changed:
            changed = bound_names(loop)
            if not isinstance(loop, cst.For | cst.While):
                for below in descend(loop):
                    if isinstance(below, cst.CompFor):
                        changed |= {name for name, _ in targets(below.target)}
            stored = {self._file.text_of(target) for below in descend(loop) for target in _stored(below)}
            self._changed[loop] = changed, stored
        return self._changed[loop]

    def _is_attribute_name(self, name: cst.Name) -> bool:
        above = self._file.parent(name)
        return isinstance(above, cst.Attribute) and above.attr is name

    @staticmethod
    def is_entry(node: cst.CSTNode) -> bool:
        """Whether it is the `if __name__ == "__main__":` of a script, which is no condition for whoever runs it."""
        match node:
            case cst.If(test=cst.Comparison(left=cst.Name(value="__name__"))):
                return True
        return False

    def is_guarded(self, node: cst.CSTNode, loop: LoopNode) -> bool:
        """Whether, inside a loop, the node runs only now and then: under an `if` of any kind, or in `except`."""
        for child, above in self.ancestors(node):
            if above is loop:
                return False
            if isinstance(above, cst.ExceptHandler):
                return True
            if isinstance(above, cst.If) and child is not above.test:
                return True
        return False

    # -- purpose -------------------------------------------------------------------------------

    @property
    def by_hand(self) -> bool:
        """Whether the file is a notebook, or a module that was one: somebody runs it piece by piece and looks on."""
        return self._purpose.by_hand

    def in_test(self, node: cst.CSTNode, *, lenient: bool = False) -> bool:
        """Whether the code is there to test, benchmark, export or debug, where waste is nobody's concern.

        Where it is `lenient`, what goes through data beside a network that is traced is not.
        """
        return self._purpose.in_test(node, lenient=lenient)


def _stored(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The attributes that a statement stores, and what it stores items of."""
    found: list[cst.CSTNode] = []
    match node:
        case cst.Assign():
            for target in node.targets:
                if isinstance(target.target, cst.Tuple):
                    found += [element.value for element in target.target.elements]
                else:
                    found.append(target.target)
        case cst.AugAssign() | cst.AnnAssign():
            found.append(node.target)
    for stored in found:
        if isinstance(stored, cst.Attribute):
            yield stored
        elif isinstance(stored, cst.Subscript):
            yield stored.value
