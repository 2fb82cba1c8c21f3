"""Which new tensors are indices alone, and whether what they pick from lies where a layer's input lies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

# What is no tensor any more, or one of the host.
_LEAVES = re.compile(r"^(cpu|numpy|tolist|item|size|dim|stride|numel|shape|device|dtype|ndim|cpu_\w+|get_device)$")
#: Names and calls are followed so far.
_DEEPEST = 12


class Picks:
    """The new tensors of one file that index others; false where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def by(self, made: cst.BaseExpression) -> list[cst.Subscript]:
        """What a new tensor picks from, where it does nothing else: in its expression, or by the name that it gets."""
        end = self._shaped(made)
        match self._file.parent(end):
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)]):
                found = [self._around(self._shaped(use)) for use in self._file.uses(bound)]
                return [one for one in found if one is not None] if None not in found else []
        only = self._around(end)
        return [] if only is None else [only]

    def _shaped(self, node: cst.BaseExpression) -> cst.BaseExpression:
        """A tensor behind all that changes its type or its shape."""
        file, known = self._file, self._file.journeys.casts | self._file.journeys.shapes
        while True:
            above = file.parent(node)
            match above, file.parent(above) if above is not None else None:
                case cst.Attribute(attr=cst.Name(value=method)), cst.Call(func=func) as call if (
                    func is above and method in known
                ):
                    node = call
                case cst.Subscript(value=value) as whole, _ if value is node and file.journeys.only_adds(whole):
                    node = whole
                case _:
                    return node

    def _around(self, index: cst.CSTNode) -> cst.Subscript | None:
        """The subscript of which an expression is an index."""
        place = self._file.parent(index)
        element = self._file.parent(place) if isinstance(place, cst.Index) else None
        whole = self._file.parent(element) if element is not None else None
        return whole if isinstance(whole, cst.Subscript) else None

    def follows_input(self, node: cst.BaseExpression, depth: int = 0) -> bool:
        """Whether a tensor in a layer's method is one that the method is given, or computed from it where it is."""
        if depth > _DEEPEST:
            return False
        file = self._file
        match node:
            case cst.Name():
                reaching = file.scopes.reaching(node)
                return bool(reaching) and all(
                    node.value not in ("self", "cls")
                    if one.kind == "parameter"
                    else one.kind == "assign"
                    and isinstance(one.value, cst.BaseExpression)
                    and self.follows_input(one.value, depth + 1)
                    for one in reaching
                )
            case cst.Attribute(value=inner, attr=cst.Name(value=name)):
                return not _LEAVES.match(name) and self.follows_input(inner, depth + 1)
            case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString()))]):
                return False  # what a dictionary holds may lie anywhere
            case cst.Subscript(value=inner):
                return self.follows_input(inner, depth + 1)
            case cst.BinaryOperation(left=left, right=right):
                return self.follows_input(left, depth + 1) or self.follows_input(right, depth + 1)
            case cst.Call():
                return self._computed(node, depth)
        return False

    def _computed(self, call: cst.Call, depth: int) -> bool:
        """Whether a call gives a tensor that lies where what it is called with lies."""
        file = self._file
        if any("cpu" in file.text_of(arg) for arg in call.args):
            return False
        if file.values.kind(call) == "output":
            return True
        torchs = (file.name(call.func) or "").startswith(("torch.", "einops."))
        match call.func:
            case cst.Attribute(value=owner, attr=cst.Name(value=method)) if not torchs:
                return not _LEAVES.match(method) and self.follows_input(owner, depth + 1)
        return torchs and any(self.follows_input(arg.value, depth + 1) for arg in call.args)
