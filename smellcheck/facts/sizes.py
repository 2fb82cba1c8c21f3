"""Which sizes and devices are those of a tensor that a function is given: who gives tensors calls again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

# Such methods of a layer run once, whatever they are given.
_ONCE = re.compile(r"init|build|make|load|set_|reset|fuse|export|convert|prune|merge")
_OF_SIZES = {"numpy.prod", "numpy.array", "numpy.asarray", "math.prod"}
# What else has a device, and is given to what runs once.
_NO_TENSOR = re.compile(
    r"self|cls|.*(arg|opt|option|conf|config|cfg|param|hparam|setting|context|ctx|model|net|module)s?$", re.I
)


class Sizes:
    """The sizes of new tensors in one file; what is given and may be no tensor counts for none."""

    def __init__(self, file: File) -> None:
        self._file = file

    def follow_device(self, moved: cst.Call) -> bool:
        """Whether the device is that of a tensor which a function is given: who gives tensors calls again."""
        function = self._file.context.function(moved)
        if function is None or function.name.value == "__init__":
            return False
        target: cst.CSTNode | None = moved.args[0].value if moved.args else None
        if isinstance(target, cst.Name):
            reaching = self._file.scopes.reaching(target)
            target = reaching[0].value if len(reaching) == 1 and reaching[0].kind == "assign" else None
        match target:
            case cst.Attribute(value=cst.Name() as tensor, attr=cst.Name("device")):
                kinds = [one.kind for one in self._file.scopes.reaching(tensor)]
                return not _NO_TENSOR.match(tensor.value) and kinds == ["parameter"]
        return False

    def follow(self, made: cst.Call) -> bool:
        """Whether the sizes are those of a tensor which a function is given: who gives tensors calls again."""
        function = self._file.context.function(made)
        owner = self._file.calls.class_of(function) if function is not None else None
        if function is None or (owner is not None and _ONCE.search(function.name.value)):
            return False
        again = owner is None and not _ONCE.search(function.name.value)
        layer = owner is None or self._file.values.is_module_class(owner)
        for arg in made.args:
            found = [self._file.scopes.reaching(name) for name in self._file.names_in(arg.value)]
            values = [one[0].value for one in found if len(one) == 1 and one[0].kind == "assign"]
            given = [tensor for tensor in map(_sized, values) if tensor is not None]
            if layer and any(self._is_given(tensor) for tensor in given):
                return True
            if any(self._file.entries.of_batch(tensor) for tensor in (*given, _sized(arg.value))):
                return True
            spelled = [_sized(self._bare(part)) for part in _parts(arg.value)]
            if again and any(self._only_given(one) for one in spelled):
                return True
        return False

    def _bare(self, size: cst.BaseExpression) -> cst.BaseExpression:
        """A size without the functions that make one number of it: `int(x)`, `np.prod(np.array(x))`."""
        while isinstance(size, cst.Call) and len(size.args) == 1 and not size.args[0].star:
            if self._file.text_of(size.func) != "int" and self._file.name(size.func) not in _OF_SIZES:
                break
            size = size.args[0].value
        return size

    def _is_given(self, tensor: cst.BaseExpression | None) -> bool:
        """Whether a function surely is given a tensor."""
        if not isinstance(tensor, cst.Name) or _NO_TENSOR.match(tensor.value):
            return False
        kinds = {one.kind for one in self._file.scopes.reaching(tensor)}
        # What is divided in its place is still what was given.
        if "augment" in kinds:
            kinds = {one.kind for one in self._file.scopes.definitions(tensor)}
        return "parameter" in kinds

    def _only_given(self, tensor: cst.BaseExpression | None) -> bool:
        """Whether a tensor is one that a function is given on every way to it."""
        kinds = {one.kind for one in self._file.scopes.reaching(tensor)} if isinstance(tensor, cst.Name) else set()
        return kinds == {"parameter"} and self._is_given(tensor)


def _parts(size: cst.BaseExpression) -> list[cst.BaseExpression]:
    """The sizes of a tuple or list, or the one that stands there."""
    return [one.value for one in size.elements] if isinstance(size, cst.Tuple | cst.List) else [size]


def _sized(size: cst.CSTNode | None) -> cst.BaseExpression | None:
    """The tensor of which an expression is a size, or all sizes."""
    match size:
        case cst.Subscript(value=cst.Attribute() | cst.Call() as whole):
            return _sized(whole)
        case cst.Attribute(value=tensor, attr=cst.Name("shape")):
            return _without_data(tensor)
        case cst.Call(func=cst.Attribute(value=tensor, attr=cst.Name("size"))):
            return _without_data(tensor)
    return None


def _without_data(tensor: cst.BaseExpression) -> cst.BaseExpression:
    """A tensor for `tensor.data`, which has its sizes."""
    match tensor:
        case cst.Attribute(value=inner, attr=cst.Name("data")):
            return inner
    return tensor
