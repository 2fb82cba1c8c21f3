"""What an annotation promises of a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import libcst as cst

from . import frameworks
from .kinds import Kind, Value, join

if TYPE_CHECKING:
    from ..file import File

_TRANSPARENT = ("Optional", "Annotated", "Final", "ClassVar")
_LISTS = ("List", "list", "Sequence", "Tuple", "tuple")
_BUILTINS: dict[str, Kind] = {"None": "none", "list": "list", "str": "string", "int": "number", "float": "number"}


class Annotations:
    """The promises of annotations in one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def promised(self, node: cst.CSTNode) -> Value | None:
        """The value that an annotation promises, if it is one that matters."""
        match node:
            case cst.Subscript(value=outer, slice=[cst.SubscriptElement(slice=cst.Index(value=inner)), *_]):
                if (self._file.name(outer) or "").rpartition(".")[2] in _TRANSPARENT:
                    return self.promised(inner)
                match outer:
                    case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)) if name in _LISTS:
                        return Value("list")
                return self.promised(outer)
            case cst.BinaryOperation(left=left, operator=cst.BitOr(), right=right):
                return join([self.promised(left), self.promised(right)])
            case cst.SimpleString():
                try:
                    return self._spelled(str(node.evaluated_value))
                except (ValueError, SyntaxError):
                    return None
            case cst.Name(value=name) if name in _BUILTINS:
                return Value(_BUILTINS[name])
            case cst.Name() | cst.Attribute():
                local = self._file.calls.local_class(node)
                if local is not None:
                    return self._instance(local)
                return _of_name(self._file.name(node)) or self._of_project(node)
        return None

    def _spelled(self, text: str) -> Value | None:
        """What an annotation in quotes promises."""
        first, _, rest = text.partition(".")
        definitions = self._file.scopes.module.bindings.get(first, [])
        if len(definitions) == 1 and isinstance(definitions[0].node, cst.ClassDef):
            return self._instance(definitions[0].node)
        base = self._file.names.module_name(first)
        kind = frameworks.annotated(f"{base}.{rest}" if rest else base) if base else None
        return Value(cast("Kind", kind), base or "") if kind else None

    def _of_project(self, node: cst.CSTNode) -> Value | None:
        """An instance of a class of the project, where that is a module."""
        if not self._file.siblings.is_module_class(node):
            return None
        origin = self._file.siblings.cls(node)
        return Value("module", origin.name if origin is not None else "", origin=origin)

    def _instance(self, cls: cst.ClassDef) -> Value | None:
        """An instance of a class of this file, where that is a module."""
        return Value("module", cls.name.value, None, cls) if self._file.values.is_module_class(cls) else None


def _of_name(name: str | None) -> Value | None:
    kind = frameworks.annotated(name) if name else None
    return Value(cast("Kind", kind), name or "") if kind else None
