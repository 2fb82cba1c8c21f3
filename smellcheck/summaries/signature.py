"""Which calls a function cannot take: what its parameters ask for and a call does not give, read off its syntax."""

from __future__ import annotations

import ast
from dataclasses import dataclass


@dataclass(frozen=True)
class Signature:
    """The parameters of a function, `self` left out."""

    #: Those that may be given by position, in order.
    positional: tuple[str, ...]
    #: Those without a default.
    required: frozenset[str]
    #: Whether it takes any number of further positions.
    variadic: bool
    #: Those that may be given by name; `None` where any name may.
    named: frozenset[str] | None

    def lacks(self, positions: int, keywords: frozenset[str]) -> bool:
        """Whether a call with so many positions and these keywords surely raises."""
        given = {*self.positional[:positions], *keywords}
        if self.named is not None and not keywords <= self.named:
            return True
        return not self.required <= given or (positions > len(self.positional) and not self.variadic)


def signature(source: bytes, name: str) -> Signature | None:
    """The signature of a function, or of what makes an instance of a class, at the top of a module.

    `None` where it is not sure: for what is decorated, bound twice, or made by a method that a base class defines.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return None
    nodes = [node for statement in body for node in ast.walk(statement)]
    if any(isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store) for node in nodes):
        return None
    found = [node for node in nodes if getattr(node, "name", None) == name]
    if found and found[0] not in body:
        return None
    match found:
        case [ast.FunctionDef() as function]:
            return _of(function, bound=False)
        case [ast.ClassDef() as cls] if not cls.decorator_list and not cls.keywords:
            makers = [
                one for one in cls.body if isinstance(one, ast.FunctionDef) and one.name in ("__init__", "__new__")
            ]
            return _of(makers[0], bound=True) if len(makers) == 1 else None
    return None


def _of(function: ast.FunctionDef, *, bound: bool) -> Signature | None:
    if function.decorator_list:
        return None
    given = function.args
    names = [arg.arg for arg in (*given.posonlyargs, *given.args)]
    required = set(names[: len(names) - len(given.defaults)])
    required |= {arg.arg for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None}
    own = names[1:] if bound else names
    required -= {names[0]} if bound and names else set()
    named = None if given.kwarg else frozenset(arg.arg for arg in (*given.args, *given.kwonlyargs))
    return Signature(tuple(own), frozenset(required), bool(given.vararg), named)
