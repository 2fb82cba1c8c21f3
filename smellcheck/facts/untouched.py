"""What a loop leaves as it is: tensors that it does not write to, and arrays that it makes tensors of once more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..file import File

#: What makes a tensor of the numbers that it is given.
_COPIES = re.compile(r"^torch\.(tensor|as_tensor|from_numpy|Tensor|\w+Tensor)$")
#: What arrays are asked for, and numbers are not.
_OF_ARRAYS = ("shape", "T")


class Untouched:
    """Answers for the loops of one file; `None` where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def is_mutated(self, name: cst.CSTNode, loop: cst.CSTNode) -> bool:
        """Whether a tensor is changed in place within a loop, by another statement than the one that it stands in."""
        wanted = re.escape(self._file.text_of(name))
        own = self._file.text_of(self._file.context.statement(name))
        return bool(
            re.search(
                rf"(?<![\w.]){wanted}(\[[^\n]*\])?\s*([-+*/|&@%]|//|\*\*)?=(?!=)|(?<![\w.]){wanted}(\[[^\n]*\])?\.\w+_\(|out\s*=\s*{wanted}\b",
                self._file.text_of(loop).replace(own, ""),
            )
        )

    def remade(self, made: cst.BaseExpression, loop: cst.For | cst.While) -> cst.Name | None:
        """The array that an expression makes a tensor of, where a loop leaves it alone and comes there again and again.

        What is done every so many turns is done again where it computes a block that each turn takes its part of.
        """
        file = self._file
        match made:
            case cst.Call(func=maker, args=[cst.Arg(value=cst.Name() as array, star="")]):
                pass
            case _:
                return None
        if not _COPIES.match(file.name(maker) or "") or not file.context.invariant(array, loop):
            return None
        if self.is_mutated(array, loop) or self._is_handed_over(array, loop) or not self._is_array(array):
            return None
        again = all(
            file.context.invariant(one.test, loop) or self._fills(one, loop) for one in self._guards(made, loop)
        )
        return array if again else None

    def _guards(self, node: cst.CSTNode, loop: cst.CSTNode) -> Iterator[cst.If]:
        """The conditions inside a loop that a node hangs on."""
        for child, above in self._file.context.ancestors(node):
            if above is loop:
                return
            if isinstance(above, cst.If) and child is not above.test:
                yield above

    def _fills(self, guard: cst.If, loop: cst.CSTNode) -> bool:
        """Whether every so many turns fill a block for all of them: `if i % n == 0: rows = …`, then `rows[i % n]`."""
        counts = [self._file.text_of(one.right) for one in self._remainders(guard.test)]
        return any(
            self._file.text_of(one.right) in counts and not self._file.context.within(one, guard)
            for part in self._file.tree.of_type(cst.Subscript, loop)
            for one in self._remainders(part)
        )

    def _remainders(self, node: cst.CSTNode) -> list[cst.BinaryOperation]:
        """The divisions in an expression of which the rest is taken."""
        found = self._file.tree.of_type(cst.BinaryOperation, node)
        return [one for one in found if isinstance(one.operator, cst.Modulo)]

    def _is_array(self, array: cst.Name) -> bool:
        """Whether a name surely means an array: it is known as one, or asked for its shape."""
        function = self._file.context.function(array)
        named = self._file.tree.named(array.value, function if function is not None else self._file.module)
        asked = (self._file.parent(one) for one in named)
        return self._file.values.kind(array) == "array" or any(
            isinstance(one, cst.Attribute) and one.attr.value in _OF_ARRAYS for one in asked
        )

    def _is_handed_over(self, array: cst.Name, loop: cst.CSTNode) -> bool:
        """Whether a statement of a loop does nothing but something to an array: `shuffle(rows)`, `rows.sort()`."""
        file = self._file
        for name in file.tree.named(array.value, loop):
            above = file.parent(name)
            call = file.parent(above) if isinstance(above, cst.Arg | cst.Attribute) else None
            if isinstance(call, cst.Call) and isinstance(file.parent(call), cst.Expr):
                return True
        return False
