"""The summary of one module: plain data that survives a trip through JSON unchanged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Union

#: What an expression gives, as far as its own module says: `=name` calls a name, `@name` is a name of the module,
#: `$name` a parameter, `%name` an attribute of `self`, `#kind` a literal; `?` is unknown. Behind a bar stands what was
#: called on it, or asked of it: `=.nets.Net|eval`, `=torch.utils.data.DataLoader|pins`. A list is a tuple,
#: `{"any": […]}` one of several.
Given = Union[str, list["Given"], dict[str, list["Given"]]]  # noqa: UP007 — it names itself
UNKNOWN = "?"


@dataclass(frozen=True)
class Function:
    """A function, or a method as `Class.method`."""

    name: str
    params: tuple[str, ...] = ()
    #: The full names of its decorators; `?` where one has none.
    decorators: tuple[str, ...] = ()
    #: Whether everything that it does stands in one `with torch.no_grad()`.
    whole: bool = False
    returns: Given = UNKNOWN
    #: Whether it hands over in its middle: a coroutine or a generator.
    pauses: bool = False
    #: What it does to whoever uses it as a decorator or a context: `off`, `neutral` or `?`.
    holds: str = "neutral"
    #: Whether it needs gradients: backward passes, optimizer steps.
    trains: bool = False
    loads: bool = False
    synchronises: bool = False
    #: Parameters whose own parameters it freezes, that it puts into evaluation mode, that it changes.
    freezes: tuple[str, ...] = ()
    evals: tuple[str, ...] = ()
    mutates: tuple[str, ...] = ()
    #: Identifiers that speak of gradients or of freezing.
    words: tuple[str, ...] = ()
    #: Whom it calls, by the mode that it holds around the call: `@f`, `self.m`, `.m`, or a full name.
    calls: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Class:
    """A class: its bases by full name, its methods, and what is assigned to its attributes."""

    name: str
    bases: tuple[str, ...] = ()
    methods: dict[str, Function] = field(default_factory=dict)
    attributes: dict[str, Given] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """A module. Relative imports keep their dots."""

    #: What names refer to by import or plain alias, and the modules whose names are all taken over.
    imports: dict[str, str] = field(default_factory=dict)
    stars: tuple[str, ...] = ()
    classes: dict[str, Class] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    values: dict[str, Given] = field(default_factory=dict)
    #: What runs when the module is imported or run, as a function without a name.
    body: Function = field(default_factory=lambda: Function(""))

    def written(self) -> str:
        """The summary as one line of JSON."""
        return json.dumps(self, default=vars, separators=(",", ":"), sort_keys=True)


def read(text: str) -> Summary:
    """The summary in a line of JSON; raises `ValueError` when it is none."""
    try:
        stored = json.loads(text)
        return Summary(
            imports=stored["imports"],
            stars=tuple(stored["stars"]),
            classes={name: _class(each) for name, each in stored["classes"].items()},
            functions={name: _function(each) for name, each in stored["functions"].items()},
            values=stored["values"],
            body=_function(stored["body"]),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no summary: {error}") from error


def digest_of(text: str) -> str:
    """What a line of JSON is told by."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


_TUPLES = ("params", "decorators", "freezes", "evals", "mutates", "words")


def _function(stored: dict[str, Any]) -> Function:
    tuples = {name: tuple(stored[name]) for name in _TUPLES}
    calls = {mode: tuple(names) for mode, names in stored["calls"].items()}
    return Function(**{**stored, **tuples, "calls": calls})


def _class(stored: dict[str, Any]) -> Class:
    methods = {name: _function(each) for name, each in stored["methods"].items()}
    return Class(stored["name"], tuple(stored["bases"]), methods, stored["attributes"])
