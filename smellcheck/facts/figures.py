"""The figures that single steps of a training read from the device, to report them or to give them back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .tree import dotted

if TYPE_CHECKING:
    from ..file import File

#: Functions that give the loss of a training step, and those that only measure.
_CUT = re.compile(r"\.(detach|item|tolist|cpu)\(\)(\.\w+\(\))*$")
_LOSSES = re.compile(r"loss|criterion|objective", re.I)
_MEASURES = re.compile(r"(^|_)(eval\w*|val(id\w*)?|test\w*|metrics?|report|log|plot|print)(_|$)", re.I)
#: Functions that send a part of a loss backward themselves, for whoever trains.
_SENDS = re.compile(r"loss|penalty|criterion|backward|step", re.I)
#: What losses derive from in torch, beside modules.
_TORCHES = re.compile(r"^torch\.nn\.(modules\.loss\.)?\w*Loss$")
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
        found = self._reported(function) if file.hot.is_step(function) else []
        if found or not any(file.steps.stepping(one) is not None for one in own):
            return found
        for one in file.tree.own_of_type(cst.Return, function.body):
            if isinstance(one.value, cst.Tuple):
                reads = [part.value for part in one.value.elements if isinstance(part.value, cst.Call)]
                reads = [read for read in reads if self._is_number(read) and file.readbacks.waits(read)]
                if len(reads) >= _MANY:
                    return reads
        return []

    def by_way(self, function: cst.FunctionDef) -> list[cst.Call]:
        """The same of a step that leaves it to another method of its object to send the loss backward."""
        file = self._file
        own = file.calls.own_calls(function)
        if not file.hot.is_named_step(function) or not any(self._is_left(one) for one in own):
            return []
        return self._reported(function)

    def _is_left(self, call: cst.Call) -> bool:
        """Whether a call gives a loss to a method of the same object that sends it backward, and steps."""
        match call:
            case cst.Call(func=cst.Attribute(value=cst.Name("self")), args=[cst.Arg(value=cst.Name() as loss)]):
                called = self._file.calls.callee(call)
                if called is None or not self._has_graph(loss) or self._file.context.loops(call):
                    return False
                given = [one.name.value for one in called.params.params][1:]
                own = self._file.calls.own_calls(called)
                sent = [
                    one for one in own if isinstance(way := self._file.steps.sent(one), cst.Name) and way.value in given
                ]
                # One object may have several optimizers, stepped in a loop.
                steps = any(self._file.steps.stepping(one) is not None for one in own)
                return steps and bool(sent) and not any(self._file.context.loops(one) for one in sent)
        return False

    def _reported(self, function: cst.FunctionDef) -> list[cst.Call]:
        """The numbers that a function reads each time, only to report or return them."""
        file = self._file
        own = file.calls.own_calls(function)
        sent = next((one for one in own if file.steps.sent(one) is not None), None)
        return [
            one
            for one in own
            if file.readbacks.may_wait(one)
            and not file.context.loops(one)
            and self._is_number(one)
            and not self._is_shown(one)
            and not file.readbacks.seldom(one, function, beside=sent)
            and file.readbacks.reported(one, returned=True)
            and file.readbacks.waits(one)
        ]

    def of_batch(self, call: cst.Call, loop: cst.CSTNode) -> bool:
        """Whether a call reads one number that is only added up or reported, in every turn of a loop."""
        match call:
            case cst.Call(func=cst.Attribute(attr=cst.Name("item" | "cpu" as method)), args=[]):
                reads, above = self._file.readbacks, self._file.parent(call)
                # What is brought to the host whole is gathered there, or it is reduced first for no more than a number.
                if method == "cpu" and not (isinstance(above, cst.Attribute) and above.attr.value in ("sum", "mean")):
                    return False
                return not reads.seldom(call, loop) and reads.reported(call) and reads.waits(call)
        return False

    def told(self, found: list[cst.Call], loop: cst.For) -> list[cst.Call]:
        """The reads that stand for all of a loop: the first, and the first behind a function that goes backward."""
        file = self._file
        always = [one for one in found if not file.context.is_guarded(one, loop)] or found[:1]
        steps = [one for one in file.tree.of_type(cst.FunctionDef, loop) if self._sends(one)]
        behind = [one for one in always if steps and file.before(steps[-1], one)]
        return [*always[:1], *behind[:1]]

    def _sends(self, function: cst.FunctionDef) -> bool:
        """Whether a function sends a loss backward."""
        return any(self._file.steps.sent(one) is not None for one in self._file.calls.own_calls(function))

    def otherwise(self, read: cst.Call, found: list[cst.Call], loop: cst.CSTNode) -> bool:
        """Whether a read is made where another one of a loop is not: in the other branch of a condition."""
        for child, above in self._file.context.ancestors(read):
            if above is loop:
                return False
            if isinstance(above, cst.If) and child is above.orelse:
                if any(self._file.context.within(one, above.body) for one in found):
                    return True
        return False

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
                again = file.rereads.is_same(loss, sent[0])
                return [read] if again and not file.context.loops(read) and file.readbacks.waits(read) else []
        return []

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

    def kept_by_loss(self, function: cst.FunctionDef) -> list[cst.Call]:
        """The figures that the forward of a loss reads each time, only to keep them for a log of its own."""
        file = self._file
        owner = file.calls.class_of(function)
        if owner is None or function.name.value != "forward":
            return []
        returned = [one.value for one in file.tree.own_of_type(cst.Return, function.body)]
        if not returned or not all(isinstance(one, cst.Name) and self._has_graph(one) for one in returned):
            return []
        return [
            one
            for one in file.calls.own_calls(function)
            if isinstance(one.func, cst.Attribute)
            and one.func.attr.value == "item"
            and self._is_loss_class(owner)
            and (kept := self._keeper(one)) is not None
            and self._is_written_only(kept, function)
            and not self._asked_for(one, function)
            and file.readbacks.waits(one)
            and file.grad.mode(one) == "on"
        ]

    def _is_loss_class(self, owner: cst.ClassDef) -> bool:
        """Whether a class is a module that is called a loss."""
        file = self._file
        derives = any(_TORCHES.match(file.name(base.value) or "") for base in owner.bases)
        return bool(_LOSSES.search(owner.name.value)) and (derives or file.values.is_module_class(owner))

    def _keeper(self, read: cst.Call) -> str | None:
        """The attribute of the object that a statement does no more than to keep a figure in."""
        match self._file.context.statement(read):
            case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=target)], value=value)]):
                return _attribute(target) if value is read else None
            case cst.SimpleStatementLine(body=[cst.AugAssign(target=target, value=value)]):
                return _attribute(target) if value is read else None
            case cst.SimpleStatementLine(
                body=[cst.Expr(value=cst.Call(func=cst.Attribute(value=target, attr=cst.Name("append" | "update"))))]
            ):
                return _attribute(target)
        return None

    def _is_written_only(self, attribute: str, function: cst.FunctionDef) -> bool:
        """Whether each statement of a function that names an attribute keeps something in it."""
        file = self._file
        for one in file.tree.own_of_type(cst.Attribute, function.body):
            if one.attr.value == attribute and dotted(one) == ["self", attribute]:
                match file.context.statement(one):
                    case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=target)])]):
                        pass
                    case cst.SimpleStatementLine(body=[cst.AugAssign(target=target)]):
                        pass
                    case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Call(func=cst.Attribute(value=target)))]):
                        pass
                    case _:
                        return False
                if not file.context.within(one, target):
                    return False
        return True

    def _asked_for(self, node: cst.CSTNode, function: cst.FunctionDef) -> bool:
        """Whether a condition is around a node, other than that a part of a loop is there at all."""
        for _, above in self._file.context.ancestors(node):
            if above is function:
                return False
            if isinstance(above, cst.If | cst.IfExp | cst.ExceptHandler | cst.While):
                test = above.test if isinstance(above, cst.If) else None
                if not (self._file.context.loops(node) and isinstance(test, cst.Comparison) and _is_there(test)):
                    return True
        return False

    def _printed(self, node: cst.CSTNode) -> bool:
        """Whether a statement of its own says a figure aloud, while somebody looks for a mistake."""
        match self._file.context.statement(node):
            case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Call(func=func))]):
                named = func.attr if isinstance(func, cst.Attribute) else func
                return not isinstance(named, cst.Name) or named.value not in ("update", "append", "extend", "add")
        return False

    def _is_loss(self, part: cst.BaseExpression) -> bool:
        """Whether a part of what is given back is a loss that still has its graph."""
        return isinstance(part, cst.Name) and bool(_LOSSES.search(part.value)) and self._has_graph(part)

    def _has_graph(self, part: cst.Name) -> bool:
        """Whether a name may be a tensor that still has its graph."""
        reaching = self._file.scopes.reaching(part)
        # A sum that begins at 0.0 is a tensor as soon as a loss is added.
        summed = any(one.kind == "augment" for one in reaching)
        cut = any(one.value is not None and _CUT.search(self._file.text_of(one.value)) for one in reaching)
        return not cut and (summed or not self._file.readbacks.on_host(part))


def _attribute(target: cst.BaseExpression) -> str | None:
    """The attribute of the object, or what it is an item of: `log` of `self.log[-1, 0]`."""
    while isinstance(target, cst.Subscript):
        target = target.value
    match dotted(target):
        case ["self", name]:
            return name
    return None


def _is_there(test: cst.Comparison) -> bool:
    """Whether a test asks whether there is something: `x is not None`."""
    match test.comparisons:
        case [cst.ComparisonTarget(operator=cst.IsNot(), comparator=cst.Name("None"))]:
            return True
    return False


def _parts(returned: cst.BaseExpression) -> list[cst.BaseExpression]:
    """What a function gives back in one tuple or dictionary, beside other things."""
    match returned:
        case cst.Tuple(elements=elements) | cst.Dict(elements=elements) if len(elements) > 1:
            return [one.value for one in elements if isinstance(one, cst.Element | cst.DictElement)]
    return []
