"""What must be a torch module, because methods are called on it that only modules have."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from .kinds import Value
from .scopes import Definition

if TYPE_CHECKING:
    from ..file import File

#: Method calls that only a torch module among callables has; used when no constructor is in sight.
_MODULE_METHODS = {"eval", "parameters", "named_parameters", "state_dict", "load_state_dict", "named_modules"}


class Evidence:
    """What the method calls of one file give away."""

    def __init__(self, file: File) -> None:
        self._file = file

    @cached_property
    def _owners(self) -> dict[str, list[cst.Name | cst.Attribute]]:
        """Expressions on which a method is called that only modules have, by their last name."""
        found: dict[str, list[cst.Name | cst.Attribute]] = {}
        for call in self._file.all(cst.Call) if self._file.torchlike else ():
            match call.func:
                case cst.Attribute(value=(cst.Name() | cst.Attribute()) as owner, attr=cst.Name(value=method)):
                    if method in _MODULE_METHODS and (method != "eval" or not call.args):
                        last = owner.value if isinstance(owner, cst.Name) else owner.attr.value
                        found.setdefault(last, []).append(owner)
        return found

    def of_name(self, node: cst.Name, reaching: tuple[Definition, ...]) -> bool:
        """Whether the very definitions that reach a use are elsewhere treated as only a module can be."""
        if any(d.kind not in ("parameter", "assign", "for", "with") for d in reaching):
            return False
        if any(_contradicts(self._file.values.of_definition(d)) for d in reaching):
            return False
        wanted = set(reaching)
        return any(
            isinstance(owner, cst.Name) and wanted & set(self._file.scopes.reaching(owner))
            for owner in self._owners.get(node.value, ())
        )

    def of_attribute(self, cls: cst.ClassDef, name: str) -> bool:
        """Whether an attribute of `self` is somewhere treated as only a module can be."""
        values = self._file.values
        if any(_contradicts(values.of(value)) for value in values.attribute_values(cls, name)):
            return False
        line = self._file.calls.bases(cls)
        for expression in self._owners.get(name, ()):
            match expression:
                case cst.Attribute(value=cst.Name(value="self")):
                    if self._file.calls.enclosing_class(expression) in line:
                        return True
        return False


def _contradicts(value: Value | None) -> bool:
    # What an annotation calls a module may be the class of one: its "output" is then a module.
    return value is not None and value.kind not in ("module", "output", "none")
