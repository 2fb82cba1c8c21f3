"""What makes the host wait for the device: reads of tensors, where they end up, and how often they are made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

_READS = {"item", "tolist", "cpu", "numpy"}
_CASTS = {"float", "int"}
_HOLDERS = ("list", "dict")
_HOST_KINDS = ("array", "number", "string", *_HOLDERS)
# What only passes a figure on, to be printed, gathered or drawn.
_REPORTS = re.compile(
    r"^(print|append|extend|format|update|log\w*|write|info|debug|add|add_\w+|set_postfix\w*|set_description\w*|record)$"
)
_FURTHER = ("mean", "sum", "item", "format", "numpy", "tolist", "detach", "data")
_FORMS = ("float", "int", "round", "str", "format", "sum", "dict")
_PASSES = (
    cst.Arg, cst.BinaryOperation, cst.UnaryOperation, cst.Tuple, cst.List, cst.Dict, cst.Element, cst.DictElement,
    cst.FormattedString, cst.FormattedStringExpression, cst.ConcatenatedString, cst.DictComp, cst.Call, cst.Attribute,
)  # fmt: skip
_DEEPEST = 4
#: Every second, third or fourth turn is as good as every one.
_MANY_TURNS = 4
#: What is asked for to look closer, and is not there otherwise.
_ASKED = re.compile(r"debug|verbose|print|profil|%|isinstance|is_tensor|\(", re.I)
_TIMED = re.compile(r"\btime\b|perf_counter|synchronize|\btimeit|locals\(\)")


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
                return self._sent(owner) or (kind(owner) in ("tensor", "output", None) and not self.on_host(owner))
            case cst.Call(func=cst.Name(value=cast), args=[cst.Arg(value=given)]) if cast in _CASTS:
                return (kind(given) == "tensor" or self._sent(given)) and not self.on_host(given)
        return False

    def _sent(self, given: cst.BaseExpression) -> bool:
        """Whether a name is the loss that the loop around it sends backward: a tensor, though it began as nought."""
        loops = self._file.context.loops(given) if isinstance(given, cst.Name) else []
        return isinstance(given, cst.Name) and any(
            (sent := self._file.steps.sent(one)) is not None
            and isinstance(sent, cst.Name)
            and sent.value == given.value
            and set(self._file.scopes.reaching(sent)) == set(self._file.scopes.reaching(given))
            for one in (self._file.tree.of_type(cst.Call, loops[0].node) if loops else ())
        )

    def on_host(self, node: cst.CSTNode, depth: int = 0, *, within: bool = False) -> bool:
        """Whether a value was brought to the host before, or is no tensor at all.

        What lies `within` a list or a dictionary may be a tensor on the device.
        """
        kind = self._file.values.kind(node)
        if kind in _HOST_KINDS and not (within and kind in _HOLDERS):
            return True
        match node:
            case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value=method)), args=args):
                if method in _READS or (method == "to" and args and "cpu" in self._file.text_of(args[0])):
                    return True
                return self.on_host(inner, depth, within=within)
            case cst.Attribute(value=inner):
                return self.on_host(inner, depth, within=within)
            case cst.Subscript(value=inner):
                return self.on_host(inner, depth, within=True)
            # A number beside a tensor takes the tensor's place, wherever that is.
            case cst.BinaryOperation(left=left, right=right) if self._file.values.kind(left) == "number":
                return self.on_host(right, depth)
            case cst.BinaryOperation(left=inner) | cst.Comparison(left=inner):
                return self.on_host(inner, depth)
            case cst.Name() if depth < _DEEPEST:
                reaching = self._file.scopes.reaching(node)
                return bool(reaching) and all(
                    one.kind == "assign"
                    and isinstance(one.value, cst.BaseExpression)
                    and (
                        self.on_host(part, depth + 1, within=within)
                        if (part := self._file.scopes.part(one.value, one.path)) is not None
                        else self.on_host(one.value, depth + 1, within=True)
                    )
                    for one in reaching
                )
        return False

    def seldom(self, node: cst.CSTNode, loop: cst.CSTNode | None = None, *, beside: cst.CSTNode | None = None) -> bool:
        """Whether only some turns of a loop get to a node; without one, whether it is done every so many steps.

        Where turns are only those that get to what is `beside` it, a condition around both skips none.
        """
        for child, above in self._file.context.ancestors(node):
            if above is loop:
                return self._skipped(child, node)
            if isinstance(above, cst.ExceptHandler):
                return True
            if isinstance(above, cst.If | cst.IfExp) and child is not above.test:
                if beside is not None and self._file.context.within(beside, child):
                    continue
                if child is above.orelse and loop is not None and _asks_for_the_first(above.test):
                    continue
                if isinstance(loop, cst.For | cst.While) and (
                    self._settled(above.test, loop) or _lets_many(above.test)
                ):
                    continue
                if loop is not None or re.search(r"%|isinstance|is_tensor", self._file.text_of(above.test)):
                    return True
        return False

    def every_few(self, node: cst.CSTNode, loop: cst.CSTNode) -> bool:
        """Whether every second turn of a loop gets to a node, or so."""
        return any(
            isinstance(above, cst.If) and _lets_many(above.test) and self._file.context.within(above, loop)
            for _, above in self._file.context.ancestors(node)
        )

    def _settled(self, test: cst.BaseExpression, loop: cst.For | cst.While) -> bool:
        """Whether a condition is the same in all turns of a loop: a setting or a rank, and none that asks for more."""
        return all(
            not _ASKED.search(self._file.text_of(part)) and self._file.context.invariant(part, loop)
            for part in _asked(test)
        )

    def _skipped(self, body: cst.CSTNode, node: cst.CSTNode) -> bool:
        """Whether most turns end before they come to a node: `if step % 10: continue`."""
        return any(
            isinstance(one, cst.If)
            and "%" in self._file.text_of(one.test)
            and any(isinstance(last, cst.Continue) for line in _lines(one.body) for last in line.body)
            and self._file.before(one, node)
            for one in getattr(body, "body", ())
        )

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
                # Before torch 0.4 a loss was a vector of one number.
                case cst.Subscript(value=value, slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer("0")))]):
                    if value is not current:
                        return False
                case cst.AugAssign() | cst.Expr() | cst.Del() | cst.Assign(targets=[cst.AssignTarget(cst.Subscript())]):
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

    def unread(self, read: cst.Call) -> bool:
        """Whether what a read brings to the host is bound to a name that nobody looks at."""
        file = self._file
        function = file.context.function(read)
        match file.context.statement(read):
            case cst.SimpleStatementLine(
                body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)], value=value)]
            ):
                pass
            case _:
                return False
        chain: cst.CSTNode = read
        while isinstance(above := file.parent(chain), cst.Attribute | cst.Call) and chain in (
            above.value if isinstance(above, cst.Attribute) else above.func,
        ):
            chain = above
        # A name with a bar in front, or a clock beside it, says that the wait itself is wanted.
        if function is None or chain is not value or bound.value.startswith("_"):
            return False
        return len(file.tree.named(bound.value, function)) == 1 and not _TIMED.search(file.text_of(function))


def _lines(block: cst.BaseSuite) -> list[cst.SimpleStatementLine | cst.SimpleStatementSuite]:
    """The simple statements of a block itself."""
    if isinstance(block, cst.SimpleStatementSuite):
        return [block]
    return [line for line in block.body if isinstance(line, cst.SimpleStatementLine)]


def _asked(test: cst.BaseExpression) -> list[cst.BaseExpression]:
    """What a condition hangs on: the parts of an `and` or `or`, and the thing itself where it is asked of what type."""
    match test:
        case cst.BooleanOperation(left=left, right=right):
            return [*_asked(left), *_asked(right)]
        case cst.Comparison(left=cst.Call(func=cst.Name("type"), args=[cst.Arg(value=thing)])):
            return [thing]
    return [test]


def _lets_many(test: cst.BaseExpression) -> bool:
    """Whether a test lets every second turn of a loop through, or so: `i % 2 == 0`."""
    match test:
        case cst.Comparison(
            left=cst.BinaryOperation(left=cst.Name(), operator=cst.Modulo(), right=cst.Integer(value=every)),
            comparisons=[cst.ComparisonTarget(operator=cst.Equal(), comparator=cst.Integer())],
        ):
            return 0 < int(every, 0) <= _MANY_TURNS
    return False


def _asks_for_the_first(test: cst.BaseExpression) -> bool:
    """Whether a test lets one turn of a loop through, the first: `i == 0`."""
    match test:
        case cst.Comparison(
            left=cst.Name(),
            comparisons=[cst.ComparisonTarget(operator=cst.Equal(), comparator=cst.Integer(value="0"))],
        ):
            return True
    return False
