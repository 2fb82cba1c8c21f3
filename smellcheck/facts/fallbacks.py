"""Where the host asks the device whether a mask leaves anything, only to choose between a mean and nought."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

_ASKS = ("sum", "any")
_LOSSES = re.compile(r"loss|criterion|objective", re.I)
#: What stands for nothing: `0.0`, `torch.tensor(0.0).to(device)`, `x.new_zeros(())`, `x.sum() * 0`.
_NOUGHT = re.compile(
    r"0(\.0*)?|torch\.zeros(_like)?\(.*|torch\.(tensor|as_tensor|Tensor|FloatTensor)\(\[?0(\.0*)?\]?[,)].*"
    r"|[\w.]+\.new_zeros\(.*|[\w.]+(\.(sum|mean)\(\))? ?\* ?0(\.0*)?|0(\.0*)? ?\* ?[\w.]+(\.(sum|mean)\(\))?",
    re.S,
)
_OF_TENSORS = re.compile(r"torch\.|\.new_zeros|\.(sum|mean)\(\)")
_REDUCES = ("sum", "clamp", "clamp_min", "mean", "float", "view", "squeeze")


class Fallbacks:
    """Answers for the conditions of one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def asked(self, call: cst.Call) -> bool:
        """Whether a call of `sum` or `any` decides between a mean over a mask and nought, and recording goes on."""
        file = self._file
        mask = self._mask(call)
        choice = self._choice(call) if mask is not None else None
        arms = _arms(choice) if choice is not None else None
        if mask is None or arms is None or file.grad.mode(call) == "off":
            return False
        noughts = [arm for arm in arms if _NOUGHT.fullmatch(file.text_of(arm))]
        means = [arm for arm in arms if arm not in noughts]
        return (
            len(noughts) == len(means) == 1
            and self._is_mean(means[0], mask)
            and self._in_loss(call)
            and self._is_tensor(call, mask, noughts[0])
        )

    def ends(self, call: cst.Call) -> bool:
        """Whether a step of a module's loop stops it where the sum of a column of what the module is given is nought.

        `if t > 1 and tokens[:, t].sum() == 0: break`: all columns could be summed before the loop, and read at once.
        """
        file = self._file
        column = call.func.value if isinstance(call.func, cst.Attribute) and not call.args else None
        if isinstance(column, cst.Attribute) and column.attr.value == "data":
            column = column.value
        loops = file.context.loops(call)
        if not isinstance(column, cst.Subscript) or not isinstance(column.value, cst.Name) or not loops:
            return False
        loop, given = loops[0].node, file.scopes.reaching(column.value)
        if not isinstance(loop, cst.For) or not isinstance(loop.target, cst.Name) or not self._breaks(call):
            return False
        picks = {name.value for part in column.slice for name in file.names_in(part)}
        function = file.context.function(call)
        owner = file.calls.class_of(function) if function is not None else None
        forward = function is not None and function.name.value in ("forward", "_forward")
        return (
            picks == {loop.target.value}
            and len(column.slice) == 2
            and len(given) == 1
            and given[0].kind == "parameter"
            and file.context.invariant(column.value, loop)
            and owner is not None
            and (forward or file.values.is_module_class(owner))
        )

    def _breaks(self, call: cst.Call) -> bool:
        """Whether a sum is compared with nought in the condition of a statement that ends the loop."""
        compared = self._file.parent(call)
        match compared:
            case cst.Comparison(
                left=left,
                comparisons=[cst.ComparisonTarget(operator=cst.Equal(), comparator=cst.Integer(value="0"))],
            ) if left is call:
                pass
            case _:
                return False
        for child, above in self._file.context.ancestors(compared):
            if isinstance(above, cst.If):
                lines = above.body.body if child is above.test else ()
                return any(
                    isinstance(line, cst.SimpleStatementLine) and isinstance(line.body[-1], cst.Break) for line in lines
                )
            if not isinstance(above, cst.BooleanOperation):
                return False
        return False

    def _mask(self, call: cst.Call) -> cst.BaseExpression | None:
        """What is asked: the mask of `mask.sum()` or `torch.any(mask)`."""
        match call:
            case cst.Call(func=cst.Attribute(attr=cst.Name(value=method)), args=[cst.Arg(value=given, keyword=None)]):
                return given if method in _ASKS and self._file.name(call.func) == f"torch.{method}" else None
            case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name(value=method)), args=[]):
                return owner if method in _ASKS else None
        return None

    def _choice(self, call: cst.Call) -> cst.If | cst.IfExp | None:
        """The condition that is nothing but what is asked, or its comparison with a number."""
        node: cst.CSTNode = call
        above = self._file.parent(node)
        if isinstance(above, cst.Comparison) and above.left is node and len(above.comparisons) == 1:
            if not isinstance(above.comparisons[0].comparator, cst.Integer | cst.Float):
                return None
            node, above = above, self._file.parent(above)
        if isinstance(above, cst.UnaryOperation):
            node, above = above, self._file.parent(above)
        return above if isinstance(above, cst.If | cst.IfExp) and above.test is node else None

    def _is_mean(self, arm: cst.BaseExpression, mask: cst.BaseExpression) -> bool:
        """Whether an arm is arithmetic with the mask, which neither picks rows nor calls anything of the project's."""
        file = self._file
        below = list(file.tree.below(arm))
        if not any(isinstance(one, type(mask)) and file.same(one, mask) for one in below):
            return False
        if not isinstance(arm, cst.BinaryOperation | cst.Call) or any(isinstance(one, cst.Subscript) for one in below):
            return False
        calls = file.tree.of_type(cst.Call, arm)
        return all(isinstance(one.func, cst.Attribute) and one.func.attr.value in _REDUCES for one in calls)

    def _in_loss(self, call: cst.Call) -> bool:
        """Whether a training step gets there: the function is a loss by its name, or runs in each forward."""
        function = self._file.context.function(call)
        return function is not None and (bool(_LOSSES.search(function.name.value)) or self._file.hot.runs_often(call))

    def _is_tensor(self, call: cst.Call, mask: cst.BaseExpression, nought: cst.BaseExpression) -> bool:
        """Whether the mask surely is a tensor, by what is known of it or what is put in place of its mean."""
        file = self._file
        if file.readbacks.on_host(mask):
            return False
        stands_in = not isinstance(nought, cst.Integer | cst.Float) and _OF_TENSORS.search(file.text_of(nought))
        return file.values.kind(call) in ("tensor", "output") or bool(stands_in)


def _arms(choice: cst.If | cst.IfExp) -> tuple[cst.BaseExpression, cst.BaseExpression] | None:
    """What the two branches give the same name, or give back."""
    if isinstance(choice, cst.IfExp):
        return choice.body, choice.orelse
    if not isinstance(choice.orelse, cst.Else):
        return None
    match _only(choice.body), _only(choice.orelse.body):
        case cst.Assign(targets=[first], value=one), cst.Assign(targets=[second], value=other):
            return (one, other) if first.target.deep_equals(second.target) else None
        case cst.Return(value=cst.BaseExpression() as one), cst.Return(value=cst.BaseExpression() as other):
            return one, other
    return None


def _only(block: cst.BaseSuite) -> cst.CSTNode | None:
    """The one small statement of a block."""
    match block:
        case cst.IndentedBlock(body=[cst.SimpleStatementLine(body=[only])]):
            return only
    return None
