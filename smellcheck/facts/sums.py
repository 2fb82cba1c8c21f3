"""The names that a loop adds figures to and does nothing else with, so that a tensor could hold them as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File


class Sums:
    """The sums of the loops in one file; none where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def added_to(self, call: cst.Call, loop: cst.For | cst.While) -> tuple[str, str] | None:
        """The name that a figure is added to and that the loop does nothing else with, and the type of the sum."""
        file = self._file
        match file.context.statement(call):
            case (
                cst.SimpleStatementLine(
                    body=[cst.AugAssign(target=cst.Name(value=name), operator=cst.AddAssign(), value=value)]
                ) as statement
            ):
                pass
            case _:
                return None
        alone = value is call or (isinstance(value, cst.BinaryOperation) and call in (value.left, value.right))
        bound = file.scopes.around(statement).bindings.get(name, ())
        starts = [one.value for one in bound if one.kind != "augment"]
        within = [one for one in bound if file.context.within(one.node, loop)]
        if not alone or len(file.tree.named(name, loop)) != 1 or len(within) != 1 or len(starts) != 1:
            return None
        read = call.func.value if isinstance(call.func, cst.Attribute) else call
        counts = isinstance(starts[0], cst.Integer) and value is call and _counted(read)
        sums = isinstance(starts[0], cst.Float) or (isinstance(starts[0], cst.Integer) and self._is_sent(read, loop))
        return (name, "int") if counts else (name, "float") if sums else None

    def _is_sent(self, figure: cst.BaseExpression, loop: cst.CSTNode) -> bool:
        """Whether a figure is a loss that the loop sends backward."""
        sent = [self._file.steps.sent(one) for one in self._file.tree.of_type(cst.Call, loop)]
        return any(one is not None and self._file.same(one, figure) for one in sent)


def _counted(figure: cst.BaseExpression) -> bool:
    """Whether a tensor counts what is equal: `(predicted == labels).sum()`, `predicted.eq(labels).sum()`."""
    match figure:
        case cst.Call(func=cst.Attribute(value=cst.Comparison(), attr=cst.Name("sum")), args=[]):
            return True
        case cst.Call(
            func=cst.Attribute(value=cst.Call(func=cst.Attribute(attr=cst.Name("eq"))), attr=cst.Name("sum")), args=[]
        ):
            return True
    return False
