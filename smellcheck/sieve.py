"""Rules a file out before LibCST parses it, by its words and by CPython's own parser; a finding is never lost."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    import ast

_WORD = re.compile(r"\w+")
_SIGNS = ("@",)
_CODE = re.compile(r"^[ \t]*(?:async |def |class |for |while )", re.M)
#: What a text that does anything must hold: a word that begins such code, or a bracket that opens behind anything but
#: an operator, white space and comments aside. In a string or a comment it counts as well.
_DOES = re.compile(r"\b(?:for|while|def|class|lambda)\b|[^\s\\(\[{,;:=+*/%@&|^~<>!-](?:[\s\\]|#[^\n]*\n)*\(")
#: What code that does anything holds; a file without is a table of data, however long.
_ACTIVE = frozenset({
    "Call", "For", "AsyncFor", "While", "comprehension", "FunctionDef", "AsyncFunctionDef", "Lambda", "ClassDef",
})  # fmt: skip


@dataclass(frozen=True)
class Triggers:
    """What a file must contain for a rule to find anything in it."""

    #: Pieces of text, one of which must occur: the frameworks that the rule is about. No more of a sieve than this
    #: is part of what the rule says; all else only saves time.
    imports: frozenset[str]
    #: Groups of words; of each group one must occur. A word that begins with a star stands for every word that ends so,
    #: and an operator for itself.
    words: tuple[frozenset[str], ...] = ()


class Triggered(Protocol):
    """Anything that says what it takes to trigger it: a rule, or what is known of it without loading it."""

    @property
    def triggers(self) -> Triggers:
        """What a file must contain."""
        ...


T = TypeVar("T", bound=Triggered)


def wanted(text: str, rules: Iterable[T], *, by_words: bool = True) -> list[T]:
    """The rules that are about a text, by the frameworks that it names, and may find something by its words."""
    named: dict[str, bool] = {}
    found: set[str] | None = None
    left = []
    for rule in rules:
        for word in rule.triggers.imports:
            if word not in named:
                named[word] = word in text
        if not any(named[word] for word in rule.triggers.imports):
            continue
        if found is None and rule.triggers.words and by_words:
            found = {*_WORD.findall(text), *(sign for sign in _SIGNS if sign in text)}
        if not by_words or all(_occurs(group, found or set()) for group in rule.triggers.words):
            left.append(rule)
    return left


def _occurs(group: frozenset[str], found: set[str]) -> bool:
    if not group.isdisjoint(found):
        return True
    endings = tuple(word[1:] for word in group if word.startswith("*"))
    return bool(endings) and any(word.endswith(endings) for word in found)


def parses(text: str) -> bool:
    """Whether a text surely is Python: CPython reads it and finds its names in order, which is cheaper than a tree."""
    import symtable

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            symtable.symtable(text, "<unknown>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def surely_active(text: str) -> bool:
    """Whether the lines of a text begin like those of code; a string that looks so is taken for code, too."""
    return _CODE.search(text) is not None


def surely_idle(text: str) -> bool:
    """Whether a text surely binds data alone: seen without a tree of it, which for data can be huge."""
    return _DOES.search(text) is None


def is_active(tree: ast.Module) -> bool:
    """Whether a module does more than bind data: whether it calls, repeats or defines anything."""
    from ast import iter_child_nodes

    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if type(node).__name__ in _ACTIVE:
            return True
        todo += reversed(list(iter_child_nodes(node)))
    return False


def groups(declared: Sequence[str]) -> tuple[frozenset[str], ...]:
    """Groups of words from how a rule spells them: each a string of alternatives separated by spaces.

    Those with endings, for which all words of a text are gone through, are the last to be asked about.
    """
    return tuple(frozenset(group.split()) for group in sorted(declared, key=lambda group: "*" in group))
