"""Whose parameters an optimizer steps, and what is the same object under the names of several functions."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from . import frameworks
from .tree import descend

if TYPE_CHECKING:
    from ..file import File

#: What an object is known by: the scope or class that holds its name, and the name.
Key = tuple[object, str]

_PARAMETERS = ("parameters", "named_parameters")
# What hands parameters on as they are.
_PASSES = {"list", "filter", "tuple", "set", "itertools.chain", "chain", "itertools.chain.from_iterable", "iter", "map"}
# Tensors that are made to be stepped.
_LEAVES = {"torch.nn.Parameter", "torch.nn.parameter.Parameter"}
_DEEPEST = 6
_SPELLED = re.compile(r"opt|adam|sgd|lamb|lion|lbfgs|rmsprop", re.I)


class Optimizers:
    """The optimizers that one file makes."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._owners: dict[cst.Call, frozenset[Key] | None] = {}

    @cached_property
    def made(self) -> list[cst.Call]:
        """Every call that makes an optimizer."""
        return [
            call for call in self._file.all(cst.Call) if self._may(call) and self._file.values.kind(call) == "optimizer"
        ]

    def _may(self, call: cst.Call) -> bool:
        """Whether a call is spelled like one, or what it gives is: asked of every call before anything else is."""
        match call.func:
            case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
                if _SPELLED.search(name) or frameworks.OPTIMIZER.match(self._file.name(call.func) or ""):
                    return True
            case _:
                return True
        match self._file.parent(call):
            case cst.Assign(targets=targets):
                return any(_SPELLED.search(self._file.text_of(target.target)) for target in targets)
        return False

    def owners(self, optimizer: cst.CSTNode) -> frozenset[Key] | None:
        """The modules whose parameters an optimizer was given; `None` unless all that it was given is understood."""
        value = self._file.values.of(optimizer)
        made = value.made if value is not None and value.kind == "optimizer" else None
        if not isinstance(made, cst.Call):
            return None
        if made not in self._owners:
            given = self._file.argument(made, "params", 0)
            self._owners[made] = None if given is None else self.held(given.value)
        return self._owners[made]

    def held(self, node: cst.BaseExpression) -> frozenset[Key] | None:
        """The modules whose parameters an expression holds, or the weights; `None` unless all of it is understood."""
        return self._given(node, 0)

    @cached_property
    def stepped(self) -> frozenset[Key]:
        """Every module whose parameters some optimizer of the file is given."""
        return frozenset().union(*(self.owners(call) or () for call in self.made))

    def key(self, node: cst.CSTNode, depth: int = 0) -> Key | None:
        """What a name or an attribute refers to: through parameters, where all callers in sight pass the same."""
        text, root = self._file.text_of(node), node
        while isinstance(root, cst.Attribute | cst.Subscript):
            root = root.value
        if not isinstance(root, cst.Name) or depth > _DEEPEST:
            return None
        text = text.removesuffix(".module")
        if root.value == "self":
            owner = self._file.calls.enclosing_class(node)
            return (owner, text) if owner is not None else None
        scope = self._file.scopes.bound(root.value, self._file.scopes.around(node))
        if scope is None:
            return None
        definitions = scope.bindings[root.value]
        if len(definitions) == 1 and definitions[0].kind == "parameter" and isinstance(scope.node, cst.FunctionDef):
            passed = [
                self._file.calls.argument_of(call, scope.node, definitions[0])
                for call in self._file.calls.passing(scope.node)
            ]
            found = {None if one is None else self.key(one, depth + 1) for one in passed}
            if len(found) == 1 and (outer := found.pop()) is not None:
                return outer[0], outer[1] + text[len(root.value) :]
        return scope, text

    def _given(self, node: cst.BaseExpression, depth: int) -> frozenset[Key] | None:
        """The modules whose parameters an expression holds, and nothing else."""
        if depth > _DEEPEST:
            return None
        parts: list[cst.BaseExpression]
        match node:
            case cst.Call(func=cst.Attribute(value=module, attr=cst.Name(value=method)), args=[]) if (
                method in _PARAMETERS
            ):
                key = self.key(module)
                return None if key is None else frozenset({key})
            case cst.Call(func=func, args=args) if (
                self._file.name(func) or (func.value if isinstance(func, cst.Name) else "")
            ) in _PASSES:
                parts = [arg.value for arg in args if not isinstance(arg.value, cst.Lambda)]
            case cst.List(elements=elements) | cst.Tuple(elements=elements):
                parts = [element.value for element in elements]
            case cst.Dict(elements=elements):
                parts = [
                    element.value
                    for element in elements
                    if isinstance(element, cst.DictElement) and self._is_params(element.key)
                ]
            case cst.BinaryOperation(operator=cst.Add(), left=left, right=right):
                parts = [left, right]
            case cst.ListComp() | cst.GeneratorExp():
                parts = [node.for_in.iter]
            case cst.Name():
                reaching = self._file.scopes.reaching(node)
                if not reaching or any(one.kind != "assign" or one.path for one in reaching):
                    return None
                parts = [one.value for one in reaching if isinstance(one.value, cst.BaseExpression)]
                if all(self._leaf(part) for part in parts):
                    key = self.key(node)
                    return None if key is None else frozenset({key})
                if self._grown(node):
                    return None
            case _:
                return None
        found = [self._given(part, depth + 1) for part in parts]
        if not found or any(one is None for one in found):
            return None
        return frozenset().union(*(one for one in found if one is not None))

    def _leaf(self, node: cst.CSTNode | None) -> bool:
        """Whether an expression makes a tensor that wants gradients, itself or by a function of the file."""
        if not isinstance(node, cst.Call):
            return False
        name = self._file.name(node.func) or ""
        if name in _LEAVES:
            return True
        if name.startswith("torch."):
            asked = self._file.argument(node, "requires_grad")
            return asked is not None and isinstance(asked.value, cst.Name) and asked.value.value == "True"
        function = self._file.calls.callee(node)
        inside = self._file.calls.own_nodes(function) if function is not None else []
        returned = [one.value for one in inside if isinstance(one, cst.Return)]
        return bool(returned) and all(
            isinstance(one, cst.Call) and one is not node and self._leaf(one) for one in returned
        )

    def _is_params(self, key: cst.CSTNode) -> bool:
        return isinstance(key, cst.SimpleString) and key.evaluated_value == "params"

    def _grown(self, name: cst.Name) -> bool:
        """Whether more is put into the list of this name somewhere in its function."""
        function = self._file.context.function(name)
        home: cst.CSTNode = function.body if function is not None else self._file.module
        for node in descend(home):
            match node:
                case cst.Call(func=cst.Attribute(value=cst.Name(value=owner), attr=cst.Name(value=method))) if (
                    owner == name.value and method in ("append", "extend", "insert")
                ):
                    return True
                case cst.AugAssign(target=cst.Name(value=owner)) if owner == name.value:
                    return True
        return False
