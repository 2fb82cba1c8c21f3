"""How a data loader puts samples together: whether what comes of it surely is tensors, and nothing of an own kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File
    from .scopes import Definition

#: torch's own ways.
_OWN = ("default_collate", "default_convert", "pad_sequence")
#: Names and containers are followed so far.
_DEEPEST = 5


class Collating:
    """The collations of one file's loaders; each answer is yes only where it is sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def gives_tensors(self, loader: cst.Call) -> bool:
        """Whether a loader puts samples together in torch's own way, or all that comes of it are tensors."""
        given = self._file.argument(loader, "collate_fn")
        if given is None or (isinstance(given.value, cst.Name) and given.value.value == "None"):
            return True
        name = self._file.name(given.value) or ""
        if name.startswith("torch.") and name.endswith(_OWN):
            return True
        bound = self._file.scopes.definitions(given.value) if isinstance(given.value, cst.Name) else []
        if len(bound) == 1 and isinstance(bound[0].node, cst.FunctionDef):
            return self.only_tensors(bound[0].node)
        found = self._file.elsewhere.defined(given.value)
        if found is None or not isinstance(found.node, cst.FunctionDef):
            return False
        return found.file.collating.only_tensors(found.node)

    def only_tensors(self, function: cst.FunctionDef) -> bool:
        """Whether all that a function returns are tensors, in tuples, lists and dictionaries at most."""
        nodes = self._file.calls.own_nodes(function)
        if any(isinstance(node, cst.Yield) for node in nodes):
            return False
        given = [node.value for node in nodes if isinstance(node, cst.Return)]
        return bool(given) and all(one is not None and self._is_tensors(one, 0) for one in given)

    def _is_tensors(self, node: cst.CSTNode, depth: int) -> bool:
        if depth > _DEEPEST:
            return False
        match node:
            case cst.Tuple(elements=elements) | cst.List(elements=elements) if elements:
                return all(isinstance(one, cst.Element) and self._is_tensors(one.value, depth + 1) for one in elements)
            case cst.Dict(elements=elements) if elements:
                return all(
                    isinstance(one, cst.DictElement) and self._is_tensors(one.value, depth + 1) for one in elements
                )
            case cst.ListComp(elt=each):
                return self._is_tensors(each, depth + 1)
            case cst.Name():
                bound = self._file.scopes.reaching(node)
                return bool(bound) and all(self._is_bound(one, node, depth) for one in bound)
            case cst.Call() if self._file.name(node.func) == "torch.nn.utils.rnn.pad_sequence":
                return True
        return self._file.values.kind(node) == "tensor"

    def _is_bound(self, bound: Definition, name: cst.Name, depth: int) -> bool:
        """Whether a definition binds tensors to a name."""
        if bound.kind != "assign" or not isinstance(bound.value, cst.BaseExpression):
            return False
        value = self._file.scopes.part(bound.value, bound.path)
        return value is not None and self._holds(value, name, depth)

    def _holds(self, value: cst.CSTNode, name: cst.Name, depth: int) -> bool:
        """Whether a name is bound to tensors, or to a list that is filled with them and nothing else."""
        if not isinstance(value, cst.List) or value.elements:
            return self._is_tensors(value, depth + 1)
        home = self._file.context.function(name)
        added = []
        for use in self._file.tree.named(name.value, home or self._file.module):
            match self._file.parent(use):
                case cst.Attribute(attr=cst.Name("append")) as method:
                    call = self._file.parent(method)
                    added.append(call.args[0].value if isinstance(call, cst.Call) and call.args else None)
                case cst.Attribute() | cst.Subscript() | cst.AugAssign():
                    return False
        return bool(added) and all(one is not None and self._is_tensors(one, depth + 1) for one in added)
