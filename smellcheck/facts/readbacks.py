"""What makes the host wait for the device: reads of tensors, where they end up, and how often they are made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

_READS = {"item", "tolist", "cpu", "numpy"}
_CASTS = {"float", "int"}
_HOST_KINDS = ("array", "number", "list", "string", "dict")
# What only passes a figure on, to be printed, gathered or drawn.
_REPORTS = re.compile(
    r"^(print|append|extend|format|update|log\w*|write|info|debug|add|add_\w+|set_postfix\w*|set_description\w*|record)$"
)
_FURTHER = ("mean", "sum", "item", "format", "numpy", "tolist", "detach")
_FORMS = ("float", "int", "round", "str", "format", "sum")
_PASSES = (
    cst.Arg, cst.BinaryOperation, cst.UnaryOperation, cst.Tuple, cst.List, cst.Dict, cst.Element, cst.DictElement,
    cst.FormattedString, cst.FormattedStringExpression, cst.ConcatenatedString, cst.DictComp, cst.Call, cst.Attribute,
)  # fmt: skip
_DEEPEST = 4
#: Functions that give the loss of a training step, and those that only measure.
_CUT = re.compile(r"\.(detach|item|tolist|cpu)\(\)(\.\w+\(\))*$")
_LOSSES = re.compile(r"loss|criterion|objective", re.I)
_MEASURES = re.compile(r"(^|_)(eval\w*|val(id\w*)?|test\w*|metrics?|report|log|plot|print)(_|$)", re.I)


class Readbacks:
    """The reads from the device in one file; false where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    @staticmethod
    def may_wait(call: cst.Call) -> bool:
        """Whether a call is spelled like a read: told before anybody asks what it reads."""
        match call.func:
            case cst.Attribute(attr=cst.Name(value=method)):
                return method in _READS and not call.args
            case cst.Name(value=cast):
                return cast in _CASTS
        return False

    def waits(self, call: cst.Call) -> bool:
        """Whether a call reads what may be a tensor on a device: `loss.item()`, `x.cpu().numpy()` once, `float(t)`."""
        kind = self._file.values.kind
        match call:
            case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name(value=method)), args=[]) if method in _READS:
                return kind(owner) in ("tensor", "output", None) and not self.on_host(owner)
            case cst.Call(func=cst.Name(value=cast), args=[cst.Arg(value=given)]) if cast in _CASTS:
                return (kind(given) == "tensor" or self._sent(given)) and not self.on_host(given)
        return False

    def _sent(self, given: cst.BaseExpression) -> bool:
        """Whether a name is the loss that the loop around it sends backward."""
        loops = self._file.context.loops(given)
        return isinstance(given, cst.Name) and any(
            (sent := self._file.steps.sent(one)) is not None
            and isinstance(sent, cst.Name)
            and sent.value == given.value
            and set(self._file.scopes.reaching(sent)) == set(self._file.scopes.reaching(given))
            for one in (self._file.tree.of_type(cst.Call, loops[0].node) if loops else ())
        )

    def on_host(self, node: cst.CSTNode, depth: int = 0) -> bool:
        """Whether a value was brought to the host before, or is no tensor at all."""
        if self._file.values.kind(node) in _HOST_KINDS:
            return True
        match node:
            case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value=method)), args=args):
                if method in _READS or (method == "to" and args and "cpu" in self._file.text_of(args[0])):
                    return True
                return self.on_host(inner, depth)
            case cst.Attribute(value=inner) | cst.Subscript(value=inner):
                return self.on_host(inner, depth)
            case cst.BinaryOperation(left=inner) | cst.Comparison(left=inner):
                return self.on_host(inner, depth)
            case cst.Name() if depth < _DEEPEST:
                reaching = self._file.scopes.reaching(node)
                return bool(reaching) and all(
                    one.kind == "assign" and one.value is not None and self.on_host(one.value, depth + 1)
                    for one in reaching
                )
        return False

    def seldom(self, node: cst.CSTNode, loop: cst.CSTNode | None = None) -> bool:
        """Whether only some turns of a loop get to a node; without one, whether it is done every so many steps."""
        for child, above in self._file.context.ancestors(node):
            if above is loop:
                return self._skipped(child)
            if isinstance(above, cst.ExceptHandler):
                return True
            if isinstance(above, cst.If | cst.IfExp) and child is not above.test:
                if loop is not None or re.search(r"%|isinstance|is_tensor", self._file.text_of(above.test)):
                    return True
        return False

    def _skipped(self, body: cst.CSTNode) -> bool:
        """Whether most turns end before they report: `if step % 10: continue`."""
        return any(
            isinstance(one, cst.If)
            and "%" in self._file.text_of(one.test)
            and "continue" in self._file.text_of(one.body)
            for one in getattr(body, "body", ())
        )

    def beside_loss(self, function: cst.FunctionDef) -> list[cst.Call]:
        """The figures that a function reads each time, only to give them back beside a loss that is not read itself."""
        file = self._file
        if _MEASURES.search(function.name.value):
            return []
        nodes = file.calls.own_nodes(function)
        returned = [one.value for one in nodes if isinstance(one, cst.Return) and one.value is not None]
        if not returned or not any(self._is_loss(part) for one in returned for part in _parts(one)):
            return []
        calls = [one for one in file.calls.own_calls(function) if self.may_wait(one)]
        if any(file.steps.sent(one) is not None for one in file.calls.own_calls(function)):
            return []
        return [
            one
            for one in calls
            if isinstance(one.func, cst.Attribute)
            and one.func.attr.value == "item"
            and not file.context.loops(one)
            and not self.seldom(one, function)
            and not self._printed(one)
            and self.reported(one, returned=True)
            and self.waits(one)
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
        return not cut and (summed or not self.on_host(part))

    def reported(self, node: cst.CSTNode, depth: int = 0, *, returned: bool = False) -> bool:
        """Whether a figure is only added up, gathered, printed or drawn, here or by the name that it is bound to.

        To be `returned` counts as well where that is asked for: the caller gets a number.
        """
        current, above = node, self._file.parent(node)
        while above is not None:
            match above:
                case cst.Call(func=func) if func is not current:
                    name = func.attr.value if isinstance(func, cst.Attribute) else self._file.text_of(func)
                    record = returned and (name == "dict" or name[:1].isupper())
                    if not record and name not in _FORMS and not _REPORTS.match(name):
                        return False
                case cst.Attribute() if above.attr.value not in _FURTHER:
                    return False
                case cst.AugAssign() | cst.Expr() | cst.Assign(targets=[cst.AssignTarget(target=cst.Subscript())]):
                    return True
                case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)]) if depth < 2:
                    loops = self._file.context.loops(node)
                    around = loops[0].node if loops else None
                    return all(
                        self.seldom(use, around) or self.reported(use, depth + 1, returned=returned)
                        for use in self._file.uses(bound)
                    )
                case cst.Return():
                    return returned
                case _ if not isinstance(above, _PASSES):
                    return False
            current, above = above, self._file.parent(above)
        return False


def _parts(returned: cst.BaseExpression) -> list[cst.BaseExpression]:
    """What a function gives back in one tuple or dictionary, beside other things."""
    match returned:
        case cst.Tuple(elements=elements) | cst.Dict(elements=elements) if len(elements) > 1:
            return [one.value for one in elements if isinstance(one, cst.Element | cst.DictElement)]
    return []
