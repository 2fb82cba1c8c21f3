"""The numbers that a step of a training reads from the device a second time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File


class Rereads:
    """The second reads of the steps in one file; none where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def again(self, home: cst.For | cst.While | cst.FunctionDef) -> list[cst.Call]:
        """The reads of a step, in each turn, of what it has read before its device was given more to do."""
        file = self._file
        calls = file.tree.own_of_type(cst.Call, home.body)
        queued = [one for one in calls if file.steps.sent(one) is not None or file.steps.stepping(one) is not None]
        reads = [
            (one, read)
            for one in calls
            if isinstance(one.func, cst.Attribute) and one.func.attr.value == "item" and not one.args
            if isinstance(read := _bare(one), cst.Name) and self._is_around(home, one)
        ]
        found = []
        for at, (later, name) in enumerate(reads):
            for first, known in reads[:at]:
                between = any(file.before(first, one) and file.before(one, later) for one in queued)
                if between and self.is_same(known, name) and self._always_ahead(first, later):
                    if not file.readbacks.seldom(later, home) and not self._is_changed(name, home):
                        found.append(later)
                        break
        return [one for one in found if not file.readbacks.on_host(_bare(one)) and self._waits_alone(one, found)]

    def is_same(self, one: cst.BaseExpression, other: cst.BaseExpression) -> bool:
        """Whether two names surely mean the same value."""
        reaching = self._file.scopes.reaching
        match one, other:
            case cst.Name(), cst.Name():
                return one.value == other.value and set(reaching(one)) == set(reaching(other))
        return False

    def _waits_alone(self, read: cst.Call, known: list[cst.Call]) -> bool:
        """Whether the statement of a read makes no other one, of what is not known yet: that would wait anyway."""
        others = self._file.tree.of_type(cst.Call, self._file.context.statement(read))
        waiting = [one for one in others if self._file.readbacks.may_wait(one)]
        return all(any(self._file.context.within(one, other) for other in known) for one in waiting)

    def _is_around(self, home: cst.CSTNode, node: cst.CSTNode) -> bool:
        """Whether no other loop stands between a step and a node."""
        loops = self._file.context.loops(node)
        return loops[0].node is home if isinstance(home, cst.For | cst.While) and loops else not loops

    def _always_ahead(self, first: cst.CSTNode, later: cst.CSTNode) -> bool:
        """Whether whoever gets to a node has come by another one."""
        block = self._file.parent(self._file.context.statement(first))
        return block is not None and self._file.context.within(later, block)

    def _is_changed(self, name: cst.Name, home: cst.CSTNode) -> bool:
        """Whether a method changes a tensor in place."""
        above = (self._file.parent(one) for one in self._file.tree.named(name.value, home))
        return any(isinstance(one, cst.Attribute) and one.attr.value.endswith("_") for one in above)


def _bare(figure: cst.BaseExpression) -> cst.BaseExpression:
    """The tensor that a figure is the number of: `loss` of `loss.detach().cpu().item()`."""
    match figure:
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name("item" | "detach" | "cpu" | "clone")), args=[]):
            return _bare(inner)
        case cst.Attribute(value=inner, attr=cst.Name("data")):
            return _bare(inner)
    return figure
