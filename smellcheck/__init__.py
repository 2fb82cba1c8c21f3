"""Finds code that wastes energy and mends it; the words that a rule needs, imported on first use."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .facts.attention import Attention
    from .facts.loops import Loop
    from .facts.scores import AttentionStep
    from .file import File
    from .rule import Rule, rule
    from .smell import Edit, Fix, Safety, Smell

__all__ = [
    "Attention", "AttentionStep", "Edit", "File", "Fix", "Loop", "Rule", "Safety", "Smell", "__version__", "rule",
]  # fmt: skip
__version__ = "0.1.0"

_HOMES = {
    "Attention": "facts.attention",
    "AttentionStep": "facts.scores",
    "File": "file",
    "Loop": "facts.loops",
    "Rule": "rule",
    "rule": "rule",
    "Edit": "smell",
    "Fix": "smell",
    "Safety": "smell",
    "Smell": "smell",
}


class _Package(ModuleType):
    """Keeps `smellcheck.rule` the decorator: importing the module of that name must not put itself in its place."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Import the module that a word lives in only when the word is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
