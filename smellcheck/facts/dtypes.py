"""Which arrays and tensors surely hold 64-bit floats: NumPy's default, or asked for by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

_NUMPY_FLOAT = frozenset(
    f"numpy.{name}"
    for name in [
        "random.rand",
        "random.randn",
        "random.random",
        "random.random_sample",
        "random.uniform",
        "random.normal",
        "random.standard_normal",
        "random.beta",
        "random.gamma",
        "random.exponential",
        "zeros",
        "ones",
        "empty",
        "linspace",
        "logspace",
        "eye",
        "identity",
    ]
)
_SAME_SHAPE = {"reshape", "copy", "transpose", "flatten", "ravel", "squeeze", "T", "repeat", "clip", "round"}
#: `np.float` was Python's own until NumPy 1.24.
_DOUBLE = {"torch.float64", "torch.double", "numpy.float64", "numpy.double", "numpy.float", "tensorflow.float64"}


class Dtypes:
    """The 64-bit floats of one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def is_double(self, node: cst.CSTNode) -> bool:
        """Whether an expression names the 64-bit float type."""
        return self._file.name(node) in _DOUBLE or (isinstance(node, cst.Name) and node.value == "float")

    def float64_array(self, node: cst.CSTNode, depth: int = 0) -> bool:
        """Whether an expression surely is a NumPy array of 64-bit floats."""
        if depth > 6:
            return False
        match node:
            case cst.Name():
                reaching = self._file.scopes.reaching(node)
                return bool(reaching) and all(
                    d.kind == "assign" and not d.path and d.value is not None and self.float64_array(d.value, depth + 1)
                    for d in reaching
                )
            case cst.Call():
                return self._made(node, depth)
            case cst.Attribute(value=inner, attr=cst.Name(value="T")):
                return self.float64_array(inner, depth + 1)
            case cst.Subscript(value=inner):
                return self.float64_array(inner, depth + 1) and self._file.values.kind(inner) == "array"
            case cst.BinaryOperation(left=left, right=right):
                sides = [self.float64_array(side, depth + 1) for side in (left, right)]
                plain = [isinstance(side, cst.Float | cst.Integer | cst.UnaryOperation) for side in (left, right)]
                return any(sides) and all(side or number for side, number in zip(sides, plain, strict=True))
        return False

    def from_frame(self, node: cst.CSTNode) -> bool:
        """Whether an expression surely is a data frame's numbers as an array: 64 bits wide if not told otherwise."""
        match node:
            case cst.Attribute(value=frame, attr=cst.Name(value="values")):
                return self._file.values.kind(frame) in ("frame", "series")
            case cst.Call(func=cst.Attribute(value=frame, attr=cst.Name(value="to_numpy")), args=[]):
                return self._file.values.kind(frame) in ("frame", "series")
        return False

    def _made(self, call: cst.Call, depth: int) -> bool:
        name = self._file.name(call.func)
        if any(arg.star for arg in call.args):
            return False
        dtype = next((arg.value for arg in call.args if arg.keyword is not None and arg.keyword.value == "dtype"), None)
        if name in _NUMPY_FLOAT:
            if dtype is None and name in ("numpy.zeros", "numpy.ones", "numpy.empty") and len(call.args) > 1:
                dtype = call.args[1].value
            # One number is no array: `np.random.rand()`.
            return bool(call.args) and (dtype is None or self.is_double(dtype)) and not self._scalar(name, call)
        if name in ("numpy.array", "numpy.asarray") and call.args:
            if dtype is not None:
                return self.is_double(dtype)
            return len(call.args) == 1 and _float_literals(call.args[0].value)
        if isinstance(call.func, cst.Attribute):
            method = call.func.attr.value
            if method == "astype" and call.args:
                return self.is_double(call.args[0].value) and self._file.values.kind(call.func.value) == "array"
            if method in _SAME_SHAPE:
                return self.float64_array(call.func.value, depth + 1)
        return False

    @staticmethod
    def _scalar(name: str, call: cst.Call) -> bool:
        """Two positional numbers of `uniform` and `normal` are bounds, and without a size one number comes back."""
        if name.rpartition(".")[2] in ("uniform", "normal", "beta", "gamma", "exponential"):
            return len(call.args) < 3 and not any(a.keyword and a.keyword.value == "size" for a in call.args)
        return False


def _float_literals(node: cst.CSTNode) -> bool:
    """Whether a display holds numbers only, one of them at least with a point."""
    numbers: list[cst.CSTNode] = []
    todo = [node]
    while todo:
        current = todo.pop()
        match current:
            case cst.List(elements=elements) | cst.Tuple(elements=elements):
                todo += [element.value for element in elements]
            case cst.UnaryOperation(expression=inner):
                todo.append(inner)
            case cst.Integer() | cst.Float():
                numbers.append(current)
            case _:
                return False
    return any(isinstance(number, cst.Float) for number in numbers)
