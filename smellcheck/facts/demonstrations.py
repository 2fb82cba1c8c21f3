"""Which forward passes only demonstrate: on input that is made up, or written down in the source, and once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

_WRAPPERS = {"torch.autograd.Variable", "torch.Tensor", "torch.FloatTensor"}
_MADE_UP = re.compile(r"^torch\.(randn|rand|ones|zeros|randint|full|empty|arange|Tensor|FloatTensor)(_like)?$")
_SPELLED = re.compile(
    r"^(torch\.(tensor|Tensor|as_tensor|\w*Tensor|from_numpy|stack|cat|unsqueeze|autograd\.Variable)"
    r"|numpy\.(array|asarray|expand_dims))$"
)
_DEEPEST = 8


class Demonstrations:
    """The forward passes of one file that are there to be looked at."""

    def __init__(self, file: File) -> None:
        self._file = file

    def made_up(self, call: cst.Call) -> bool:
        """Whether all that a forward gets is made up on the spot: one forward to see that it runs."""
        given = self._given(call)
        return bool(given) and all(self._is_made_up(value) for value in given)

    def written_down(self, call: cst.Call) -> bool:
        """Whether a forward runs once, on nothing but numbers and texts that stand in the source."""
        if self._file.context.loops(call):
            return False
        given = self._given(call)
        return bool(given) and all(self._is_written(value, 0) for value in given)

    def _given(self, call: cst.Call) -> list[cst.BaseExpression]:
        """What a forward gets, its options left out."""
        plain = ("bool", "number", "none", "string")
        return [arg.value for arg in call.args if self._file.values.kind(arg.value) not in plain]

    def _is_made_up(self, node: cst.CSTNode) -> bool:
        match node:
            case cst.Name():
                reaching = self._file.scopes.reaching(node)
                return bool(reaching) and all(
                    d.kind == "assign" and not d.path and d.value is not None and self._is_made_up(d.value)
                    for d in reaching
                )
            case cst.Call(func=func, args=args):
                name = self._file.name(func) or ""
                if name in _WRAPPERS and args:
                    return self._is_made_up(args[0].value) or name != "torch.autograd.Variable"
                if isinstance(func, cst.Attribute) and not name:
                    return self._is_made_up(func.value)
                return bool(_MADE_UP.match(name))
        return False

    def _is_written(self, node: cst.CSTNode, depth: int) -> bool:
        if depth > _DEEPEST:
            return False
        match node:
            case cst.SimpleString() | cst.ConcatenatedString() | cst.Integer() | cst.Float():
                return True
            case cst.UnaryOperation(expression=inner) | cst.Subscript(value=inner) | cst.Attribute(value=inner):
                return self._is_written(inner, depth + 1)
            case cst.List(elements=elements) | cst.Tuple(elements=elements):
                return bool(elements) and all(self._is_written(element.value, depth + 1) for element in elements)
            case cst.Name():
                reaching = self._file.scopes.reaching(node)
                return bool(reaching) and all(
                    d.kind == "assign" and not d.path and d.value is not None and self._is_written(d.value, depth + 1)
                    for d in reaching
                )
            case cst.Call():
                return self._is_written_call(node, depth)
        return False

    def _is_written_call(self, call: cst.Call, depth: int) -> bool:
        """A tensor or a tokenizer's answer that is made of what stands in the source."""
        owner = call.func.value if isinstance(call.func, cst.Attribute) else call.func
        made = _SPELLED.match(self._file.name(call.func) or "") or self._file.values.kind(owner) == "tokenizer"
        if made:
            given = [arg.value for arg in call.args if arg.keyword is None]
            return bool(given) and all(self._is_written(value, depth + 1) for value in given)
        return isinstance(call.func, cst.Attribute) and self._is_written(call.func.value, depth + 1)
