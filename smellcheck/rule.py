"""Which nodes a rule wants: the annotation of its first parameter is its subscription."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from .finding import Level
from .sieve import Triggers, groups

if TYPE_CHECKING:
    import libcst as cst

    from .smell import Smell

Practice = typing.Literal[
    "framework",
    "pretrained",
    "smaller-model",
    "pruning",
    "freezing",
    "sampling",
    "distillation",
    "precision",
    "scheduling",
    "local",
    "edge",
    "federated",
    "refactoring",
    "hardware",
]
PRACTICES: tuple[str, ...] = get_args(Practice)

Check = Callable[..., Iterator["Smell"]]


class PluginError(Exception):
    """A rule package could not be loaded whole; the message says which and why."""


@dataclass(frozen=True)
class Rule:
    """A check and what it subscribes to; its name and family are those of its file and folder."""

    name: str
    family: str
    practice: str
    level: Level
    preview: bool
    summary: str
    check: Check
    #: Node types that the check is called with.
    nodes: tuple[type[cst.CSTNode], ...]
    #: Fully qualified callees; when given, only calls of these are passed.
    calls: frozenset[str]
    #: Last names of functions and methods; when given, only calls of something so named are passed.
    methods: frozenset[str]
    triggers: Triggers
    path: Path

    @property
    def page(self) -> Path:
        """The Markdown page beside the check."""
        return self.path.with_suffix(".md")


def rule(
    *,
    imports: str,
    practice: Practice,
    calls: str | tuple[str, ...] = (),
    methods: str = "",
    words: str | tuple[str, ...] = (),
    level: Level = "warning",
    preview: bool = False,
) -> Callable[[Check], Rule]:
    """Make a generator function `check(node: NodeType, file: File)` a rule.

    `calls` narrows it to the calls of one function, or of several, by their full names; `methods` to the calls of
    whatever is called by one of these last names, separated by spaces: `x.cpu()` and `cpu()` for `cpu`. Both cost
    nothing in a file without such a call.
    `imports` names the frameworks, separated by spaces, of which a file must mention at least one. `words` may name
    more that a file must contain to smell, so that others need not be parsed: alternatives separated by spaces,
    several groups of them in a tuple. A file that only binds data is never shown to a rule.

    Raises `TypeError` when the function's first parameter has no node type as annotation, or one too many is given.
    """

    def decorate(check: Check) -> Rule:
        module = check.__module__
        family, _, stem = module.rpartition(".")
        path = Path(check.__code__.co_filename)
        callees = frozenset((calls,) if isinstance(calls, str) else calls)
        if callees and methods:
            raise TypeError(f"{path}: `calls` and `methods` exclude each other")
        # Whatever a name is imported as, its last part stands in the text.
        last = methods or " ".join(callee.rpartition(".")[2] for callee in callees)
        named = (last,) if last else ()
        return Rule(
            name=stem.replace("_", "-"),
            family=family.rpartition(".")[2],
            practice=practice,
            level=level,
            preview=preview,
            summary=(check.__globals__.get("__doc__") or "").strip(),
            check=check,
            nodes=_subscription(check),
            calls=callees,
            methods=frozenset(methods.split()),
            triggers=Triggers(
                frozenset(imports.split()), groups((*named, *((words,) if isinstance(words, str) else words)))
            ),
            path=path,
        )

    return decorate


def _subscription(check: Any) -> tuple[type[cst.CSTNode], ...]:
    import libcst as cst

    first = check.__code__.co_varnames[0] if check.__code__.co_argcount else ""
    hint = typing.get_type_hints(check).get(first)
    kinds = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if not all(isinstance(kind, type) and issubclass(kind, cst.CSTNode) for kind in kinds):
        raise TypeError(
            f"{check.__code__.co_filename}:{check.__code__.co_firstlineno}: the first parameter of a check "
            "must be annotated with a libcst node type or a union of them"
        )
    return typing.cast("tuple[type[cst.CSTNode], ...]", kinds)
