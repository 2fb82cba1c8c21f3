"""Where a name is bound and used: scopes, definitions, and the definitions that reach a use."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import libcst as cst

from .cell import boundary
from .tree import Tree, descend

if TYPE_CHECKING:
    from .flow import Reaching

Kind = Literal[
    "assign",
    "augment",
    "annotate",
    "for",
    "with",
    "parameter",
    "import",
    "function",
    "class",
    "except",
    "match",
    "delete",
]
ScopeNode = (
    cst.Module
    | cst.FunctionDef
    | cst.Lambda
    | cst.ClassDef
    | cst.ListComp
    | cst.SetComp
    | cst.DictComp
    | cst.GeneratorExp
)
COMPREHENSIONS = (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)
_NAMELESS = (*COMPREHENSIONS, cst.Lambda)
SCOPES = (cst.Module, cst.FunctionDef, cst.Lambda, cst.ClassDef, *COMPREHENSIONS)
#: Scopes of whose parts some are evaluated around them, and those of which all belong to them.
_FUNCTIONS: frozenset[type[cst.CSTNode]] = frozenset({cst.FunctionDef, cst.ClassDef, cst.Lambda})
#: Names are followed so far.
_DEEPEST = 3
_OPEN: frozenset[type[cst.CSTNode]] = frozenset({cst.Module, *COMPREHENSIONS})


@dataclass(eq=False, frozen=True)
class Definition:
    """One place that binds `name`.

    `value` is the expression bound (the iterable of a `for`, the context expression of a `with`, the default of a
    parameter), `path` the indices that unpacking takes into it, and `node` the statement or clause that binds.
    """

    name: str
    kind: Kind
    node: cst.CSTNode
    scope: Scope
    value: cst.CSTNode | None = None
    path: tuple[int, ...] = ()


@dataclass(eq=False)
class Scope:
    """A module, function, lambda, class or comprehension, and what is bound in it."""

    node: ScopeNode
    parent: Scope | None
    bindings: dict[str, list[Definition]] = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)
    """Names declared `global` or `nonlocal` here."""


class Scopes:
    """The scopes of one file, built on first use from the nodes by type."""

    def __init__(self, tree: Tree, module: cst.Module) -> None:
        self._tree = tree
        self.module = Scope(module, None)
        self._scopes: dict[cst.CSTNode, Scope] = {module: self.module}
        self._flows: dict[Scope, Reaching] = {}
        self._around: dict[cst.CSTNode, Scope] = {}
        self._reaching: dict[cst.Name, tuple[Definition, ...]] = {}
        self.stored_attributes: dict[str, list[Definition]] = {}
        for kind in SCOPES[1:]:
            for node in tree.by_type.get(kind, ()):
                self.scope(node)
        for definition in self._definitions():
            definition.scope.bindings.setdefault(definition.name, []).append(definition)

    def scope(self, node: cst.CSTNode) -> Scope:
        """The scope that belongs to a function, class, lambda, comprehension or the module."""
        found = self._scopes.get(node)
        if found is None:
            found = self._scopes[node] = Scope(node, self.around(node))  # type: ignore[arg-type]
        return found

    def around(self, node: cst.CSTNode) -> Scope:
        """The scope in which a node is evaluated: that of a decorator or default is the function's surroundings."""
        found = self._around.get(node)
        if found is None:
            trail: list[cst.CSTNode] = []
            found = self._climb(node, trail)
            # What lies between a node and its scope is evaluated there too; a parameter is not its default.
            self._around.update((passed, found) for passed in trail if type(passed) is not cst.Param)
            self._around[node] = found
        return found

    def _climb(self, node: cst.CSTNode, trail: list[cst.CSTNode]) -> Scope:
        parents, named = self._tree.parent, self._is_parameter_name(node)
        child, current = node, parents.get(node)
        while current is not None:
            kind = type(current)
            if kind in _FUNCTIONS:
                if child is current.body or (named and type(child) is cst.Parameters):  # type: ignore[attr-defined]
                    return self.scope(current)
            elif kind in _OPEN:
                return self.scope(current)
            if not named:
                known = self._around.get(current)
                if known is not None and kind is not cst.Param:
                    return known
                trail.append(current)
            child, current = current, parents.get(current)
        return self.module

    def _is_parameter_name(self, node: cst.CSTNode) -> bool:
        above = self._tree.parent.get(node)
        return type(node) is cst.Param or (type(above) is cst.Param and above.name is node)

    def bound(self, name: str, scope: Scope) -> Scope | None:
        """The scope whose binding a use of `name` in `scope` sees; `None` for builtins and the unknown."""
        current: Scope | None = scope
        while current is not None:
            visible = current is scope or not isinstance(current.node, cst.ClassDef)
            if visible and name in current.bindings and name not in current.outer:
                return current
            current = current.parent
        return None

    @staticmethod
    def part(whole: cst.BaseExpression, path: tuple[int, ...]) -> cst.BaseExpression | None:
        """What stands at the place of a tuple, written out, that a definition's `path` leads to."""
        for at in path:
            if not isinstance(whole, cst.Tuple) or not 0 <= at < len(whole.elements):
                return None
            whole = whole.elements[at].value
        return whole

    def definitions(self, name: cst.Name) -> list[Definition]:
        """All definitions that the name may refer to, whatever the order of statements."""
        scope = self.bound(name.value, self.around(name))
        return scope.bindings[name.value] if scope else []

    def reaching(self, name: cst.Name) -> tuple[Definition, ...]:
        """The definitions that may reach this use; empty when none is known.

        A name of an enclosing scope may have been bound by any of its definitions there.
        """
        found = self._reaching.get(name)
        if found is None:
            found = self._reaching[name] = self._reached(name)
        return found

    def _reached(self, name: cst.Name) -> tuple[Definition, ...]:
        around = self.around(name)
        scope = self.bound(name.value, around)
        if scope is None:
            return ()
        everything = tuple(scope.bindings[name.value])
        home = around
        while isinstance(home.node, _NAMELESS) and home is not scope and home.parent is not None:
            home = home.parent
        if scope is not home or len(everything) == 1 or isinstance(scope.node, _NAMELESS):
            return everything
        found = self.flow(scope).at(name)
        return everything if found is None else found

    def written(self, node: cst.CSTNode, depth: int = 0) -> cst.CSTNode | None:
        """The expression that a name stands for, where only one assignment reaches it; what is no name is itself."""
        if not isinstance(node, cst.Name) or depth > _DEEPEST:
            return node
        reaching = self.reaching(node)
        if len(reaching) != 1 or reaching[0].kind != "assign" or reaching[0].value is None or reaching[0].path:
            return None
        return self.written(reaching[0].value, depth + 1)

    def seen(self, name: cst.Name) -> tuple[Definition, ...]:
        """As `reaching`, whatever the order in which a notebook's cells are run.

        A name that its own cell does not bind may have been bound by any later cell, in the run before.
        """
        found = self.reaching(name)
        scope = self.around(name)
        if not self.cells or scope is not self.module:
            return found
        if any(self._cell(one.node) == self._cell(name) for one in found):
            return found
        later = (one for one in scope.bindings.get(name.value, ()) if self._cell(one.node) > self._cell(name))
        return tuple(dict.fromkeys((*found, *later)))

    @cached_property
    def cells(self) -> list[int]:
        """Where the cells of a notebook begin, in the order of nodes; empty for a module."""
        assert isinstance(self.module.node, cst.Module)
        return [self._tree.order[statement] for statement in self.module.node.body if boundary(statement)]

    def _cell(self, node: cst.CSTNode) -> int:
        return bisect_right(self.cells, self._tree.order[node])

    def flow(self, scope: Scope) -> Reaching:
        """The reaching definitions of one scope, computed once."""
        if scope not in self._flows:
            from .flow import Reaching

            self._flows[scope] = Reaching(scope, self._tree)
        return self._flows[scope]

    def _make(
        self,
        name: str,
        kind: Kind,
        node: cst.CSTNode,
        value: cst.CSTNode | None = None,
        path: tuple[int, ...] = (),
    ) -> Definition:
        scope = self.around(node)
        if kind in ("assign", "augment") and isinstance(node, cst.NamedExpr):
            while isinstance(scope.node, COMPREHENSIONS) and scope.parent is not None:
                scope = scope.parent
        while name in scope.outer and scope.parent is not None:
            scope = scope.parent
        return Definition(name, kind, node, scope, value, path)

    def _definitions(self) -> Iterator[Definition]:
        nodes = self._tree.by_type
        for declared in (*nodes.get(cst.Global, ()), *nodes.get(cst.Nonlocal, ())):
            assert isinstance(declared, cst.Global | cst.Nonlocal)
            self.around(declared).outer |= {item.name.value for item in declared.names}
        for kind in (
            cst.Assign, cst.AnnAssign, cst.AugAssign, cst.NamedExpr, cst.For, cst.CompFor, cst.WithItem, cst.Import,
            cst.ImportFrom, cst.FunctionDef, cst.ClassDef, cst.Param, cst.ExceptHandler, cst.MatchAs, cst.MatchStar,
            cst.Del,
        ):  # fmt: skip
            for node in nodes.get(kind, ()):
                for bound in bindings(node):
                    yield self._make(bound.name, bound.kind, node, bound.value, bound.path)


@dataclass(frozen=True)
class Binding:
    """What one node binds, before it is known in which scope."""

    name: str
    kind: Kind
    value: cst.CSTNode | None = None
    path: tuple[int, ...] = ()


def targets(target: cst.CSTNode, path: tuple[int, ...] = ()) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The names in an assignment target, each with its place in the unpacking; after a star the place is -1."""
    match target:
        case cst.Name(value=name):
            yield name, path
        case cst.Tuple(elements=elements) | cst.List(elements=elements):
            starred = False
            for index, element in enumerate(elements):
                starred |= isinstance(element, cst.StarredElement)
                yield from targets(element.value, (*path, -1 if starred else index))


def bindings(node: cst.CSTNode) -> Iterator[Binding]:
    """The names that a statement or clause binds."""
    match node:
        case cst.Assign():
            for target in node.targets:
                for name, path in targets(target.target):
                    yield Binding(name, "assign", node.value, path)
        case cst.AnnAssign(target=cst.Name(value=name)):
            yield Binding(name, "assign" if node.value is not None else "annotate", node.value)
        case cst.AugAssign(target=cst.Name(value=name)):
            yield Binding(name, "augment", node.value)
        case cst.NamedExpr(target=cst.Name(value=name)):
            yield Binding(name, "assign", node.value)
        case cst.For() | cst.CompFor():
            for name, path in targets(node.target):
                yield Binding(name, "for", node.iter, path)
        case cst.WithItem(asname=cst.AsName(name=target)):
            for name, path in targets(target):
                yield Binding(name, "with", node.item, path)
        case cst.Import() | cst.ImportFrom():
            yield from _imported(node)
        case cst.FunctionDef(name=cst.Name(value=name)):
            yield Binding(name, "function")
        case cst.ClassDef(name=cst.Name(value=name)):
            yield Binding(name, "class")
        case cst.Param(name=cst.Name(value=name)):
            yield Binding(name, "parameter", node.default)
        case cst.ExceptHandler(name=cst.AsName(name=cst.Name(value=name))):
            yield Binding(name, "except")
        case cst.MatchAs(name=cst.Name(value=name)) | cst.MatchStar(name=cst.Name(value=name)):
            yield Binding(name, "match")
        case cst.Del(target=target):
            for name, _ in targets(target):
                yield Binding(name, "delete")


def _imported(node: cst.Import | cst.ImportFrom) -> Iterator[Binding]:
    if isinstance(node.names, cst.ImportStar):
        return
    for alias in node.names:
        if alias.asname is not None and isinstance(alias.asname.name, cst.Name):
            yield Binding(alias.asname.name.value, "import", alias)
        else:
            root: cst.CSTNode = alias.name
            while isinstance(root, cst.Attribute):
                root = root.value
            if isinstance(root, cst.Name):
                yield Binding(root.value, "import", alias)


def bound_names(node: cst.CSTNode) -> set[str]:
    """Every name that is bound somewhere below a node, nested functions and classes left out."""
    found: set[str] = set()
    for below in descend(node, into_functions=False):
        if not isinstance(below, cst.CompFor | cst.Param):
            found |= {binding.name for binding in bindings(below)}
    return found
