"""Which calls of what is out of sight surely run networks that record: what they give is detached in so many words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

#: Methods that give what a module holds, or that are of every module.
_ASKED_FOR = re.compile(
    r"^(get_|read|load|to$|cuda$|train$|eval$|apply$|forward$)|weight|param|buffer|state|bias|mask|target", re.I
)
#: What a function that is handed a network calls it.
_NETWORK = re.compile(r"^(\w+_)?(net|network|model)$")
_CUTS = ("detach", "data")


class Detaching:
    """Answers for the calls of one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def is_part(self, call: cst.Call) -> bool:
        """Whether a call of a part of a network whose class is out of sight is detached right there.

        What holds tensors is asked for them without running anything: `net.get_centers(labels).detach()`.
        """
        match call.func:
            case cst.Attribute(value=cst.Name() | cst.Attribute() as owner, attr=cst.Name(value=name)) if call.args:
                above = self._file.parent(call)
            case _:
                return False
        if not isinstance(above, cst.Attribute) or above.attr.value != "detach":
            return False
        if self._file.inference.is_plain(call) or _ASKED_FOR.search(name):
            return False
        value = self._file.values.of(owner)
        of_itself = isinstance(owner, cst.Name) and owner.value == "self"
        unseen = value is not None and value.kind == "module" and value.cls is None and value.origin is None
        return unseen and not of_itself

    def is_handed_network(self, call: cst.Call) -> bool:
        """Whether a call is of a parameter that is named as a network, and all that it gives is detached."""
        file, func = self._file, call.func
        if not isinstance(func, cst.Name) or not _NETWORK.match(func.value) or not call.args:
            return False
        if [one.kind for one in file.scopes.reaching(func)] != ["parameter"] or file.values.of(func) is not None:
            return False
        if self._is_cut(call):
            return True
        match file.context.statement(call):
            case cst.SimpleStatementLine(
                body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name() | cst.Tuple() as target)], value=value)]
            ) if value is call:
                uses = [use for name in file.names_in(target) for use in file.uses(name)]
                return bool(uses) and all(self._is_cut(use) for use in uses)
        return False

    def _is_cut(self, node: cst.CSTNode) -> bool:
        """Whether a value is detached in the expression that it stands in, before anything reads it."""
        file, current = self._file, node
        while (above := file.parent(current)) is not None:
            match above:
                case cst.Attribute(attr=cst.Name(value=name)) if name in _CUTS:
                    return True
                case cst.Attribute(attr=cst.Name("cpu" | "numpy" | "item" | "shape" | "size")):
                    return False
                case cst.Call(func=func) if func is not current and not (file.name(func) or "").startswith("torch."):
                    return False
                case cst.Attribute() | cst.Call() | cst.Arg() | cst.Subscript():
                    current = above
                case _:
                    return False
        return False
