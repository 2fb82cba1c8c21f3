"""What the modules that a file imports from its own project say of its calls; without a project, nothing."""

from __future__ import annotations

import builtins
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from . import frameworks
from .kinds import Value
from .tree import dotted

if TYPE_CHECKING:
    from ..file import File
    from ..view import Found
    from .callers import Callers
    from .given import Answers, Thing


class Siblings:
    """One file's questions to its project."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._starred: dict[str, str | None] = {}

    @cached_property
    def _answers(self) -> Answers | None:
        if self._file.project is None:
            return None
        from .given import Answers

        return Answers(self._file.project)

    @cached_property
    def _callers(self) -> Callers | None:
        if self._file.project is None:
            return None
        from .callers import Callers

        return Callers(self._file.project)

    @cached_property
    def stars(self) -> tuple[tuple[str, str], ...]:
        """The modules of the project all of whose names this file takes over, the last first: as spelled, and where."""
        if self._answers is None:
            return ()
        view, found = self._answers.view, list[tuple[str, str]]()
        for statement in self._file.tree.by_type.get(cst.ImportFrom, ()):
            if isinstance(statement, cst.ImportFrom) and isinstance(statement.names, cst.ImportStar):
                parts = dotted(statement.module) if statement.module is not None else []
                spelled = "." * len(statement.relative) + ".".join(parts or [])
                home = view.module(spelled, view.path)
                if home is not None and home != view.path:
                    found.insert(0, (spelled, home))
        return tuple(found)

    def starred(self, node: cst.CSTNode) -> str | None:
        """What a chain of names means whose first nothing in this file binds, by what a star takes over."""
        parts = dotted(node)
        root = node
        while isinstance(root, cst.Attribute):
            root = root.value
        if parts is None or not isinstance(root, cst.Name) or hasattr(builtins, root.value):
            return None
        if root.value not in self._starred:
            unbound = self._file.scopes.bound(root.value, self._file.scopes.around(root)) is None
            self._starred[root.value] = self._taken_over(root.value) if unbound else None
        first = self._starred[root.value]
        return None if first is None else frameworks.offered(".".join([first, *parts[1:]]))

    def _taken_over(self, name: str) -> str | None:
        assert self._answers is not None
        view = self._answers.view
        for spelled, home in self.stars:
            found = view.member(home, [name])
            if isinstance(found, str):
                return found
            if found is not None:
                return f"{spelled}{'' if spelled.endswith('.') else '.'}{name}"
        return None

    def _named(self, node: cst.CSTNode) -> str | None:
        """The name by which an import of this file may mean something of the project."""
        return self._file.name(node) if self._answers is not None else None

    # -- values and classes --------------------------------------------------------------------

    def made(self, call: cst.Call) -> Value | None:
        """What a call of something of the project gives, if sure."""
        return self._value(self._thing(call), call)

    def unpacked(self, call: cst.Call, path: tuple[int, ...]) -> Value | None:
        """What unpacking the result of such a call gives at a place."""
        thing = self._thing(call)
        for at in path:
            thing = thing.items[at] if thing is not None and 0 <= at < len(thing.items) else None
        return self._value(thing, call)

    def evaluates(self, call: cst.Call) -> bool:
        """Whether a call gives a model that was put into evaluation mode."""
        thing = self._thing(call)
        return thing is not None and thing.evaluates

    def pins(self, call: cst.Call, path: tuple[int, ...], home: File) -> bool:
        """Whether a call in a file, or what unpacking it gives at a place, is a loader that pins plain batches."""
        name = home.name(call.func) if self._answers is not None else None
        thing = self._answers.made_by(name, home.path) if name is not None and self._answers is not None else None
        for at in path:
            thing = thing.items[at] if thing is not None and 0 <= at < len(thing.items) else None
        return thing is not None and thing.kind == "loader" and thing.pins

    def keeps_pinned(self, node: cst.CSTNode) -> bool:
        """Whether a name means a loader that another module makes at its top, once, and that pins plain batches."""
        name = self._named(node)
        found = self._answers.view.find(name) if name is not None and self._answers is not None else None
        if found is None or isinstance(found, str) or found.kind != "value" or self._answers is None:
            return False
        thing = self._answers.thing(found.value, found)
        return thing is not None and thing.kind == "loader" and thing.pins

    def _thing(self, call: cst.Call) -> Thing | None:
        name = self._named(call.func)
        return self._answers.made_by(name) if name is not None and self._answers is not None else None

    def _value(self, thing: Thing | None, call: cst.Call) -> Value | None:
        if thing is None:
            return None
        if thing.param:
            found = self.function(call)
            given = self._given(call, found, thing.param) if found is not None else None
            return self._file.values.of(given) if given is not None else None
        return Value(thing.kind, thing.name, call, origin=thing.origin) if thing.kind is not None else None

    def attribute(self, origin: Found, name: str) -> Value | None:
        """What an attribute of an instance of a class of the project is."""
        thing = self._answers.attribute(origin, name) if self._answers is not None else None
        return Value(thing.kind, thing.name, origin=thing.origin) if thing is not None and thing.kind else None

    def cls(self, node: cst.CSTNode) -> Found | None:
        """The class of the project that a name means."""
        name = self._named(node)
        found = self._answers.view.find(name) if name is not None and self._answers is not None else None
        return None if found is None or isinstance(found, str) or found.kind != "class" or found.rest else found

    def is_module_class(self, node: cst.CSTNode) -> bool | None:
        """Whether a name means a class of the project that is a `torch.nn.Module`; `None` when not sure."""
        found = self.cls(node)
        return self._answers.is_module_class(found) if found is not None and self._answers is not None else None

    def derives(self, node: cst.CSTNode) -> tuple[str, ...]:
        """The bases out of the project, by full name, of the class that a name means."""
        found = self.cls(node)
        return self._answers.derives(found) if found is not None and self._answers is not None else ()

    def words(self, origin: Found) -> frozenset[str]:
        """What a class of the project says of gradients and freezing."""
        return self._answers.words(origin) if self._answers is not None else frozenset()

    def has_more(self, origin: Found, part: str) -> bool:
        """Whether a class of the project surely holds a module beside one of its parts."""
        return self._answers is not None and self._answers.has_more(origin, part)

    def weightless(self, origin: Found) -> bool:
        """Whether a class of the project surely holds neither parameters nor modules."""
        return self._answers is not None and self._answers.weightless(origin)

    def switches(self, origin: Found) -> bool:
        """Whether the forward of a class of the project, or a method that it calls, switches gradients itself."""
        return self._answers is not None and self._answers.switches(origin)

    def runs_layers(self, origin: Found, method: str) -> bool:
        """Whether a method of a class of the project calls layers of its own, with gradients on, and does not train."""
        return self._answers is not None and self._answers.runs_layers(origin, method)

    # -- functions -----------------------------------------------------------------------------

    def function(self, call: cst.Call) -> Found | None:
        """The function of another module of the project that a call runs."""
        name = self._named(call.func)
        return self._answers.function(name) if name is not None and self._answers is not None else None

    def definition(self, node: cst.CSTNode, home: File | None = None) -> Found | None:
        """The function or class of another module of the project that a name means, or a call surely calls, in a file.

        The file is this one, or another that knows nothing of the project itself.
        """
        meant, path = node.func if isinstance(node, cst.Call) else node, None
        name = self._named(meant)
        if home is not None and home is not self._file:
            name, path = home.name(meant), home.path
        found = self._answers.view.find(name, path) if name is not None and self._answers is not None else None
        if found is None or isinstance(found, str) or found.rest:
            return None
        return found if found.kind in ("function", "class") else None

    def trains(self, call: cst.Call) -> bool:
        """Whether a call runs a function of the project that needs gradients."""
        found = self.function(call)
        return found is not None and self._answers is not None and self._answers.trains(found)

    def freezes(self, call: cst.Call, arg: cst.Arg) -> bool | None:
        """Whether a call runs a function of the project that freezes this argument; `None` when not sure."""
        found = self.function(call)
        if found is None or self._answers is None or any(each.star for each in call.args):
            return None
        position = arg.keyword.value if arg.keyword is not None else list(call.args).index(arg)
        return self._answers.freezes(found, position)

    def holds(self, node: cst.CSTNode) -> str | None:
        """What a context or decorator of the project does to autograd: `off`, `neutral` or `?`; `None` for others."""
        name = self._named(node)
        return self._answers.holds(name) if name is not None and self._answers is not None else None

    def called_off(self, function: cst.FunctionDef) -> bool:
        """Whether another module of the project calls a function of this file while it holds `no_grad`.

        The dearest question of all: ask it last.
        """
        if self._callers is None:
            return False
        owner = self._file.calls.class_of(function)
        name = function.name.value
        return self._callers.called_off(f"{owner.name.value}.{name}" if owner is not None else name)

    def _given(self, call: cst.Call, found: Found, param: str) -> cst.BaseExpression | None:
        """The expression that a call passes for a parameter."""
        params = found.function.params if found.function is not None else ()
        for index, arg in enumerate(call.args):
            if arg.star:
                return None
            named = arg.keyword.value if arg.keyword is not None else params[index] if index < len(params) else ""
            if named == param:
                return arg.value
        return None
