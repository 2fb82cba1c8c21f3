"""Where a tensor is before it is moved, and whether it comes straight back: it only visits the device."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

_CPU = re.compile(r"""^(['"]cpu['"]|torch\.device\(['"]cpu['"]\))$""")
_CASTS = {"float", "long", "half", "double", "int", "squeeze", "unsqueeze", "view", "contiguous"}
#: What makes a tensor on the host unless it is told a device.
_MADE = re.compile(
    r"^torch\.(tensor|as_tensor|from_numpy|zeros|ones|full|empty|eye|arange|linspace|rand|randn|randint|randperm"
    r"|Tensor|\w+Tensor)$"
)
_DEEPEST = 3


class Visits:
    """The visits of tensors of one file to a device."""

    def __init__(self, file: File) -> None:
        self._file = file

    @staticmethod
    def uncast(node: cst.CSTNode) -> cst.CSTNode:
        """What casts are called on."""
        while isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _CASTS:
            node = node.func.value
        return node

    def comes_straight_back(self, moved: cst.Call) -> bool:
        """Whether a part of a batch from a loader is moved to a device, and all that reads it brings it back."""
        device, name = self._file.moves.destination(moved), self._named(moved)
        if name is None or device is None or _CPU.match(device) or not isinstance(moved.func, cst.Attribute):
            return False
        uses = self._file.uses(name)
        return bool(uses) and self.from_loader(moved.func.value) and all(map(self._is_brought_back, uses))

    def _named(self, call: cst.Call) -> cst.Name | None:
        """The name that a moved tensor gets, behind casts at most, alone or as one of several at once."""
        file, whole = self._file, self._cast(call)
        above = file.parent(whole)
        match above:
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as moved)]):
                return moved
            case cst.Element():
                pair = file.parent(above)
                match file.parent(pair) if isinstance(pair, cst.Tuple) else None:
                    case cst.Assign(targets=[cst.AssignTarget(target=cst.Tuple(elements=names))]) if isinstance(
                        pair, cst.Tuple
                    ) and len(names) == len(pair.elements):
                        target = names[list(pair.elements).index(above)].value
                        return target if isinstance(target, cst.Name) else None
        return None

    def _cast(self, call: cst.Call) -> cst.Call:
        """The whole of a call and the casts behind it."""
        attribute = self._file.parent(call)
        if not isinstance(attribute, cst.Attribute) or attribute.attr.value not in _CASTS:
            return call
        outer = self._file.parent(attribute)
        return self._cast(outer) if isinstance(outer, cst.Call) and outer.func is attribute else call

    def from_loader(self, node: cst.CSTNode, depth: int = 0) -> bool:
        """Whether an expression is a batch of a loader, or a part of one, that nothing has moved yet."""
        while isinstance(node := self.uncast(node), cst.Subscript):
            node = node.value
        if not isinstance(node, cst.Name) or depth > _DEEPEST:
            return False
        reaching = self._file.scopes.reaching(node)
        return bool(reaching) and all(
            (isinstance(one.node, cst.For) and self._file.context.loop(one.node).kind == "batch")
            or (one.kind == "assign" and one.value is not None and self._is_part(one.value, one.path, depth + 1))
            for one in reaching
        )

    def _is_part(self, value: cst.CSTNode, path: tuple[int, ...], depth: int) -> bool:
        """Whether what an assignment takes a name's value from, of several at once its own, is of a loader."""
        if isinstance(value, cst.Tuple) and len(path) == 1 and 0 <= path[0] < len(value.elements):
            value = value.elements[path[0]].value
        return self.from_loader(value, depth)

    def _is_brought_back(self, name: cst.Name) -> bool:
        """Whether a use is `x.cpu()`, with nothing but `detach` in between."""
        attribute = self._file.parent(name)
        if not isinstance(attribute, cst.Attribute) or attribute.value is not name:
            return False
        called = self._file.parent(attribute)
        match attribute.attr.value:
            case "cpu":
                return True
            case "detach" | "data":
                owner = called if isinstance(called, cst.Call) else attribute
                after = self._file.parent(owner)
                return isinstance(after, cst.Attribute) and after.value is owner and after.attr.value == "cpu"
        return False

    def began_on_host(self, tensor: cst.CSTNode, depth: int = 0) -> bool:
        """Whether a tensor surely was made on the host, or brought there."""
        file = self._file
        match tensor:
            case cst.Name() if depth < _DEEPEST:
                made = [one.value for one in file.scopes.reaching(tensor) if one.kind == "assign" and not one.path]
                whole = len(made) == len(file.scopes.reaching(tensor)) > 0
                return whole and all(one is not None and self.began_on_host(one, depth + 1) for one in made)
            case cst.Attribute(value=cst.Name("self"), attr=cst.Name(attribute)) if depth < _DEEPEST:
                owner = file.calls.enclosing_class(tensor)
                held = list(file.values.attribute_values(owner, attribute)) if owner is not None else []
                return bool(held) and all(one is not None and self.began_on_host(one, depth + 1) for one in held)
            case cst.Call(func=func):
                if _MADE.match(file.name(func) or ""):
                    return file.argument(tensor, "device") is None
                if file.name(func) == "torch.load":
                    where = file.argument(tensor, "map_location", 1)
                    return where is not None and bool(_CPU.match(file.text_of(where.value)))
                if isinstance(func, cst.Attribute) and file.name(func) is None:
                    moved = file.moves.destination(tensor)
                    return moved == '"cpu"' if moved is not None else self.began_on_host(func.value, depth)
            case cst.Subscript(value=inner):
                return self.began_on_host(inner, depth)
        return False
