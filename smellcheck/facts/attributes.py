"""What an attribute is: assigned to `self` somewhere in the class, or a part of a tensor, an output, a frame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from .evidence import Evidence
from .kinds import PENDING, Kind, Value, join
from .tree import Tree, dotted

if TYPE_CHECKING:
    from ..file import File

_TENSOR_PARTS = ("data", "T", "grad", "mT")
_OUTPUT_PARTS = ("logits", "last_hidden_state", "pooler_output", "loss", "hidden_states", "sample")
_FRAME_PARTS: dict[str, Kind] = {"values": "array", "columns": "list"}


class Attributes:
    """The attributes of objects in one file."""

    def __init__(self, file: File, evidence: Evidence) -> None:
        self._file = file
        self._evidence = evidence
        self._assigned: dict[cst.ClassDef, dict[str, list[cst.CSTNode]]] = {}

    def of(self, node: cst.Attribute) -> Value | None:
        """The value of an attribute, if sure."""
        if isinstance(node.value, cst.Name) and node.value.value == "self":
            owner = self._file.calls.enclosing_class(node)
            return self._of_self(owner, node.attr.value) if owner is not None else None
        inner = self._file.values.of(node.value)
        if inner is None:
            return self._shared(node)
        if inner is PENDING:
            return inner
        if inner.kind == "module" and inner.cls is not None:
            return join([self._file.values.of(value) for value in self.assigned(inner.cls, node.attr.value)])
        if inner.kind == "module" and inner.origin is not None:
            return self._file.siblings.attribute(inner.origin, node.attr.value)
        return _part(inner, node.attr.value)

    def assigned(self, owner: cst.ClassDef, name: str) -> list[cst.CSTNode]:
        """Every expression assigned to `self.<name>` in the class and its ancestors in this file."""
        found: list[cst.CSTNode] = []
        for cls in self._file.calls.bases(owner):
            if cls not in self._assigned:
                self._assigned[cls] = _assigned_in(cls, self._file.tree)
            found += self._assigned[cls].get(name, [])
        return found

    def _shared(self, node: cst.Attribute) -> Value | None:
        """The module that functions put into an object of the whole file: `app.state.model = net`."""
        given = self._shared_given.get(".".join(dotted(node) or ()), ())
        if not given or not self._is_global(node):
            return None
        found = join([self._file.values.of(value) for value in given])
        return found if found is not None and found is not PENDING and found.kind == "module" else None

    @cached_property
    def _shared_given(self) -> dict[str, list[cst.CSTNode]]:
        """What functions put into attributes of names that stand at the top of the file, by their spelling."""
        found: dict[str, list[cst.CSTNode]] = {}
        for node in self._file.all(cst.Assign):
            for target in node.targets:
                empty = isinstance(node.value, cst.Name) and node.value.value == "None"
                if isinstance(target.target, cst.Attribute) and not empty and self._is_global(target.target):
                    found.setdefault(".".join(dotted(target.target) or ()), []).append(node.value)
        return found

    def _is_global(self, node: cst.Attribute) -> bool:
        """Whether the object whose attribute this is, or that holds it, is made at the top of the file."""
        root: cst.BaseExpression = node
        while isinstance(root, cst.Attribute):
            root = root.value
        if not isinstance(root, cst.Name) or root.value == "self":
            return False
        scope = self._file.scopes.bound(root.value, self._file.scopes.around(root))
        if scope is None or scope.parent is not None:
            return False
        return all(isinstance(one.value, cst.Call) for one in scope.bindings[root.value])

    def _of_self(self, owner: cst.ClassDef, name: str) -> Value | None:
        given = self.assigned(owner, name)
        # Handed in or made here: what is made says what is meant to be handed in.
        made = [value for value in given if not self._is_parameter(value)]
        found = join([self._file.values.of(value) for value in made or given])
        if found is None and self._evidence.of_attribute(owner, name):
            return Value("module")
        return found

    def _is_parameter(self, node: cst.CSTNode) -> bool:
        """Whether an expression is a bare parameter of which nothing else is known."""
        if not isinstance(node, cst.Name) or self._file.values.of(node) is not None:
            return False
        reaching = self._file.scopes.reaching(node)
        return bool(reaching) and all(definition.kind == "parameter" for definition in reaching)


def _part(inner: Value, name: str) -> Value | None:
    """What a part of a value is, by the kind of the whole."""
    match inner.kind:
        case "module" if name == "module":
            return inner
        case "tensor" | "output" if name in _TENSOR_PARTS:
            return Value("tensor")
        case "output" if name in _OUTPUT_PARTS:
            return Value("output")
        case "array" if name == "T":
            return Value("array")
        case "frame":
            return inner if name in ("iloc", "loc") else Value(_FRAME_PARTS.get(name, "series"))
        case "series" if name in ("str", "iloc", "loc"):
            return inner
        case "series" if name == "values":
            return Value("array")
    return None


def _assigned_in(cls: cst.ClassDef, tree: Tree) -> dict[str, list[cst.CSTNode]]:
    """What a class assigns to the attributes of `self`, by their names; what a class inside it does is its own."""
    found: dict[str, list[cst.CSTNode]] = {}
    for node in reversed(_assignments(cls, tree)):
        match node:
            case cst.Assign():
                for target in node.targets:
                    match target.target:
                        case cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=name)):
                            found.setdefault(name, []).append(node.value)
                        case cst.Tuple(elements=elements):
                            _unpacked(elements, node.value, found)
            case cst.AnnAssign(target=cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=name))):
                if node.value is not None:
                    found.setdefault(name, []).append(node.value)
    return found


def _assignments(cls: cst.ClassDef, tree: Tree) -> list[cst.Assign | cst.AnnAssign]:
    order = tree.order
    inner = [(order[one], tree.end(one)) for one in tree.of_type(cst.ClassDef, cls.body)]
    every: list[cst.Assign | cst.AnnAssign] = [*tree.of_type(cst.Assign, cls.body)]
    annotated = tree.of_type(cst.AnnAssign, cls.body)
    if annotated:
        every = sorted([*every, *annotated], key=order.__getitem__)
    return [node for node in every if not any(first < order[node] < behind for first, behind in inner)]


def _unpacked(
    elements: Sequence[cst.BaseElement], value: cst.BaseExpression, found: dict[str, list[cst.CSTNode]]
) -> None:
    given = value.elements if isinstance(value, cst.Tuple) and len(value.elements) == len(elements) else None
    for index, element in enumerate(elements):
        match element.value:
            case cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=name)) as target:
                # Unpacked from what cannot be seen: the target itself stands for the unknown.
                found.setdefault(name, []).append(given[index].value if given is not None else target)
