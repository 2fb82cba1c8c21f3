"""What is done every so many steps: how many these are, where a file shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

#: Every second, third or fourth step is as good as every one.
_FEW = 4


class Intervals:
    """The intervals of one file; false where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def every_few(self, node: cst.CSTNode, around: cst.CSTNode) -> bool:
        """Whether a condition lets every second to fourth turn get to a node."""
        for child, above in self._file.context.ancestors(node):
            if above is around:
                return False
            if isinstance(above, cst.If) and child is above.body:
                if any(self.is_few(one) for one in self._file.tree.of_type(cst.Comparison, above.test)):
                    return True
        return False

    def is_few(self, test: cst.BaseExpression) -> bool:
        """Whether a condition lets every fourth turn through at least: `(i + 1) % 2 == 0`."""
        match test:
            case cst.Comparison(
                left=cst.BinaryOperation(operator=cst.Modulo(), right=every),
                comparisons=[cst.ComparisonTarget(operator=cst.Equal(), comparator=cst.Integer())],
            ):
                number = self._number(every)
                return number is not None and 0 < number <= _FEW
        return False

    def is_set(self, test: cst.BaseExpression) -> bool:
        """Whether a condition asks no more than whether there is a short interval at all: `every > 0`."""
        match test:
            case cst.Comparison(
                left=cst.Name() as every,
                comparisons=[cst.ComparisonTarget(operator=cst.GreaterThan(), comparator=cst.Integer("0"))],
            ):
                number = self._number(every)
                return number is not None and 0 < number <= _FEW
        return False

    def _number(self, node: cst.BaseExpression) -> int | None:
        """The number that an interval is where nobody sets it."""
        match node:
            case cst.Integer():
                return int(node.evaluated_value)
            case cst.Call(func=cst.Name("int"), args=[cst.Arg(value=inner)]):
                return self._number(inner)
            case cst.Call(func=cst.Name("getattr"), args=[_, _, cst.Arg(value=cst.Integer() as given)]):
                return int(given.evaluated_value)
            case cst.Call(func=cst.Attribute(attr=cst.Name("get")), args=[_, cst.Arg(value=cst.Integer() as given)]):
                return int(given.evaluated_value)
            case cst.Name():
                return self._bound(node)
        return None

    def _bound(self, name: cst.Name) -> int | None:
        """The same of a name that is bound once."""
        match self._file.scopes.reaching(name):
            case [one] if one.kind == "parameter" and isinstance(one.node, cst.Param):
                default = one.node.default
                return int(default.evaluated_value) if isinstance(default, cst.Integer) else None
            case [one] if one.kind == "assign" and not one.path and isinstance(one.value, cst.BaseExpression):
                return None if isinstance(one.value, cst.Name) else self._number(one.value)
        return None
