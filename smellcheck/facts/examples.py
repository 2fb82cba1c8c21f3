"""Which values are examples: written down in the source, made up on the spot, or made of nothing but such."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File
    from .scopes import Definition

_WRAPPERS = {"torch.autograd.Variable", "torch.Tensor", "torch.FloatTensor"}
_MADE_UP = re.compile(r"^torch\.(randn|rand|ones|zeros|randint|full|empty|arange|Tensor|FloatTensor)(_like)?$")
_SPELLED = re.compile(
    r"^(torch\.(tensor|Tensor|as_tensor|\w*Tensor|from_numpy|stack|cat|unsqueeze|autograd\.Variable)"
    r"|numpy\.(array|asarray|expand_dims))$"
)
#: Further than this nobody follows by eye, nor do we.
_DEEPEST, _LONGEST = 40, 300
#: As many examples are shown; more are a data set.
_FEW = 12


class Examples:
    """Answers for the expressions of one file."""

    def __init__(self, file: File) -> None:
        self._file = file
        #: What is being asked about: a round of a loop may be given what the one before it gave.
        self._asked: set[Definition] = set()
        self._work = 0

    def is_made_up(self, node: cst.CSTNode, *, sized: bool = False) -> bool:
        """Whether an input is made up on the spot, of random numbers or of none; `sized`, in sizes that stand there."""
        match node:
            case cst.Name():
                reaching = self._file.scopes.reaching(node)
                return bool(reaching) and all(
                    d.kind == "assign" and not d.path and d.value is not None and self.is_made_up(d.value, sized=sized)
                    for d in reaching
                )
            case cst.IfExp(body=one, orelse=other):
                return self.is_made_up(one, sized=sized) and self.is_made_up(other, sized=sized)
            case cst.Call(func=func, args=args):
                name = self._file.name(func) or ""
                if name in _WRAPPERS and args and self.is_made_up(args[0].value, sized=sized):
                    return True
                if isinstance(func, cst.Attribute) and not name:
                    return self.is_made_up(func.value, sized=sized)
                if name == "torch.autograd.Variable" or not _MADE_UP.match(name):
                    return False
                return not sized or (
                    bool(args) and all(self._stands_there(arg.value) for arg in args if not arg.keyword)
                )
        return False

    def _stands_there(self, size: cst.BaseExpression) -> bool:
        match size:
            case cst.Tuple(elements=elements) | cst.List(elements=elements):
                return all(self._stands_there(element.value) for element in elements)
            case cst.BinaryOperation(left=left, right=right):
                return self._stands_there(left) and self._stands_there(right)
        return isinstance(size, cst.Integer)

    def is_written(self, node: cst.CSTNode) -> bool:
        """Whether a value is made of numbers and texts that stand in the source, and of nothing else."""
        self._work = 0
        return self._is(node, 0, given=False)

    def is_example(self, node: cst.CSTNode) -> bool:
        """Whether a value is written down, made up, or what a module gives for such."""
        self._work = 0
        return self._is(node, 0, given=True)

    def few_rounds(self, node: cst.CSTNode) -> bool:
        """Whether the loops around a node, if any, run over a few things that stand in the source."""
        return all(self._few(loop.over or getattr(loop.node, "iter", None)) for loop in self._file.context.loops(node))

    def _few(self, over: cst.CSTNode | None) -> bool:
        match over:
            case cst.List(elements=elements) | cst.Tuple(elements=elements):
                return len(elements) <= _FEW and self.is_written(over)
            case cst.Call(func=cst.Name("range"), args=[cst.Arg(value=cst.Integer() as count)]):
                return count.evaluated_value <= _FEW
            case cst.Name():
                reaching = self._file.scopes.reaching(over)
                return bool(reaching) and all(
                    d.kind == "assign"
                    and not d.path
                    and isinstance(d.value, cst.List | cst.Tuple)
                    and self._few(d.value)
                    for d in reaching
                )
        return False

    def _is(self, node: cst.CSTNode, depth: int, *, given: bool) -> bool:
        self._work += 1
        if depth > _DEEPEST or self._work > _LONGEST:
            return False
        match node:
            case cst.SimpleString() | cst.ConcatenatedString() | cst.Integer() | cst.Float():
                return True
            case cst.UnaryOperation(expression=inner) | cst.Subscript(value=inner) | cst.Attribute(value=inner):
                return self._is(inner, depth + 1, given=given)
            case cst.List(elements=elements) | cst.Tuple(elements=elements):
                return bool(elements) and all(self._is(element.value, depth + 1, given=given) for element in elements)
            case cst.ListComp(
                elt=element, for_in=cst.CompFor(target=cst.Name(value=name), iter=over, inner_for_in=None)
            ):
                return _of_each(element, name) and self._is(over, depth + 1, given=given)
            case cst.Name():
                reaching = self._file.scopes.reaching(node)
                return bool(reaching) and all(self._is_bound(d, depth, given=given) for d in reaching)
            case cst.Call():
                return self._is_called(node, depth, given=given)
        return False

    def _is_bound(self, definition: Definition, depth: int, *, given: bool) -> bool:
        value = definition.value
        if definition in self._asked:
            return given
        if value is None or (definition.path and not given):
            return False
        if definition.kind == "for":
            return not definition.path and self._few(value)
        if definition.kind != "assign":
            return False
        self._asked.add(definition)
        try:
            return self._is(value, depth + 1, given=given)
        finally:
            self._asked.discard(definition)

    def _is_called(self, call: cst.Call, depth: int, *, given: bool) -> bool:
        """A tensor or a tokenizer's answer that is made of what stands in the source, or a module's for such."""
        owner = call.func.value if isinstance(call.func, cst.Attribute) else call.func
        name, kind = self._file.name(call.func) or "", self._file.values.kind(owner)
        arguments = [arg.value for arg in call.args if arg.keyword is None]
        if given and self.is_made_up(call):
            return True
        if _SPELLED.match(name) or kind == "tokenizer":
            return bool(arguments) and all(self._is(value, depth + 1, given=given) for value in arguments)
        if given and kind == "module":
            # The first state of a network that is given nothing is an example, too.
            return all(self._is(value, depth + 1, given=given) for value in arguments)
        return isinstance(call.func, cst.Attribute) and self._is(call.func.value, depth + 1, given=given)


def _of_each(element: cst.BaseExpression, name: str) -> bool:
    """Whether one thing is made of one item: itself, what a table holds for it, or what a function gives for it."""
    match element:
        case cst.Name(value=value):
            return value == name
        case cst.Subscript(value=cst.Name(), slice=[cst.SubscriptElement(slice=cst.Index(value=inner))]):
            return _of_each(inner, name)
        case cst.Call(func=cst.Name() | cst.Attribute(), args=[cst.Arg(value=inner, keyword=None)]):
            return _of_each(inner, name)
    return False
