"""Builds the parser's nodes without the detours of frozen dataclasses: same types, same fields, same answers."""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

import libcst as cst
from libcst import native  # type: ignore[attr-defined]

from .nodes import quicken

_NODE: Any = cst.CSTNode


def parse(text: str) -> cst.Module:
    """The tree of a module's text.

    Raises `libcst.ParserSyntaxError`. The native parser looks every node type up in the module of that name and calls
    it. For the time of a parse it finds the twins made here: to validate what the parser has made, and to write each
    field past a frozen `__setattr__`, is a quarter of what parsing costs.
    """
    if not _undisturbed():
        return cst.parse_module(text)
    sys.modules["libcst"] = _STAND_IN
    try:
        tree: cst.Module = native.parse_module(text, "utf-8")
    finally:
        sys.modules["libcst"] = cst
    return tree


def _undisturbed() -> bool:
    """Whether no other thread could import LibCST meanwhile: at most the main thread waits for this one."""
    others = threading.active_count() - 1
    return not others or (others == 1 and threading.current_thread() is not threading.main_thread())


#: The same few pieces of white space are half of what a tree holds: alike, they are one node.
_whitespace = lru_cache(maxsize=4096)(cst.SimpleWhitespace)


def _constructor(name: str) -> Callable[..., Any]:
    """What makes nodes of the type of this name, found once."""
    kind: Any = getattr(cst, name)
    made: Callable[..., Any] = kind
    if kind is cst.SimpleWhitespace:
        made = _whitespace
    elif isinstance(kind, type) and issubclass(kind, _NODE):
        made = _twin(kind) or kind
    setattr(_STAND_IN, name, made)
    return made


def _twin(kind: Any) -> Any:
    """A type of the same slots whose instances can be written to and become nodes of `kind` when they are whole.

    `None` where that is no gain, or where nodes are not what they are known to be.
    """
    fields = dataclasses.fields(kind)
    slots = kind.__dict__.get("__slots__")
    if not fields or slots is None or not all(field.init for field in fields):
        return None
    body = {
        "__slots__": slots,
        "__module__": kind.__module__,
        "__setattr__": object.__setattr__,
        "__init__": _initializer(kind, fields),
    }
    twin: Any = type(kind)(kind.__name__, kind.__bases__, body)
    twin.__abstractmethods__ = frozenset()
    try:
        object.__new__(twin).__class__ = kind
    except TypeError:
        return None
    return twin


def _initializer(kind: Any, fields: tuple[dataclasses.Field[Any], ...]) -> Callable[..., None]:
    """An `__init__` that takes the fields by name, and gives the node its type at last."""
    absent = object()
    scope: dict[str, Any] = {"kind": kind, "absent": absent}
    parameters, lines = [], []
    for field in fields:
        default = f"default_{field.name}"
        if field.default_factory is not dataclasses.MISSING:
            scope[default] = field.default_factory
            parameters.append(f"{field.name}=absent")
            lines.append(f"self.{field.name} = {default}() if {field.name} is absent else {field.name}")
        elif field.default is not dataclasses.MISSING:
            scope[default] = field.default
            parameters.append(f"{field.name}={default}")
            lines.append(f"self.{field.name} = {field.name}")
        else:
            parameters.append(field.name)
            lines.append(f"self.{field.name} = {field.name}")
    exec(f"def __init__(self, *, {', '.join(parameters)}):\n " + "\n ".join([*lines, "self.__class__ = kind"]), scope)
    made: Callable[..., None] = scope["__init__"]
    return made


_STAND_IN: Any = ModuleType("libcst")
_STAND_IN.__spec__ = cst.__spec__
_STAND_IN.__path__ = cst.__path__
_STAND_IN.__getattr__ = _constructor

quicken()
