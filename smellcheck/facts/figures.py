"""The figures that single steps of a training read from the device, to report them or to give them back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

#: Functions that give the loss of a training step, and those that only measure.
_CUT = re.compile(r"\.(detach|item|tolist|cpu)\(\)(\.\w+\(\))*$")
_LOSSES = re.compile(r"loss|criterion|objective", re.I)
_MEASURES = re.compile(r"(^|_)(eval\w*|val(id\w*)?|test\w*|metrics?|report|log|plot|print)(_|$)", re.I)
#: Functions that send a part of a loss backward themselves, for whoever trains.
_SENDS = re.compile(r"loss|penalty|criterion|backward|step", re.I)
#: So many figures that are given back are a step's, whatever its name.
_MANY = 3


class Figures:
    """The figures of the functions of one file; none where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def of_step(self, function: cst.FunctionDef) -> list[cst.Call]:
        """The numbers that one step of a training, repeated by its callers, reads only to report or return them."""
        file = self._file
        own = file.calls.own_calls(function)
        found = []
        if file.hot.is_step(function):
            found = [
                one
                for one in own
                if file.readbacks.may_wait(one)
                and not file.context.loops(one)
                and self._is_number(one)
                and not self._is_shown(one)
                and not file.readbacks.seldom(one, function)
                and file.readbacks.reported(one, returned=True)
                and file.readbacks.waits(one)
            ]
        if found or not any(file.steps.stepping(one) is not None for one in own):
            return found
        for one in file.tree.own_of_type(cst.Return, function.body):
            if isinstance(one.value, cst.Tuple):
                reads = [part.value for part in one.value.elements if isinstance(part.value, cst.Call)]
                reads = [read for read in reads if self._is_number(read) and file.readbacks.waits(read)]
                if len(reads) >= _MANY:
                    return reads
        return []

    def of_sent(self, function: cst.FunctionDef) -> list[cst.Call]:
        """The loss that a function sends backward, as others step, and then reads only to give its number back."""
        file = self._file
        own = file.calls.own_calls(function)
        sent = [one for call in own if (one := file.steps.sent(call)) is not None]
        named = function.name.value
        if len(sent) != 1 or not _SENDS.search(named) or _MEASURES.search(named) or file.context.loops(sent[0]):
            return []
        if file.context.function(function) is not None or any(file.steps.stepping(one) is not None for one in own):
            return []
        if not all(file.readbacks.reported(one) for one in file.calls.callers(function)):
            return []
        match [one for one in file.tree.own_of_type(cst.Return, function.body) if isinstance(one.value, cst.Call)]:
            case [cst.Return(value=cst.Call(func=cst.Attribute(value=loss, attr=cst.Name("item"))) as read)]:
                again = self._is_same(loss, sent[0])
                return [read] if again and not file.context.loops(read) and file.readbacks.waits(read) else []
        return []

    def _is_same(self, one: cst.BaseExpression, other: cst.BaseExpression) -> bool:
        """Whether two names surely mean the same value."""
        reaching = self._file.scopes.reaching
        match one, other:
            case cst.Name(), cst.Name():
                return one.value == other.value and set(reaching(one)) == set(reaching(other))
        return False

    def _is_number(self, read: cst.Call) -> bool:
        """Whether a read takes one number: `loss.item()`, `float(loss)`, or the copy in `loss.cpu().item()`."""
        match read.func:
            case cst.Name() | cst.Attribute(attr=cst.Name("item")):
                return True
            case cst.Attribute(attr=cst.Name("cpu")):
                above = self._file.parent(read)
                return isinstance(above, cst.Attribute) and above.attr.value == "item"
        return False

    def _is_shown(self, node: cst.CSTNode) -> bool:
        """Whether a step prints a figure each time, for somebody who looks on."""
        match self._file.context.statement(node):
            case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Call(func=cst.Name("print")))]):
                return True
        return False

    def beside_loss(self, function: cst.FunctionDef) -> list[cst.Call]:
        """The figures that a function reads each time, only to give them back beside a loss that is not read itself."""
        file = self._file
        if _MEASURES.search(function.name.value):
            return []
        nodes = file.calls.own_nodes(function)
        returned = [one.value for one in nodes if isinstance(one, cst.Return) and one.value is not None]
        if not returned or not any(self._is_loss(part) for one in returned for part in _parts(one)):
            return []
        calls = [one for one in file.calls.own_calls(function) if file.readbacks.may_wait(one)]
        if any(file.steps.sent(one) is not None for one in file.calls.own_calls(function)):
            return []
        return [
            one
            for one in calls
            if isinstance(one.func, cst.Attribute)
            and one.func.attr.value == "item"
            and not file.context.loops(one)
            and not file.readbacks.seldom(one, function)
            and not self._printed(one)
            and file.readbacks.reported(one, returned=True)
            and file.readbacks.waits(one)
            and file.grad.mode(one) == "on"
        ]

    def _printed(self, node: cst.CSTNode) -> bool:
        """Whether a statement of its own says a figure aloud, while somebody looks for a mistake."""
        match self._file.context.statement(node):
            case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Call(func=func))]):
                named = func.attr if isinstance(func, cst.Attribute) else func
                return not isinstance(named, cst.Name) or named.value not in ("update", "append", "extend", "add")
        return False

    def _is_loss(self, part: cst.BaseExpression) -> bool:
        """Whether a part of what is given back is a loss that still has its graph."""
        if not isinstance(part, cst.Name) or not _LOSSES.search(part.value):
            return False
        reaching = self._file.scopes.reaching(part)
        # A sum that begins at 0.0 is a tensor as soon as a loss is added.
        summed = any(one.kind == "augment" for one in reaching)
        cut = any(one.value is not None and _CUT.search(self._file.text_of(one.value)) for one in reaching)
        return not cut and (summed or not self._file.readbacks.on_host(part))


def _parts(returned: cst.BaseExpression) -> list[cst.BaseExpression]:
    """What a function gives back in one tuple or dictionary, beside other things."""
    match returned:
        case cst.Tuple(elements=elements) | cst.Dict(elements=elements) if len(elements) > 1:
            return [one.value for one in elements if isinstance(one, cst.Element | cst.DictElement)]
    return []
