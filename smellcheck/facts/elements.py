"""Loops that take a tensor element by element: which tensor it is, as far as the code shows that it surely is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File
    from .loops import LoopNode

#: What is made for settings or cut into pieces is small, or holds no numbers one by one.
_SCHEDULE = re.compile(r"torch\.(linspace|arange|logspace|full|zeros|ones)\(|split|chunk|unbind")


class Elements:
    """Answers for the loops of one file; `None` where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def iterated(self, item: cst.Name, loop: LoopNode, *, copied: bool = False) -> cst.BaseExpression | None:
        """The tensor whose items a loop gives by a name: `for x in t`, `enumerate(t)`, `zip(a, t)`.

        What was compared with a number may be an array as well; not where its items are `copied` by `cpu()`.
        """
        if isinstance(loop, cst.While):
            return None
        reaching = self._file.scopes.reaching(item)
        clause = loop if isinstance(loop, cst.For) else loop.for_in
        if len(reaching) != 1 or reaching[0].node is not clause:
            return None
        over, path = clause.iter, reaching[0].path
        while isinstance(over, cst.Call) and isinstance(over.func, cst.Name) and path:
            match over.func.value, over.args:
                case "enumerate", [first, *_] if path[0] == 1:
                    over, path = first.value, path[1:]
                case "zip", args if 0 <= path[0] < len(args):
                    over, path = args[path[0]].value, path[1:]
                case _:
                    return None
        return over if not path and self._is_read(over, copied=copied) else None

    def indexed(self, item: cst.Subscript, loop: LoopNode) -> cst.BaseExpression | None:
        """The tensor of which a loop takes one number after another by an index."""
        base: cst.BaseExpression = item
        steps: set[str] = set()
        while isinstance(base, cst.Subscript):
            if any(isinstance(part.slice, cst.Slice) for part in base.slice):
                return None
            if any(isinstance(below, cst.SimpleString) for part in base.slice for below in self._file.tree.below(part)):
                return None
            steps |= {name.value for part in base.slice for name in self._file.names_in(part)}
            base = base.value
        described = self._file.context.loop(loop)
        turned = (
            {name.value for name in self._file.names_in(described.target)} if described.target is not None else set()
        )
        if not steps & turned or not self._file.context.invariant(base, loop):
            return None
        return base if isinstance(base, cst.Name | cst.Attribute) and self._is_read(base) else None

    def _is_read(self, tensor: cst.BaseExpression, *, copied: bool = False) -> bool:
        """Whether an expression surely is a tensor, and not one that was made or brought to the host."""
        made = self._origins(tensor)
        masks = copied and all(self._is_mask(one) for one in made[1:] or made)
        if not (masks or self._file.values.kind(tensor) == "tensor") or self._file.readbacks.on_host(tensor):
            return False
        # A loss or a network of one's own may give several tensors at once.
        several = any(
            isinstance(one, cst.Call) and self._file.values.kind(one.func) in ("module", "loss") for one in made
        )
        return not several and not any(_SCHEDULE.search(self._file.text_of(one)) for one in made)

    def _is_mask(self, made: cst.CSTNode) -> bool:
        """Whether something unknown was compared with a number: of what has items, a tensor or an array."""
        match made:
            case cst.Comparison(comparisons=[cst.ComparisonTarget(operator=operator, comparator=bound)]):
                ordered = isinstance(
                    operator, cst.GreaterThan | cst.GreaterThanEqual | cst.LessThan | cst.LessThanEqual
                )
                return ordered and isinstance(bound, cst.Float | cst.Integer) and self._file.values.kind(made) is None
        return False

    def _origins(self, node: cst.BaseExpression) -> list[cst.CSTNode]:
        """The expression, and what its name is bound to."""
        bound = self._file.scopes.reaching(node) if isinstance(node, cst.Name) else ()
        return [node, *(one.value for one in bound if one.value is not None and one.kind in ("assign", "for"))]
