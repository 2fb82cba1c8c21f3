"""Which expressions are the same numbers whenever they are evaluated: literals, and names and attributes set once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .tree import dotted

if TYPE_CHECKING:
    from ..file import File
    from .scopes import Definition

#: Names are followed so far.
_DEEPEST = 3
_PURE = (
    "math.", "numpy.array", "numpy.eye", "numpy.identity", "numpy.sqrt", "numpy.log", "numpy.pi", "numpy.asarray",
    "numpy.reshape",
)  # fmt: skip
_SETTINGS = re.compile(r"^(args?|opts?|cfg|config|conf|hparams|params|FLAGS)$")
#: What a configuration spells in capitals is not changed while the program runs.
_CONSTANT = re.compile(r"(^|\.)(cfg|config|conf)\.([A-Z][A-Z0-9_]*\.)*[A-Z][A-Z0-9_]{2,}$")
_LOOKS_CLOSER = re.compile(
    r"debug|verbose|print|profil|export|trac|script|log|^(output|return|save|show|plot)_|visual", re.I
)
_BUILT_IN = frozenset({"list", "tuple", "float", "int", "range"})
#: What changes a list in its place.
_CHANGES = frozenset({"append", "extend", "insert", "pop", "remove", "sort", "reverse", "clear"})


class Constants:
    """The constants of one file; false where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def literal(self, node: cst.CSTNode) -> bool:
        """Whether an expression is written in numbers alone: `0.5`, `[[1, 0], [0, 1]]`, `[2 / 3] * 4`."""
        match node:
            case cst.Integer() | cst.Float() | cst.Name("True" | "False"):
                return True
            case cst.UnaryOperation(expression=inner):
                return self.literal(inner)
            case cst.List(elements=elements) | cst.Tuple(elements=elements):
                return bool(elements) and all(
                    self.literal(one.value) for one in elements if isinstance(one, cst.Element)
                )
            case cst.BinaryOperation(left=left, right=right):
                return self.literal(left) and self.literal(right)
        return False

    def numbers(self, node: cst.CSTNode, depth: int = 0) -> bool:
        """Whether an expression surely is the same numbers in each run of its function, on each object of its class."""
        if depth > _DEEPEST:
            return False
        match node:
            case cst.Name("True" | "False") | cst.Integer() | cst.Float():
                return True
            case cst.Name():
                return self._name(node, depth)
            case cst.Attribute(value=cst.Call(func=func), attr=cst.Name("eps" | "max" | "min" | "tiny")):
                return (self._file.name(func) or "") in ("torch.finfo", "torch.iinfo", "numpy.finfo", "numpy.iinfo")
            case cst.Attribute():
                named = bool(_CONSTANT.search(".".join(dotted(node) or ())))
                return (self._file.name(node) or "").startswith(_PURE) or named or self._set_once(node)
            case cst.Subscript(value=whole, slice=[cst.SubscriptElement(slice=cst.Index(value=at))]):
                return self.literal(at) and self.numbers(whole, depth)
            case cst.Subscript(value=whole, slice=[cst.SubscriptElement(slice=cst.Slice(lower=first, upper=behind))]):
                return all(one is None or self.literal(one) for one in (first, behind)) and self.numbers(whole, depth)
            case cst.UnaryOperation(expression=inner):
                return self.numbers(inner, depth)
            case cst.List(elements=elements) | cst.Tuple(elements=elements):
                return bool(elements) and all(
                    isinstance(one, cst.Element) and self.numbers(one.value, depth) for one in elements
                )
            case cst.BinaryOperation(left=left, right=right):
                return self.numbers(left, depth) and self.numbers(right, depth)
            case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name("astype" | "reshape" | "flatten"))) if not (
                self._file.name(node.func)
            ):
                return self.numbers(inner, depth)
            case cst.Call(func=func, args=args):
                name = self._file.name(func) or ""
                pure = name.startswith(_PURE) or (
                    isinstance(func, cst.Name) and func.value in _BUILT_IN and not self._file.scopes.definitions(func)
                )
                return pure and all(
                    not arg.star and (arg.keyword is not None or self.numbers(arg.value, depth)) for arg in args
                )
        return False

    def plain(self, node: cst.CSTNode, depth: int = 0) -> bool:
        """Whether an expression surely is one number of Python: promised, counted, or the size of something."""
        match node:
            case cst.Integer() | cst.Float():
                return True
            case cst.UnaryOperation(operator=cst.Minus(), expression=inner):
                return self.plain(inner, depth)
            case cst.BinaryOperation(left=left, right=right):
                return self.plain(left, depth) and self.plain(right, depth)
            case cst.Call(func=cst.Name("len" | "int" | "float")):
                return True
            case cst.Call(func=cst.Name("min" | "max"), args=[_, _, *_] as args):
                return all(not one.star and one.keyword is None and self.plain(one.value, depth) for one in args)
            case cst.Call(func=cst.Attribute(attr=cst.Name("size")), args=[_]):
                return True
            case cst.Subscript(value=sizes, slice=[cst.SubscriptElement(slice=cst.Index())]):
                return self._are_sizes(sizes)
            case cst.Name() if depth <= _DEEPEST:
                reaching = self._file.scopes.reaching(node)
                return bool(reaching) and all(self._binds_plain(one, depth + 1) for one in reaching)
        return False

    @staticmethod
    def _are_sizes(node: cst.CSTNode | None) -> bool:
        """Whether an expression is all sizes of a tensor: `x.shape`, `x.size()`."""
        match node:
            case cst.Attribute(attr=cst.Name("shape")) | cst.Call(func=cst.Attribute(attr=cst.Name("size")), args=[]):
                return True
        return False

    def _binds_plain(self, bound: Definition, depth: int) -> bool:
        file, value = self._file, bound.value
        match bound.kind:
            case "assign" if value is not None:
                return self._are_sizes(value) if bound.path else self.plain(value, depth)
            case "for":
                return not bound.path and isinstance(value, cst.Call) and file.text_of(value.func) == "range"
            case "parameter" if isinstance(function := bound.scope.node, cst.FunctionDef):
                promised = bound.node.annotation if isinstance(bound.node, cst.Param) else None
                if promised is not None:
                    return file.text_of(promised.annotation) in ("int", "float")
                # So is what is a whole number unless it is given: nobody gives a tensor in the place of a count.
                if isinstance(bound.value, cst.Integer):
                    return True
                given = [file.calls.argument_of(call, function, bound) for call in file.calls.passing(function)]
                return bool(given) and all(one is not None and self.plain(one, depth) for one in given)
        return False

    def _name(self, name: cst.Name, depth: int) -> bool:
        reaching = self._file.scopes.reaching(name)
        if len(reaching) == 1 and reaching[0].kind == "parameter":
            return self._handed_over(reaching[0], depth)
        if len(reaching) != 1 or reaching[0].kind != "assign" or reaching[0].value is None:
            return False
        return self.numbers(reaching[0].value, depth + 1) and not self._changed(name)

    def _handed_over(self, parameter: Definition, depth: int) -> bool:
        """Whether a function of this file is called with an array that is the same each time."""
        file, function = self._file, parameter.scope.node
        if not isinstance(function, cst.FunctionDef) or file.calls.class_of(function) is not None:
            return False
        passed = [file.calls.argument_of(call, function, parameter) for call in file.calls.passing(function)]
        return any(
            isinstance(one, cst.Attribute) and self.numbers(one, depth + 1) and file.values.kind(one) == "array"
            for one in passed
        )

    def _changed(self, name: cst.Name) -> bool:
        """Whether the list of a name may be changed in its place."""
        file = self._file
        return any(
            isinstance(call.func, cst.Attribute)
            and isinstance(call.func.value, cst.Name)
            and call.func.value.value == name.value
            for call in file.calls.named(_CHANGES)
        ) or any(
            isinstance(target.target, cst.Subscript) and file.text_of(target.target.value) == name.value
            for assign in file.all(cst.Assign)
            for target in assign.targets
        )

    def setting(self, test: cst.BaseExpression) -> bool:
        """Whether a condition surely is answered alike in all passes: of settings alone, which `__init__` was given."""
        match test:
            case cst.BooleanOperation(left=left, right=right):
                return self.setting(left) and self.setting(right)
            case cst.UnaryOperation(operator=cst.Not(), expression=inner):
                return self.setting(inner)
            case cst.Comparison(left=left, comparisons=[cst.ComparisonTarget(comparator=right)]):
                known = isinstance(right, cst.SimpleString) or self.literal(right)
                return known and isinstance(left, cst.Attribute) and self._is_set_by_init(left)
            case cst.Attribute():
                return self._is_set_by_init(test)
        return False

    def _is_set_by_init(self, node: cst.Attribute) -> bool:
        """Whether an attribute is of what only `__init__` sets, and is not asked for to look closer."""
        file, parts = self._file, dotted(node)
        owner = file.calls.enclosing_class(node)
        if parts is None or _LOOKS_CLOSER.search(parts[-1]):
            return False
        if parts[0] != "self" or owner is None:
            return len(parts) == 2 and _SETTINGS.match(parts[0]) is not None
        given = file.values.attribute_values(owner, parts[1])
        homes = [file.context.function(value) for value in given]
        return bool(homes) and all(home is not None and home.name.value == "__init__" for home in homes)

    def _set_once(self, node: cst.Attribute) -> bool:
        """Whether an attribute hangs on something that only `__init__` sets on `self`, and that is no tensor."""
        file, parts = self._file, dotted(node)
        owner = file.calls.enclosing_class(node)
        if parts is None or parts[0] != "self" or owner is None:
            return False
        given = file.values.attribute_values(owner, parts[1])
        if not given or any(value is node for value in given):
            return False
        if any((home := file.context.function(value)) is None or home.name.value != "__init__" for value in given):
            return False
        kind = file.values.kind(node)
        return kind in (None, "number", "list", "tuple", "array") and not any(
            isinstance(value, cst.Call) and not self.numbers(value, _DEEPEST) and kind is None for value in given
        )
