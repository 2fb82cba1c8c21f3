"""Which calls drop numbers of a tensor out: functions of torch, layers, and layers that a function is given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

_FUNCTIONS = frozenset({"torch.nn.functional.dropout", "torch.dropout"})
#: What layers are called that a function is given to drop out with.
_GIVEN = re.compile(r"^(att(ention|n)?_?)?drop(out)?(_layer|_fn)?$")


class Dropouts:
    """The dropouts of one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def of(self, call: cst.Call) -> Literal["known", "given"] | None:
        """Whether a call drops out, with a layer or share that is `known` here, or by what a function is `given`."""
        name = self._file.name(call.func)
        if name is not None:
            return "known" if name in _FUNCTIONS else None
        layer = self._file.values.of(call.func)
        if layer is not None:
            return "known" if layer.name == "torch.nn.Dropout" else None
        match call.func:
            case cst.Name(value=spelled) as given if _GIVEN.match(spelled):
                kinds = [one.kind for one in self._file.scopes.reaching(given)]
                return "given" if kinds == ["parameter"] else None
        return None
