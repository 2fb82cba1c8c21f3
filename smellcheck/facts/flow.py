"""Reaching definitions of one scope, by one structured pass over its statements."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

import libcst as cst

from .scopes import Definition, Scope, bindings
from .tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Defs = tuple[Definition, ...]
Env = dict[str, Defs]


class Reaching:
    """For each name read in a scope, the definitions that may have bound it.

    A loop's body is taken to be reached by every definition inside it, and what follows a loop or a `try` by every
    definition inside it too: more than may really reach, never less.
    """

    def __init__(self, scope: Scope, tree: Tree) -> None:
        self._tree = tree
        self._uses: dict[cst.CSTNode, Defs] = {}
        self._by_node: dict[cst.CSTNode, list[Definition]] = {}
        for definitions in scope.bindings.values():
            for definition in definitions:
                self._by_node.setdefault(definition.node, []).append(definition)
        #: Where in the file the scope itself binds something, not a function inside it that says `global`.
        self._places = self._bound_in(scope.node)
        env: Env = {}
        for definitions in scope.bindings.values():
            for definition in definitions:
                if definition.kind == "parameter":
                    env[definition.name] = (definition,)
        body = scope.node.body if isinstance(scope.node, cst.FunctionDef | cst.ClassDef) else scope.node
        self._block(
            body.body if isinstance(body, cst.Module | cst.IndentedBlock | cst.SimpleStatementSuite) else (),
            env,
        )

    def at(self, name: cst.Name) -> Defs | None:
        """The definitions that may reach this use; `None` when the use was not seen (dead code)."""
        return self._uses.get(name)

    def _block(self, statements: Sequence[cst.CSTNode], env: Env | None) -> Env | None:
        for statement in statements:
            # Dead code still gets an answer: that of the last live point.
            env = self._statement(statement, env if env is not None else {}) if env is not None else None
            if env is None:
                break
        return env

    def _statement(self, node: cst.CSTNode, env: Env) -> Env | None:
        match node:
            case cst.SimpleStatementLine() | cst.SimpleStatementSuite() | cst.IndentedBlock():
                return self._block(node.body, env)
            case cst.If():
                self._read(node.test, env)
                then = self._statement(node.body, dict(env))
                other = self._statement(node.orelse, dict(env)) if node.orelse else env
                return _join(then, other)
            case cst.Else() | cst.Finally():
                return self._statement(node.body, env)
            case cst.For() | cst.While():
                return self._loop(node, env)
            case cst.Try() | cst.TryStar():
                return self._try(node, env)
            case cst.With():
                for item in node.items:
                    self._read(item.item, env)
                    self._bind(item, env)
                return self._statement(node.body, env)
            case cst.Match():
                self._read(node.subject, env)
                ends: list[Env | None] = [env]
                for case in node.cases:
                    inner = dict(env)
                    self._bind_all(case.pattern, inner)
                    ends.append(self._statement(case.body, inner))
                return _join(*ends)
            case cst.FunctionDef() | cst.ClassDef():
                self._header(node, env)
                self._bind(node, env)
                return env
            case cst.Return() | cst.Raise():
                self._read(node, env)
                return None
            case cst.Break() | cst.Continue():
                return None
        self._read(node, env)
        self._bind_all(node, env)
        return env

    def _header(self, node: cst.FunctionDef | cst.ClassDef, env: Env) -> None:
        order, end = self._tree.order, self._tree.end
        self._read_between(order[node], order[node.body], env)
        self._read_between(end(node.body), end(node), env)

    def _loop(self, node: cst.For | cst.While, env: Env) -> Env:
        if isinstance(node, cst.For):
            self._read(node.iter, env)
        around = self._widened(env, (node.body,))
        inner = dict(around)
        if isinstance(node, cst.For):
            self._bind(node, inner)
        else:
            self._read(node.test, inner)
        self._statement(node.body, inner)
        after = self._widened(env, (node,))
        if node.orelse:
            return _join(after, self._statement(node.orelse, dict(after))) or after
        return after

    def _try(self, node: cst.Try | cst.TryStar, env: Env) -> Env | None:
        broken = self._widened(env, (node.body,))
        end = self._statement(node.body, dict(env))
        if node.orelse and end is not None:
            end = self._statement(node.orelse, end)
        ends = [end]
        for handler in node.handlers:
            inner = dict(broken)
            if handler.type:
                self._read(handler.type, inner)
            self._bind(handler, inner)
            ends.append(self._statement(handler.body, inner))
        joined = _join(*ends)
        if node.finalbody:
            final = self._statement(node.finalbody, dict(joined if joined is not None else broken))
            return final if joined is not None else None
        return joined

    def _widened(self, env: Env, nodes: Iterable[cst.CSTNode]) -> Env:
        """`env` with every definition below `nodes` added to what may reach."""
        wide = dict(env)
        for node in nodes:
            for below in self._binding(node):
                for definition in self._by_node[below]:
                    have = wide.get(definition.name, ())
                    if definition not in have:
                        wide[definition.name] = (*have, definition)
        return wide

    def _bound_in(self, node: cst.CSTNode) -> list[int]:
        order = self._tree.order
        first, behind = order[node], self._tree.end(node)
        places = sorted(place for place in (order[bound] for bound in self._by_node) if first <= place < behind)
        for start, end in self._tree.nested(node):
            # A function is bound where it stands; what is inside it is bound there.
            del places[bisect_right(places, start) : bisect_left(places, end)]
        return places

    def _binding(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        """What binds something in this scope among a node and all below it."""
        places, nodes = self._places, self._tree.nodes
        first = bisect_left(places, self._tree.order[node])
        if first == len(places):
            return []
        return [nodes[place] for place in places[first : bisect_left(places, self._tree.end(node), first)]]

    def _bind_all(self, node: cst.CSTNode, env: Env) -> None:
        for below in self._binding(node):
            self._bind(below, env)

    def _bind(self, node: cst.CSTNode, env: Env) -> None:
        for definition in self._by_node.get(node, ()):
            if definition.kind == "augment":
                # The old value is still part of the new one, but a new object may be bound.
                env[definition.name] = (definition,)
            elif definition.kind == "delete":
                env.pop(definition.name, None)
            elif definition.kind != "annotate":
                env[definition.name] = (definition,)

    def _read(self, node: cst.CSTNode, env: Env) -> None:
        self._read_between(self._tree.order[node], self._tree.end(node), env)

    def _read_between(self, first: int, behind: int, env: Env) -> None:
        places, names = self._tree.variables
        begin = bisect_left(places, first)
        for name in names[begin : bisect_left(places, behind, begin)]:
            self._uses[name] = env.get(name.value, ())


def _join(*envs: Env | None) -> Env | None:
    live = [env for env in envs if env is not None]
    if not live:
        return None
    if len(live) == 1:
        return live[0]
    joined = dict(live[0])
    for env in live[1:]:
        for name, definitions in env.items():
            have = joined.get(name)
            if have is None:
                joined[name] = definitions
            elif have is not definitions:
                joined[name] = have + tuple(definition for definition in definitions if definition not in have)
    return joined


__all__ = ["Reaching", "bindings"]
