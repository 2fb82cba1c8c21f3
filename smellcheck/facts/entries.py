"""Which tensors are entries of a batch that a function is given: `batch["image"]`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

#: What the tensors of a batch are entries of.
_BATCH = re.compile(r"(^|_)(batch(ed)?|samples?|inputs?|data|examples?)(_|$)")


class Entries:
    """The entries of batches in one file; false where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def of_batch(self, node: cst.CSTNode | None) -> bool:
        """Whether an expression, or what its name means, is an entry of a batch that a function is given."""
        if isinstance(node, cst.Name):
            reaching = self._file.scopes.reaching(node)
            node = reaching[0].value if len(reaching) == 1 and not reaching[0].path else None
        match node:
            case cst.Subscript(
                value=cst.Name(value=name) as batch,
                slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString()))],
            ):
                kinds = [one.kind for one in self._file.scopes.reaching(batch)]
                return kinds == ["parameter"] and _BATCH.search(name) is not None
        return False
