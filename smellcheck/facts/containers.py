"""What is taken out of a value: by a subscript, by unpacking it, by looping over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import libcst as cst

from .kinds import PENDING, Value, join

if TYPE_CHECKING:
    from ..file import File

#: Functions that give a model and what belongs to it.
_MODEL_FIRST = ("open_clip.create_model_and_transforms", "clip.load", "open_clip.create_model_from_pretrained")
#: Methods that give back what they are given, in the same order, ready for a device.
_PREPARES = ("prepare", "setup")


def prepared(call: cst.Call, at: int) -> cst.BaseExpression | None:
    """What a call that gives back what it is given, ready for a device, has at a place."""
    match call.func:
        case cst.Attribute(attr=cst.Name(value=method)) if method in _PREPARES and 0 <= at < len(call.args):
            return call.args[at].value
    return None


class Containers:
    """What containers hold in one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def subscript(self, node: cst.Subscript) -> Value | None:
        """The value of a subscript, if sure."""
        inner = self._file.values.of(node.value)
        if inner is None or inner is PENDING:
            return inner
        sliced = any(isinstance(element.slice, cst.Slice) for element in node.slice)
        match inner.kind:
            case "tensor" | "output":
                return Value("tensor")
            case "array":
                return inner
            case "frame":
                keys = [element.slice.value for element in node.slice if isinstance(element.slice, cst.Index)]
                if len(keys) == 1 and isinstance(keys[0], cst.SimpleString):
                    return Value("series")
                return inner if sliced or (keys and isinstance(keys[0], cst.List | cst.Comparison)) else None
            case "list" | "series" | "string" | "dataset" if sliced:
                return inner
        return self._one_of(inner)

    def unpacked(self, value: cst.CSTNode, path: tuple[int, ...]) -> Value | None:
        """What unpacking a value gives at a place: `path` holds the indices from the outside in."""
        if not path:
            return self._file.values.of(value)
        if isinstance(value, cst.Tuple | cst.List) and 0 <= path[0] < len(value.elements):
            return self.unpacked(value.elements[path[0]].value, path[1:])
        if isinstance(value, cst.Call):
            given = prepared(value, path[0])
            if given is not None:
                return self._file.values.of(given)
            name = self._file.name(value.func)
            if name in _MODEL_FIRST and path == (0,):
                return Value("module", name, value)
            function = self._file.calls.callee(value)
            if function is not None:
                returns = [n for n in self._file.calls.own_nodes(function) if isinstance(n, cst.Return)]
                if returns and all(isinstance(n.value, cst.Tuple) for n in returns):
                    return join([self.unpacked(cast("cst.CSTNode", n.value), path) for n in returns])
            found = self._file.siblings.unpacked(value, path)
            if found is not None:
                return found
        return Value("tensor") if self._file.values.kind(value) in ("tensor", "output") else None

    def element(self, iterable: cst.CSTNode, path: tuple[int, ...]) -> Value | None:
        """What a loop over a value gives each time, unpacked along `path`."""
        value = self._file.values.of(iterable)
        match value.kind if value is not None else None:
            case "tensor" | "output":
                return Value("tensor")
            case "array":
                return Value("array")
            case "list" | "module" if value is not None and not path:
                return self._one_of(value)
        if isinstance(iterable, cst.Call) and isinstance(iterable.func, cst.Name):
            args = [arg.value for arg in iterable.args]
            match iterable.func.value:
                case "enumerate" if args and path[:1] == (1,):
                    return self.element(args[0], path[1:])
                case "zip" if path and 0 <= path[0] < len(args):
                    return self.element(args[path[0]], path[1:])
                case "range":
                    return Value("number")
        return None

    def _one_of(self, value: Value) -> Value | None:
        """What any element of a list, or of a list of modules, is that stands in the source."""
        match value.made:
            case cst.List(elements=elements):
                return join([self._file.values.of(element.value) for element in elements])
            case cst.ListComp(elt=each) | cst.GeneratorExp(elt=each):
                return self._file.values.of(each)
            case cst.Call(args=[cst.Arg(value=cst.List() | cst.ListComp() | cst.GeneratorExp() as given, star="")]) if (
                value.name == "torch.nn.ModuleList"
            ):
                return self._one_of(Value("list", "", given))
        return None
