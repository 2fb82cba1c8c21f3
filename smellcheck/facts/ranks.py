"""How many dimensions a tensor surely has: what reshaped, permuted or unpacked it says so, or `None`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File
    from .scopes import Definition

_DEEPEST = 12
#: Methods and functions that give as many dimensions as they are given.
_KEEP = frozenset(
    {
        "transpose", "contiguous", "float", "half", "bfloat16", "to", "type_as", "type", "masked_fill", "clone",
        "detach", "softmax", "dropout", "chunk", "split", "tensor_split", "div", "mul", "cuda", "normalize", "flip",
        "roll", "swapaxes", "relu", "cat", "narrow", "index_select", "repeat_interleave",
    }
)  # fmt: skip
#: Those that are told every dimension, each by an argument or all by a tuple.
_TOLD = frozenset({"view", "reshape", "permute", "expand", "repeat", "zeros", "ones", "randn", "rand", "empty"})
_REARRANGES = frozenset({"einops.rearrange", "einops.repeat", "einops.reduce"})
_LAYERS = re.compile(r"^torch\.nn\.(Linear|LayerNorm|Dropout|Softmax|Identity|RMSNorm)$")
_AXES = re.compile(r"\([^)]*\)|\S+")


class Ranks:
    """The numbers of dimensions of the tensors of one file."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._known: dict[cst.CSTNode, int | None] = {}

    def of(self, node: cst.CSTNode, depth: int = 0) -> int | None:
        """How many dimensions an expression surely has."""
        if depth > _DEEPEST:
            return None
        if node not in self._known:
            self._known[node] = None  # what a name is bound to may be made of the name itself
            self._known[node] = self._of(node, depth + 1)
        return self._known[node]

    def _of(self, node: cst.CSTNode, depth: int) -> int | None:
        match node:
            case cst.Name():
                found = {self._bound(one, depth) for one in self._file.scopes.reaching(node)}
                return found.pop() if len(found) == 1 else None
            case cst.Call():
                return self._call(node, depth)
            case cst.Subscript():
                return self._subscript(node, depth)
            case cst.BinaryOperation(left=left, right=right):
                return max((self.of(left, depth) or 0, self.of(right, depth) or 0)) or None
            case cst.UnaryOperation(expression=inner) | cst.Attribute(value=inner, attr=cst.Name("mT" | "data")):
                return self.of(inner, depth)
        return None

    def _bound(self, definition: Definition, depth: int) -> int | None:
        value, path = definition.value, definition.path
        if definition.kind == "parameter":
            return self._given(definition, depth)
        if value is None or definition.kind != "assign":
            return None
        if not path:
            return self.of(value, depth)
        match value:
            case cst.Tuple(elements=elements) if len(path) == 1 and 0 <= path[0] < len(elements):
                return self.of(elements[path[0]].value, depth)
            case cst.Call(func=cst.Name("map"), args=[cst.Arg(value=cst.Lambda(body=body)), *_]):
                return self.of(body, depth)
            case cst.GeneratorExp(elt=item) | cst.ListComp(elt=item):
                return self.of(item, depth)
            case cst.Call(func=cst.Attribute(attr=cst.Name("chunk" | "split" | "unbind"))):
                return self.of(value, depth)
        # A tensor that is unpacked is taken apart along its first dimension.
        whole = self.of(value, depth) if len(path) == 1 and not isinstance(value, cst.Call) else None
        return self._less(whole)

    def _given(self, parameter: Definition, depth: int) -> int | None:
        """The dimensions of what every call in sight gives for a parameter."""
        function = parameter.scope.node
        if not isinstance(function, cst.FunctionDef):
            return None
        calls = [(self._file, call) for call in self._file.calls.passing(function)]
        calls = calls or list(self._file.elsewhere.calls(function) or ())
        found = set()
        for file, call in calls:
            given = self._file.calls.argument_of(call, function, parameter)
            ranks = self if file is self._file else file.ranks
            found.add(None if given is None else ranks.of(given, depth))
        return found.pop() if len(found) == 1 else None

    @staticmethod
    def _less(rank: int | None) -> int | None:
        return rank - 1 if rank is not None and rank > 1 else None

    def _call(self, call: cst.Call, depth: int) -> int | None:
        if any(arg.star for arg in call.args):
            return None
        name = self._file.name(call.func)
        given = [arg.value for arg in call.args]
        if name in _REARRANGES or name == "torch.einsum":
            return self._pattern(call)
        if name is not None and name.startswith("torch.") and given:
            return self._shaped(name.rpartition(".")[2], given[0], given[1:], depth)
        callee = self._file.calls.callee(call)
        if callee is not None:
            returns = [node for node in self._file.calls.own_nodes(callee) if isinstance(node, cst.Return)]
            found = {None if node.value is None else self.of(node.value, depth) for node in returns}
            return found.pop() if len(found) == 1 else None
        if isinstance(call.func, cst.Attribute) and name is None:
            found_rank = self._shaped(call.func.attr.value, call.func.value, given, depth)
            if found_rank is not None:
                return found_rank
        layer = self._file.values.of(call.func) if len(given) == 1 else None
        return self.of(given[0], depth) if layer is not None and _LAYERS.match(layer.name) else None

    def _shaped(
        self, method: str, tensor: cst.BaseExpression, given: list[cst.BaseExpression], depth: int
    ) -> int | None:
        """What a method of a tensor, or the function of that name, gives."""
        if method in _TOLD and given:
            if isinstance(given[0], cst.Tuple | cst.List) and len(given) == 1:
                elements = given[0].elements
                return None if any(isinstance(one, cst.StarredElement) for one in elements) else len(elements)
            # One argument alone may be a whole shape under a name.
            return len(given) if len(given) > 1 else self._spelled(given[0])
        rank = self.of(tensor, depth)
        if method == "unsqueeze":
            return None if rank is None else rank + 1
        if method == "unbind":
            return self._less(rank)
        if method == "bmm":
            return 3
        if method == "matmul" and given:
            return max(rank or 0, self.of(given[0], depth) or 0) or None
        return rank if method in _KEEP else None

    def _spelled(self, shape: cst.BaseExpression) -> int | None:
        """How many sizes a name stands for."""
        reaching = self._file.scopes.reaching(shape) if isinstance(shape, cst.Name) else ()
        counts = set()
        for one in reaching:
            elements = one.value.elements if isinstance(one.value, cst.Tuple | cst.List) and not one.path else ()
            starred = any(isinstance(each, cst.StarredElement) for each in elements)
            counts.add(len(elements) if one.kind == "assign" and elements and not starred else None)
        return counts.pop() if len(counts) == 1 else None

    def _pattern(self, call: cst.Call) -> int | None:
        """The dimensions behind the arrow of a pattern."""
        pattern = next((arg.value for arg in call.args if isinstance(arg.value, cst.SimpleString)), None)
        if pattern is None or "->" not in pattern.value or "..." in pattern.value:
            return None
        behind = str(pattern.evaluated_value).rpartition("->")[2]
        return (
            len(_AXES.findall(behind)) if self._file.name(call.func) != "torch.einsum" else len("".join(behind.split()))
        )

    def _subscript(self, node: cst.Subscript, depth: int) -> int | None:
        rank = self.of(node.value, depth)
        if rank is None:
            return None
        for element in node.slice:
            match element.slice:
                case cst.Index(value=cst.Integer() | cst.UnaryOperation(expression=cst.Integer())):
                    rank -= 1
                case cst.Index(value=cst.Name("None")):
                    rank += 1
                case cst.Slice():
                    pass
                case _:
                    return None
        return rank if rank > 0 else None
