"""What training steps are made of: losses sent backward, what they are computed from, and optimizers that step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .tree import descend, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..file import File

_BACKWARDS = {"backward", "manual_backward"}
# What sends a loss that it is given; a tensor's own `backward` is given a gradient at most.
_SENDERS = re.compile(
    r"(^|[._])(accelerator|fabric|engine|self|model\w*|strategy|scaler|amp|optimizer|manager|booster)$"
)


class Steps:
    """The training steps of one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    @staticmethod
    def sent(call: cst.CSTNode) -> cst.BaseExpression | None:
        """The loss of `loss.backward()`, `scaler.scale(loss).backward()` or `accelerator.backward(loss)`."""
        match call:
            case cst.Call(func=cst.Attribute(value=receiver, attr=cst.Name(value=method)), args=args) if (
                method in _BACKWARDS
            ):
                given = [arg.value for arg in args if arg.keyword is None]
                return given[0] if given and _SENDERS.search(".".join(dotted(receiver) or ())) else receiver
        return None

    @staticmethod
    def stepping(call: cst.CSTNode) -> cst.BaseExpression | None:
        """The optimizer of `optimizer.step()` or `scaler.step(optimizer)`."""
        match call:
            case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name("step")), args=[]):
                return owner
            case cst.Call(func=cst.Attribute(attr=cst.Name("step")), args=[cst.Arg(value=owner, keyword=None)]):
                return owner
        return None

    def sources(self, loss: cst.BaseExpression) -> Iterator[cst.CSTNode]:
        """The calls and names that a loss is computed from in the same function, where their graph is not cut."""
        file = self._file
        todo: list[cst.CSTNode] = [loss]
        seen: set[cst.CSTNode] = set()
        while todo:
            for node in descend(todo.pop(), into_functions=False):
                if node in seen or not isinstance(node, cst.Call | cst.Name) or file.graph.straight_cut(node):
                    continue
                seen.add(node)
                yield node
                if isinstance(node, cst.Name) and (file.reads(node) or isinstance(file.parent(node), cst.AugAssign)):
                    for one in file.scopes.reaching(node):
                        # What an earlier round of a loop has computed has been through its own backward pass.
                        if file.before(node, one.node) or one.node in seen:
                            continue
                        if one.kind in ("assign", "augment") and one.value is not None:
                            seen.add(one.node)
                            todo.append(one.node if one.kind == "augment" else one.value)

    def home(self, node: cst.CSTNode) -> cst.CSTNode:
        """The function that a node stands in, or the module."""
        return self._file.context.function(node) or self._file.module
