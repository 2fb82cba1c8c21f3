"""Makes the summary of a module from its text with CPython's own parser; nothing is imported or run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator

from .given import Expressions, either
from .model import Class, Function, Given, Summary
from .spelling import Spelling
from .tree import FUNCTIONS, own_nodes
from .work import Mode, Work

#: The nodes that bind a name or end a function.
_TELLING = frozenset({
    ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.For, ast.AsyncFor, ast.comprehension, ast.withitem, ast.AugAssign,
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler, ast.Return, ast.Yield, ast.YieldFrom,
})  # fmt: skip
#: What a longer text is, nobody wrote by hand.
LIMIT = 1_000_000


def summarise(data: bytes) -> Summary | None:
    """The summary of a module; `None` when it is too long or does not parse."""
    if len(data) > LIMIT:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _Module(ast.parse(data)).summary()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Module:
    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._spelling = Spelling(tree)

    def summary(self) -> Summary:
        statements = list(_defining(self._tree.body))
        functions = [node for node in statements if isinstance(node, FUNCTIONS)]
        rest = [node for node in self._tree.body if not isinstance(node, (*FUNCTIONS, ast.ClassDef))]
        expressions = Expressions(self._spelling, (), {})
        return Summary(
            imports=self._spelling.imports,
            stars=tuple(self._spelling.stars),
            classes={node.name: self._class(node) for node in statements if isinstance(node, ast.ClassDef)},
            functions={node.name: self._function(node, node.name) for node in functions},
            values=_values(rest, expressions, self._spelling.own),
            body=self._work(Function(""), rest, expressions, ()),
        )

    def _class(self, node: ast.ClassDef) -> Class:
        methods, attributes = {}, dict[str, list[Given]]()
        for function in node.body:
            if isinstance(function, FUNCTIONS):
                methods[function.name] = self._function(function, f"{node.name}.{function.name}", attributes)
        return Class(
            node.name,
            tuple(self._spelling.of(base) or "?" for base in node.bases),
            methods,
            {name: either(ways) for name, ways in attributes.items()},
        )

    def _function(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef,
        name: str,
        attributes: dict[str, list[Given]] | None = None,
    ) -> Function:
        arguments = node.args
        params = tuple(arg.arg for arg in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))
        bound: dict[str, list[ast.expr | None]] = {}
        returns: list[ast.expr | None] = []
        pauses = isinstance(node, ast.AsyncFunctionDef)
        assigned: list[tuple[str, ast.expr]] = []
        for below in own_nodes(node.body):
            if type(below) not in _TELLING:
                continue
            for target, value in _bindings(below):
                bound.setdefault(target, []).append(value)
            match below:
                case ast.Return(value=value):
                    returns.append(value)
                case ast.Yield() | ast.YieldFrom():
                    pauses = True
                case ast.Assign(targets=targets, value=value):
                    assigned += [(held, value) for target in targets if (held := _of_self(target)) is not None]
                case ast.AnnAssign(target=ast.Attribute() as annotated, value=ast.expr() as value):
                    assigned += [(held, value)] if (held := _of_self(annotated)) is not None else []
        expressions = Expressions(self._spelling, params, bound)
        if attributes is not None:
            for attribute, value in assigned:
                attributes.setdefault(attribute, []).append(expressions.of(value))
        decorators = tuple(self._decorator(each) for each in node.decorator_list)
        made = Function(
            name,
            params,
            decorators,
            returns="?" if pauses or not returns else either([expressions.of(value) for value in returns]),
            pauses=pauses,
        )
        return self._work(made, node.body, expressions, params)

    def _decorator(self, node: ast.expr) -> str:
        mode = Mode(self._spelling, frozenset()).held(node)
        if mode in ("off", "on", "neutral"):
            return f"!{mode}"
        return self._spelling.of(node.func if isinstance(node, ast.Call) else node) or "?"

    def _work(
        self, made: Function, body: list[ast.stmt], expressions: Expressions, params: tuple[str, ...]
    ) -> Function:
        return Work(self._spelling, expressions, params, body).told(made)


def _defining(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module that define, those under `if` and `try` too."""
    for statement in body:
        if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            yield statement
        elif isinstance(statement, ast.If | ast.Try):
            yield from _defining([*statement.body, *statement.orelse])
            for handler in getattr(statement, "handlers", ()):
                yield from _defining(handler.body)


def _bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """The names that a node binds in a function; without a value where it is not one expression."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, value
                elif isinstance(target, ast.Tuple | ast.List):
                    yield from _unpacked(target, value)
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            yield name, value
        case ast.NamedExpr(target=ast.Name(id=name), value=value):
            yield name, value
        case ast.For(target=target) | ast.AsyncFor(target=target) | ast.comprehension(target=target):
            yield from ((below.id, None) for below in ast.walk(target) if isinstance(below, ast.Name))
        case ast.withitem(optional_vars=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
            yield name, None
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name, None
        case ast.ExceptHandler(name=str(name)):
            yield name, None


def _unpacked(target: ast.Tuple | ast.List, value: ast.expr) -> Iterator[tuple[str, ast.expr | None]]:
    values = value.elts if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts) else None
    for at, element in enumerate(target.elts):
        if isinstance(element, ast.Name):
            yield element.id, values[at] if values is not None else None


def _of_self(target: ast.AST) -> str | None:
    match target:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name
    return None


def _values(body: list[ast.stmt], expressions: Expressions, own: set[str]) -> dict[str, Given]:
    found: dict[str, list[Given]] = {}
    for node in own_nodes(body):
        if type(node) not in _TELLING:
            continue
        for name, value in _bindings(node):
            if name in own:
                found.setdefault(name, []).append(expressions.of(value) if value is not None else "?")
    return {name: either(ways) for name, ways in found.items()}
