"""Waits for the device for what nobody asks on the host: numbers that become tensors again, messages never shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

_MAKERS = re.compile(r"^torch\.(as_)?tensor$")
_LOGGERS = re.compile(r"log(ger|ging)?$", re.I)
_TENSORS = re.compile(r"^(typing\.)?(list|sequence)\[(torch\.)?tensor\]$", re.I)
_SHOWN = re.compile(r"debug|isEnabledFor|verbose|level|%", re.I)
#: What weighs numbers, and asks nothing of them.
_WEIGHS = ("sum", "len", "zip", "enumerate", "torch.tensor", "torch.as_tensor", "numpy.mean", "numpy.array")


class Needless:
    """The needless waits in one file; false where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def is_sent_back(self, read: cst.Call) -> bool:
        """Whether each turn of a loop reads a number only to make a tensor on the device of it."""
        file = self._file
        loops = file.context.loops(read)
        if not loops or not isinstance(loops[0].node, cst.For | cst.While) or not file.hot.runs_often(read):
            return False
        match file.context.statement(read):
            case cst.SimpleStatementLine(
                body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)], value=value)]
            ) if _uncast(value) is read:
                uses = file.uses(bound)
            case _:
                return False
        there = all(file.context.within(use, loops[0].node.body) and self._makes(use) for use in uses)
        return bool(uses) and there and file.readbacks.waits(read)

    def _makes(self, use: cst.CSTNode) -> bool:
        """Whether a number is all that a new tensor on the device is made of."""
        file = self._file
        above = file.parent(use)
        while isinstance(above, cst.Element | cst.List | cst.Tuple):
            if isinstance(above, cst.List | cst.Tuple) and len(above.elements) != 1:
                return False
            above = file.parent(above)
        made = file.parent(above) if isinstance(above, cst.Arg) and above.keyword is None else None
        if not isinstance(made, cst.Call) or made.args[0] is not above or not _MAKERS.match(file.name(made.func) or ""):
            return False
        place = file.argument(made, "device")
        if place is not None:
            return "cpu" not in file.text_of(place.value)
        match file.parent(made):
            case cst.Attribute(attr=cst.Name("cuda")):
                return True
            case cst.Attribute(attr=cst.Name("to")) as moved:
                call = file.parent(moved)
                return isinstance(call, cst.Call) and bool(re.search(r"device|cuda", file.text_of(call.args[0])))
        return False

    def is_formatted(self, message: cst.Call) -> bool:
        """Whether a message for who looks for mistakes formats a tensor in each step, whether it is shown or not."""
        match message:
            case cst.Call(
                func=cst.Attribute(value=logger, attr=cst.Name("debug")),
                args=[cst.Arg(value=cst.FormattedString(parts=parts)), *_],
            ) if _LOGGERS.search(self._file.text_of(logger)):
                return any(
                    isinstance(part, cst.FormattedStringExpression)
                    and isinstance(part.expression, cst.Name)
                    and self._is_told(part.expression, message)
                    for part in parts
                )
        return False

    def _is_told(self, name: cst.Name, message: cst.Call) -> bool:
        """Whether a name surely is a tensor that is computed in each step that gets to a message."""
        file = self._file
        bound = file.scopes.reaching(name)
        home = file.context.loops(message)[0].node if file.context.loops(message) else file.context.function(message)
        if home is None or len(bound) != 1 or bound[0].kind != "assign" or not file.context.within(bound[0].node, home):
            return False
        if file.readbacks.on_host(name) or self._is_asked_for(message, bound[0].node, home):
            return False
        return self._is_tensor(name, home) and file.hot.runs_often(message)

    def _is_asked_for(self, message: cst.Call, beside: cst.CSTNode, home: cst.CSTNode) -> bool:
        """Whether a condition is around a message, and not around what it tells."""
        for child, above in self._file.context.ancestors(message):
            if above is home:
                return False
            if isinstance(above, cst.ExceptHandler):
                return True
            if isinstance(above, cst.If) and child is not above.test:
                if _SHOWN.search(self._file.text_of(above.test)) or not self._file.context.within(beside, child):
                    return True
        return False

    def _is_tensor(self, name: cst.Name, home: cst.CSTNode) -> bool:
        """Whether a name is a tensor by what is known of it, sent backward, or put in a list of tensors."""
        file = self._file
        if file.values.kind(name) == "tensor":
            return True
        for call in file.tree.own_of_type(cst.Call, home):
            if (sent := file.steps.sent(call)) is not None and file.rereads.is_same(sent, name):
                return True
            match call:
                case cst.Call(
                    func=cst.Attribute(value=cst.Attribute() as held, attr=cst.Name("append")),
                    args=[cst.Arg(value=cst.Name() as given)],
                ) if file.rereads.is_same(given, name) and self._holds_tensors(held):
                    return True
        return False

    def _holds_tensors(self, held: cst.Attribute) -> bool:
        """Whether an annotation in the class calls an attribute a list of tensors."""
        owner = self._file.calls.enclosing_class(held)
        return owner is not None and any(
            self._file.same(one.target, held) and _TENSORS.match(self._file.text_of(one.annotation.annotation))
            for one in self._file.tree.of_type(cst.AnnAssign, owner)
        )

    def is_norm_of_loss(self, read: cst.Call) -> bool:
        """Whether a loop over losses reads the norm of the gradient of each, only to weigh them by it later."""
        file = self._file
        loops, function = file.context.loops(read), file.context.function(read)
        if not loops or function is None or loops[0].kind in ("few", "member"):
            return False
        calls = file.tree.own_of_type(cst.Call, loops[0].node)
        if not any(file.name(one.func) == "torch.autograd.grad" and file.before(one, read) for one in calls):
            return False
        match read, file.context.statement(read):
            case (
                cst.Call(func=cst.Attribute(value=cst.Call(func=cst.Attribute(attr=cst.Name("norm"))))),
                cst.SimpleStatementLine(
                    body=[cst.Expr(value=cst.Call(func=cst.Attribute(value=cst.Name() as held), args=[cst.Arg(given)]))]
                ),
            ) if given is read:
                uses = [one for one in file.tree.named(held.value, function) if file.reads(one) and one is not held]
                weighs = [one for one in uses if not self._is_append(one)]
                return bool(weighs) and all(self._weighs(one) for one in weighs) and file.hot.runs_often(read)
        return False

    def _is_append(self, name: cst.Name) -> bool:
        """Whether a list is only put something into."""
        above = self._file.parent(name)
        return isinstance(above, cst.Attribute) and above.attr.value == "append"

    def _weighs(self, name: cst.Name) -> bool:
        """Whether a list is gone through, or added up, where no condition asks for what comes of it."""
        file, above = self._file, self._file.parent(name)
        if any(isinstance(one, cst.If | cst.While | cst.IfExp | cst.Return) for one in self._tests(name)):
            return False
        if isinstance(above, cst.CompFor | cst.For):
            return above.iter is name
        called = file.parent(above) if isinstance(above, cst.Arg) else None
        return isinstance(called, cst.Call) and (file.name(called.func) or file.text_of(called.func)) in _WEIGHS

    def _tests(self, name: cst.Name) -> list[cst.CSTNode]:
        """What asks for a value: the conditions that a name stands in, and what gives it back."""
        return [
            above
            for child, above in self._file.context.ancestors(name)
            if isinstance(above, cst.Return) or child is getattr(above, "test", None)
        ]


def _uncast(value: cst.BaseExpression) -> cst.BaseExpression:
    """The read in `int(read)`."""
    match value:
        case cst.Call(func=cst.Name("int" | "float"), args=[cst.Arg(value=inner)]):
            return inner
    return value
