"""What names refer to in one module, by CPython's own tree: imports, plain aliases, and the module's own names."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ..facts.frameworks import offered
from .tree import statements

#: Marks a name of the module itself.
OWN = "@"


class Spelling:
    """Resolves chains of names; a name that is bound twice, unless by imports of the same thing, is unknown."""

    def __init__(self, tree: ast.Module) -> None:
        self.imports: dict[str, str] = {}
        self.stars: list[str] = []
        self.own: set[str] = set()
        doubtful: set[str] = set()
        for node in statements(tree.body):
            for name, full in _imported(node):
                if name == "*":
                    self.stars.append(full)
                elif self.imports.setdefault(name, full) != full:
                    doubtful.add(name)
        for statement in _statements(tree.body):
            match statement:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    self.own.add(name)
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    alias = self.of(value)
                    if alias is not None and not alias.startswith(OWN) and name not in self.imports:
                        self.imports[name] = alias
                    elif not isinstance(value, ast.Constant):
                        self.own.add(name)
        for name in doubtful | self.own:
            self.imports.pop(name, None)

    def of(self, node: ast.AST, local: frozenset[str] | set[str] = frozenset()) -> str | None:
        """The full name of a chain; `@f` for a name of the module; `None` for locals and the unknown."""
        parts = chain(node)
        if parts is None or parts[0] in local:
            return None
        if parts[0] in self.imports:
            return offered(".".join([self.imports[parts[0]], *parts[1:]]))
        return OWN + ".".join(parts) if parts[0] in self.own else None


def chain(node: ast.AST) -> list[str] | None:
    """`a.b.c` as `["a", "b", "c"]`; `None` for anything that is not a chain of plain names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else None


def _imported(node: ast.AST) -> Iterable[tuple[str, str]]:
    match node:
        case ast.Import(names=names):
            for alias in names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
        case ast.ImportFrom(names=names):
            prefix = "." * node.level + (node.module or "")
            for alias in names:
                full = f"{prefix}{'' if prefix.endswith('.') else '.'}{alias.name}"
                yield ("*", prefix) if alias.name == "*" else (alias.asname or alias.name, full)


def _statements(body: Iterable[ast.stmt]) -> Iterable[ast.stmt]:
    """The statements of a module, those under `if` and `try` too."""
    for statement in body:
        yield statement
        match statement:
            case ast.If() | ast.Try() | ast.With():
                yield from _statements(statement.body)
                yield from _statements(getattr(statement, "orelse", ()))
                for handler in getattr(statement, "handlers", ()):
                    yield from _statements(handler.body)
