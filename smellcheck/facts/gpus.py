"""Which devices surely are CUDA devices, wherever there is one, and which calls move to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .elsewhere import CallSite

if TYPE_CHECKING:
    from ..file import File
    from .loaders import StandIn
    from .scopes import Definition

_CUDA = re.compile(r"""["']cuda\b""")
#: Names, attributes and callers are followed so far.
_DEEPEST = 3


class Gpus:
    """The CUDA devices of one file; each answer is yes only where it is sure."""

    def __init__(self, file: File, stand_in: StandIn | None = None) -> None:
        self._file = file
        self._stand_in = stand_in

    def is_move(self, call: cst.Call) -> bool:
        """Whether a call moves its receiver to a CUDA device, wherever there is one."""
        match call:
            case cst.Call(
                func=cst.Attribute(attr=cst.Name("to")), args=[cst.Arg(value=cst.Subscript() as item, star="")]
            ):
                return self.is_device(item)
        if self._file.moves.destination(call) is None:
            return False
        match call.func:
            case cst.Attribute(attr=cst.Name("cuda")):
                return True
        return bool(call.args) and self.is_device(call.args[0].value)

    def is_device(self, device: cst.CSTNode, depth: int = 0) -> bool:
        """Whether an expression surely is a CUDA device, wherever there is one."""
        text = self._file.text_of(device)
        if _CUDA.search(text):
            return True
        if depth > _DEEPEST:
            return False
        match device:
            case cst.Name():
                reaching = self._file.scopes.reaching(device)
                if len(reaching) == 1 and reaching[0].kind == "parameter":
                    given = self._given(reaching[0])
                    return bool(given) and all(one and home.gpus.is_device(one, depth + 1) for home, one in given)
                made = [one.value for one in reaching if one.kind == "assign" and not one.path]
                whole = bool(made) and len(made) == len(reaching) and not any(map(self._only_as_script, reaching))
                return whole and all(value is not None and self.is_device(value, depth + 1) for value in made)
            case cst.Attribute(value=cst.Name("self"), attr=attr):
                owner = self._file.calls.enclosing_class(device)
                values = self._file.values.attribute_values(owner, attr.value) if owner is not None else []
                return bool(values) and all(self.is_device(value, depth + 1) for value in values)
            case cst.Attribute() | cst.Subscript():
                return self._is_kept(device, depth)
        return False

    def keeps(self, spelled: str, depth: int = 0) -> bool:
        """Whether all that the file assigns to an attribute or item is a CUDA device, and no condition decides on it.

        The attribute is known by its spelling: `args.device` is that of the options, wherever they are called so.
        """
        found = [
            above
            for one in self._file.all(cst.AssignTarget)
            if self._file.text_of(one.target) == spelled and isinstance(above := self._file.parent(one), cst.Assign)
        ]
        return bool(found) and all(
            self.is_device(one.value, depth + 1) and not any(map(self._decides, self._file.context.ancestors(one)))
            for one in found
        )

    def _decides(self, around: tuple[cst.CSTNode, cst.CSTNode]) -> bool:
        """Whether a condition stands around a node, other than one that asks whether the module is the program."""
        above = around[1]
        return isinstance(above, cst.If) and "__main__" not in self._file.text_of(above.test)

    def _is_kept(self, device: cst.Attribute | cst.Subscript, depth: int) -> bool:
        """The same for an attribute or item that is read, of the same object here or where it is given from."""
        whole, spelled = self._file.text_of(device.value), self._file.text_of(device)
        if self.keeps(spelled, depth):
            return True
        bound = self._file.scopes.reaching(device.value) if isinstance(device.value, cst.Name) else ()
        if len(bound) == 1 and bound[0].kind == "parameter":
            given = self._given(bound[0])
            return bool(given) and all(
                one and home.gpus.keeps(home.text_of(one) + spelled.removeprefix(whole), depth + 1)
                for home, one in given
            )
        return isinstance(device, cst.Subscript) and self._is_written(device, depth)

    def _is_written(self, item: cst.Subscript, depth: int) -> bool:
        """Whether an item of a dictionary that is written out is a CUDA device, and stays it."""
        made = self._file.scopes.written(item.value)
        spelled = self._file.text_of(item)
        if any(self._file.text_of(one.target) == spelled for one in self._file.all(cst.AssignTarget)):
            return False
        match made, item.slice:
            case (
                cst.Dict(elements=elements),
                [cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString(value=key)))],
            ):
                held = [
                    one.value
                    for one in elements
                    if isinstance(one, cst.DictElement) and self._file.text_of(one.key).strip("\"'") == key.strip("\"'")
                ]
                return len(held) == 1 and self.is_device(held[0], depth + 1)
        return False

    def _only_as_script(self, bound: Definition) -> bool:
        """Whether a name is not bound at all where another module imports this one."""
        return self._stand_in is not None and any(
            isinstance(above, cst.If) and "__main__" in self._file.text_of(above.test)
            for _, above in self._file.context.ancestors(bound.node)
        )

    def _given(self, bound: Definition) -> list[tuple[File, cst.CSTNode | None]]:
        """What all calls in sight give for a parameter, each with the file that it stands in."""
        function, stand_in = bound.scope.node, self._stand_in
        if not isinstance(function, cst.FunctionDef):
            return []
        if stand_in is not None and function is stand_in.function and stand_in.call and stand_in.home:
            sites = [CallSite(stand_in.home, stand_in.call)]
        else:
            sites = [CallSite(self._file, call) for call in self._file.calls.passing(function)]
            # Who is called from other modules alone is given what is made there.
            sites = sites or self._file.elsewhere.calls(function) or []
        return [(one.file, self._file.calls.argument_of(one.call, function, bound)) for one in sites]
