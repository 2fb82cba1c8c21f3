"""Walks CPython's tree: only what code does, neither annotations nor operators."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LEAVES = frozenset({ast.Name, ast.Constant})
_INNER = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda})
_PLAIN = frozenset({
    "ctx", "id", "attr", "op", "ops", "kind", "type_comment", "type_ignores", "annotation", "returns", "name", "names",
    "module", "level", "arg", "is_async", "simple", "conversion", "type_params", "rest", "cls", "kwd_attrs", "str",
})  # fmt: skip
_GAPPED = frozenset({ast.Dict, ast.arguments})
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Constant: (),
    ast.MatchSingleton: (),
    ast.arguments: ("kw_defaults", "defaults"),
}


def children(node: ast.AST) -> list[ast.AST]:
    """The child nodes that matter, in order."""
    kind = type(node)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = tuple(name for name in kind._fields if name not in _PLAIN)
    found: list[ast.AST] = []
    for name in fields:
        value = getattr(node, name, None)
        if type(value) is list:
            found += value
        elif value is not None:
            found.append(value)
    # `{**more}` has no key there, a required keyword no default.
    return [child for child in found if child is not None] if kind in _GAPPED else found


def own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """What stands in some statements, names and constants and bodies of nested functions and classes left out."""
    todo = list(body)
    while todo:
        node = todo.pop()
        kind = type(node)
        if kind in _LEAVES:
            continue
        yield node
        if kind not in _INNER:
            todo += children(node)


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block and of the blocks in it, whatever they are for."""
    for statement in body:
        yield statement
        for name in ("body", "orelse", "finalbody"):
            yield from statements(getattr(statement, name, ()))
        for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            yield from statements(part.body)
