"""Where a call surely moves its receiver: `x.to(device)`, `x.cuda()`, `x.cpu()`, and no cast."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

_GPU = re.compile(r"cuda|gpu|device", re.I)
_DEVICE = re.compile(r"(^|_)(device|dev|gpu|cuda)\d*$|^(cuda|cpu|mps|xpu)(:\d+)?$", re.I)
_TYPE = re.compile(r"(\.|^)dtype$|^torch\.(bool|u?int\d+|b?float\d+|long|int|short|half|float|double)$")


class Moves:
    """The moves between devices in one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def destination(self, call: cst.CSTNode) -> str | None:
        """Where a call surely moves its receiver, as spelled; `None` for casts and everything else."""
        match call:
            case cst.Call(func=cst.Attribute(attr=cst.Name("cpu")), args=[]):
                return '"cpu"'
            case cst.Call(func=cst.Attribute(attr=cst.Name("cuda")), args=args):
                given = (self._file.text_of(arg.value) for arg in args if not _is(arg, "non_blocking"))
                return "cuda(" + ", ".join(given) + ")"
            case cst.Call(func=cst.Attribute(attr=cst.Name("to")), args=[first, *rest]):
                if (
                    first.star
                    or not all(_is(arg, "non_blocking") for arg in rest)
                    or (first.keyword and not _is(first, "device"))
                ):
                    return None
                text = self._file.text_of(first.value)
                known = self._file.values.kind(first.value) in ("device", "string") or text.endswith(".device")
                # `self._device()` asks for one.
                return (
                    text if known or _DEVICE.search(text.removesuffix("()").strip("\"'").rpartition(".")[2]) else None
                )
        return None

    def casting(self, call: cst.CSTNode) -> tuple[str, cst.Arg | None] | None:
        """Where a call moves its receiver, and the type that it casts it to in passing: `x.to(device, torch.half)`."""
        moved = self.destination(call)
        if moved is not None or not isinstance(call, cst.Call):
            return (moved, None) if moved is not None else None
        types = [arg for arg in call.args[1:] if self._is_type(arg)]
        rest = [arg for arg in call.args if arg not in types]
        moved = self.destination(call.with_changes(args=rest)) if len(types) == 1 else None
        return (moved, types[0]) if moved is not None else None

    def _is_type(self, arg: cst.Arg) -> bool:
        """Whether an argument of `to` surely is a type."""
        if arg.keyword is not None or arg.star:
            return _is(arg, "dtype")
        return _TYPE.search(self._file.text_of(arg.value)) is not None

    def right_after(self, made: cst.CSTNode) -> cst.Call | None:
        """The call that moves what was just made and named, there at most if there is a GPU, before it is used."""
        statement = self._file.context.statement(made)
        block = self._file.parent(statement)
        match statement:
            case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))])]):
                pass
            case _:
                return None
        if not isinstance(block, cst.IndentedBlock | cst.Module):
            return None
        following: list[cst.CSTNode] = list(block.body[block.body.index(statement) + 1 :])
        reads = self._first(name, following)
        match reads:
            case cst.If(test=test, body=body, orelse=None) if _GPU.search(self._file.text_of(test)):
                reads = None if self._names(name, test) else self._first(name, list(body.body))
        if isinstance(reads, cst.SimpleStatementLine) and len(reads.body) == 1:
            reads = reads.body[0]
        return self._moved_in(reads, name) if isinstance(reads, cst.Assign) else None

    def _first(self, name: str, statements: list[cst.CSTNode]) -> cst.CSTNode | None:
        """The first of some statements that says a name."""
        return next((one for one in statements if self._names(name, one)), None)

    def _names(self, name: str, node: cst.CSTNode) -> bool:
        return any(one.value == name for one in self._file.tree.of_type(cst.Name, node))

    def _moved_in(self, assigned: cst.Assign, name: str) -> cst.Call | None:
        """The call by which an assignment moves what a name means: `x = x.cuda()`, `x, y = x.cuda(), y.cuda()`."""
        match assigned:
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Tuple(elements=to))], value=cst.Tuple(elements=of)):
                pairs = [(one.value, other.value) for one, other in zip(to, of, strict=False)]
                pairs = pairs if len(to) == len(of) else []
            case cst.Assign(targets=[cst.AssignTarget(target=target)], value=value):
                pairs = [(target, value)]
            case _:
                return None
        named = [value for target, value in pairs if isinstance(target, cst.Name) and target.value == name]
        if len(named) != 1 or any(self._names(name, value) for _, value in pairs if value is not named[0]):
            return None
        inner = self.unwrapped(named[0]) if isinstance(named[0], cst.Call) else None
        receiver = inner.func.value if inner is not None and isinstance(inner.func, cst.Attribute) else None
        moves = isinstance(receiver, cst.Name) and receiver.value == name
        return inner if moves and inner is not None and self.destination(inner) is not None else None

    def unwrapped(self, call: cst.Call) -> cst.Call:
        """What a `Variable` is made of, which has been the same as itself since torch 0.4; other calls as they are."""
        match call:
            case cst.Call(args=[cst.Arg(value=cst.Call() as inner, star="")]) if self.wraps(call):
                return inner
        return call

    def wraps(self, call: cst.Call) -> bool:
        """Whether a call makes a `Variable`, and says nothing of gradients."""
        return len(call.args) == 1 and self._file.name(call.func) == "torch.autograd.Variable"

    def wherever_used(self, made: cst.BaseExpression) -> cst.Call | None:
        """The first call that moves what was just made and named, where nothing else is done with the name."""
        match self._file.parent(made):
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)]):
                moved = [self._of(use) for use in self._file.uses(bound)]
                return moved[0] if moved and None not in moved else None
        return None

    def on_one_side(self, made: cst.BaseExpression) -> cst.Call | None:
        """The call that moves what was just made and named, where another tensor turns out to be on a device.

        `if x.is_cuda: made = made.cuda()`, and nothing that runs before is done with the name.
        """
        file = self._file
        match file.parent(made):
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)]):
                uses = file.uses(bound)
            case _:
                return None
        for use in uses:
            moved, side = self._of(use), self._side(use)
            again = file.parent(moved) if moved is not None else None
            if side is None or not isinstance(again, cst.Assign) or len(again.targets) != 1:
                continue
            asked, branch = side
            others = [one for one in uses if one is not use]
            early = any(
                file.before(one, use) if file.context.within(one, branch) else file.before(one, asked) for one in others
            )
            if file.same(again.targets[0].target, bound) and not early and not file.context.within(made, asked):
                return moved
        return None

    def _side(self, node: cst.CSTNode) -> tuple[cst.If, cst.CSTNode] | None:
        """The condition that asks where a tensor is, around a node, and the branch for a device that the node is in."""
        for child, above in self._file.context.ancestors(node):
            if isinstance(above, cst.FunctionDef):
                return None
            if isinstance(above, cst.If):
                test = above.test
                negated = isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not)
                asked = test.expression if isinstance(test, cst.UnaryOperation) else test
                branch = above.orelse if negated else above.body
                cuda = isinstance(asked, cst.Attribute) and asked.attr.value == "is_cuda"
                return (above, child) if cuda and child is branch else None
        return None

    def _of(self, name: cst.Name) -> cst.Call | None:
        """The call that moves what a name means, right where it is read."""
        method = self._file.parent(name)
        call = self._file.parent(method) if isinstance(method, cst.Attribute) else None
        if not isinstance(call, cst.Call) or call.func is not method or len(self._file.scopes.reaching(name)) != 1:
            return None
        return call if self.destination(call) is not None else None


def _is(arg: cst.Arg, name: str) -> bool:
    return arg.keyword is not None and arg.keyword.value == name
