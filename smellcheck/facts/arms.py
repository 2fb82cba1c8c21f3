"""Which arms of conditions are never taken: a name is set once, to something else than what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

#: Functions that call each other are followed so far.
_DEEPEST = 3


class Arms:
    """The conditions of one file, as it is written: who sets the name to something else takes another arm."""

    def __init__(self, file: File) -> None:
        self._file = file

    def taken(self, node: cst.CSTNode, depth: int = 0) -> bool:
        """Whether a node stands in no arm that is never taken, nor in a function that only such arms name."""
        below, above = node, self._file.parent(node)
        while above is not None:
            if isinstance(above, cst.If) and below in (above.body, above.orelse):
                holds = self._holds(above.test)
                if holds is not None and holds is (below is above.orelse):
                    return False
            if isinstance(above, cst.FunctionDef) and below is above.body and self._is_deserted(above, depth):
                return False
            below, above = above, self._file.parent(above)
        return True

    def _is_deserted(self, function: cst.FunctionDef, depth: int) -> bool:
        """Whether a plain function is only named in arms that are never taken."""
        file, name = self._file, function.name.value
        if depth > _DEEPEST or function.decorators or file.calls.class_of(function) is not None:
            return False
        at_top = file.parent(function) is file.module
        if file.named.by_strings or (at_top and file.imports.taken(name)):
            return False
        reads = [one for one in file.tree.named(name, file.module) if file.reads(one)]
        outside = [one for one in reads if not file.context.within(one, function)]
        return bool(outside) and not any(self.taken(one, depth + 1) for one in outside)

    def _holds(self, test: cst.BaseExpression) -> bool | None:
        """Whether a condition holds as the file is written; `None` where it does not say."""
        match test:
            case cst.Name():
                value = self._value(test)
                return value if isinstance(value, bool) else None
            case cst.UnaryOperation(operator=cst.Not(), expression=inner):
                holds = self._holds(inner)
                return None if holds is None else not holds
            case cst.Comparison(left=cst.Name() as left, comparisons=[cst.ComparisonTarget(operator, right)]):
                value, asked = self._value(left), _literal(right)
                if value is None or asked is None:
                    return None
                same = type(value) is type(asked) and value == asked
                if isinstance(operator, cst.Equal | cst.NotEqual):
                    return same is isinstance(operator, cst.Equal)
        return None

    def _value(self, name: cst.Name) -> str | int | bool | None:
        """What a name is wherever it is read: one assignment sets it, to something that stands there."""
        bound = self._file.scopes.definitions(name)
        # Settings of a script that reads others over them, by `exec`, say nothing.
        if self._file.named.by_strings:
            return None
        if len(bound) != 1 or bound[0].kind != "assign" or bound[0].path or self._is_declared(name.value):
            return None
        return _literal(bound[0].value)

    def _is_declared(self, name: str) -> bool:
        """Whether a function sets a name of the module."""
        return any(item.name.value == name for one in self._file.all(cst.Global) for item in one.names)


def _literal(node: cst.CSTNode | None) -> str | int | bool | None:
    match node:
        case cst.Name("True"):
            return True
        case cst.Name("False"):
            return False
        case cst.SimpleString():
            value = node.evaluated_value
            return value if isinstance(value, str) else None
        case cst.Integer():
            return int(node.evaluated_value)
    return None
