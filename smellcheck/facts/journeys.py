"""The way of a new tensor from where it is made to the device, through nothing but casts, shapes and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

_CASTS = frozenset({"float", "double", "half", "bfloat16", "long", "int", "bool", "byte"})
_SHAPES = frozenset({
    "view", "reshape", "unsqueeze", "squeeze", "expand", "expand_as", "repeat", "permute", "transpose", "t", "flatten",
    "contiguous", "tril", "triu",
})  # fmt: skip
_METHODS = _CASTS | _SHAPES | {"exp", "log", "sqrt", "pow", "mul", "div", "add", "sub", "flip"}
_FUNCTIONS = frozenset(
    f"torch.{name}" for name in ("tril", "triu", "unsqueeze", "exp", "log", "sqrt", "pow", "autograd.Variable")
)
#: What fills a tensor with numbers that stand in the source, or are counted.
_FACTORIES = frozenset(f"torch.{name}" for name in ("ones", "zeros", "full", "eye", "arange", "linspace"))
#: Names are followed so far.
_DEEPEST = 3


class Journeys:
    """The ways of the tensors of one file."""

    #: The methods that change the type of a tensor, and those that change its shape alone.
    casts, shapes = _CASTS, _SHAPES

    def __init__(self, file: File) -> None:
        self._file = file

    def of(self, made: cst.BaseExpression) -> list[cst.BaseExpression]:
        """A tensor, what is made of it with nothing but numbers, step by step, and at last the call that moves it."""
        steps: list[cst.BaseExpression] = [made]
        named = 0
        # What a loop makes of its own name comes back to where it was.
        while (after := self._next(steps[-1])) is not None and after not in steps:
            steps.append(after)
            if self.moves(after):
                return steps
            named = named or (len(steps) - 1 if isinstance(after, cst.Name) else 0)
        # A name that is not moved is where the tensor is used.
        return steps[:named] if named else steps

    def moves(self, step: cst.BaseExpression) -> bool:
        """Whether a call moves what it is called on to a device, or to where another tensor is."""
        match step:
            case cst.Call(func=cst.Attribute(attr=cst.Name("type_as"))):
                return True
        return self._file.moves.casting(step) is not None

    def called_next(self, made: cst.BaseExpression) -> cst.Call | None:
        """The method that the next statement calls on what is made and named, and on nothing else."""
        statement = self._file.context.statement(made)
        block = self._file.parent(statement)
        match statement:
            case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as name)])]):
                after = block.body if isinstance(block, cst.IndentedBlock) else ()
            case _:
                return None
        match [*after][[*after].index(statement) + 1 :][:1] if after else []:
            case [cst.SimpleStatementLine(body=[cst.Expr(value=cst.Call(func=cst.Attribute(value=on)) as call)])]:
                return call if self._file.same(on, name) else None
        return None

    def _next(self, current: cst.BaseExpression) -> cst.BaseExpression | None:
        """What is made of a constant with nothing but numbers, or the call that moves it, or its name where it is
        read."""
        file, above = self._file, self._file.parent(current)
        match above, file.parent(above) if above is not None else None:
            case cst.Attribute(attr=cst.Name(value=method)), cst.Call(func=func) as call if func is above:
                return call if method in _METHODS or self.moves(call) else None
            case cst.Arg(), cst.Call(func=func, args=[first, *_]) as call if first is above:
                return call if file.name(func) in _FUNCTIONS else None
            case cst.Subscript(value=value) as whole, _ if value is current and self.only_adds(whole):
                return whole
            case cst.BinaryOperation(left=left, right=right) as whole, _:
                other = right if left is current else left
                if file.constants.numbers(other) or file.constants.plain(other):
                    return whole
                # Of two such tensors the first goes on for both.
                return whole if left is current and self.on_host(other) else None
            case cst.Comparison(left=left, comparisons=[cst.ComparisonTarget(comparator=other)]) as whole, _:
                return whole if left is current and file.constants.literal(other) else None
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as name)]), _:
                uses = file.uses(name)
                if len(uses) > 1 and file.moves.right_after(current) is not None:
                    return uses[0]
                return uses[0] if len(uses) == 1 else None
        return None

    def on_host(self, node: cst.CSTNode, depth: int = 0) -> bool:
        """Whether an expression surely is a tensor that was made on the CPU, of nothing but numbers."""
        file = self._file
        match node:
            case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value=method))) if method in _METHODS:
                return self.on_host(inner, depth) if file.name(node.func) is None else False
            case cst.Call(func=func):
                return file.name(func) in _FACTORIES and not file.argument(node, "device")
            case cst.Subscript(value=inner):
                return self.only_adds(node) and self.on_host(inner, depth)
            case cst.BinaryOperation(left=left, right=right):
                sides = (left, right)
                return any(self.on_host(one, depth) for one in sides) and all(
                    self.on_host(one, depth) or file.constants.plain(one) for one in sides
                )
            case cst.Name() if depth < _DEEPEST:
                reaching = file.scopes.reaching(node)
                made = reaching[0].value if len(reaching) == 1 and reaching[0].kind == "assign" else None
                return made is not None and not reaching[0].path and self.on_host(made, depth + 1)
        return False

    @staticmethod
    def only_adds(taken: cst.Subscript) -> bool:
        """Whether a subscript takes all there is, and adds dimensions: `x[None, :, :]`."""
        for element in taken.slice:
            match element.slice:
                case cst.Index(value=cst.Name("None") | cst.Ellipsis()):
                    pass
                case cst.Slice(lower=None, upper=None, step=None):
                    pass
                case _:
                    return False
        return True
