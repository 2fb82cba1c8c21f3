"""Data loaders that leave their file: given back to other modules, or handed to functions and objects of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from .loaders import Loaders, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..file import File
    from .loops import Loop
    from .scopes import Definition


class Reader(NamedTuple):
    """A loop that surely reads a loader, and the loaders of the file that it stands in."""

    file: File
    loaders: Loaders
    loop: Loop
    stand_in: StandIn


class Handovers:
    """The loaders of one file as other modules use them; each answer is yes only where it is sure."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._known: dict[cst.Call, list[Reader]] = {}

    def to_cuda(self, loader: cst.Call) -> list[File]:
        """The files with a loop that reads a loader made here, and surely moves what it reads to a CUDA device."""
        return [one.file for one in self._readers(loader) if one.loaders.to_cuda(one.loop)]

    def moves(self, loader: cst.Call) -> list[cst.Call]:
        """The calls in loops of other modules that surely move what is read of a loader to a CUDA device."""
        return [call for one in self._readers(loader) for call in one.loaders.moves(one.loop)]

    def in_epochs(self, loader: cst.Call) -> list[File]:
        """The files with a loop that reads a loader made here to its end again and again."""
        return [one.file for one in self._readers(loader) if self._again(one)]

    def _again(self, one: Reader) -> bool:
        if any(isinstance(above, cst.If) for above in self._within_function(one)):
            return False
        if isinstance(one.stand_in.node, cst.Call):
            return one.loaders.many_epochs(one.stand_in.node, one.loop)
        if one.loaders.again(one.stand_in.node, one.loop.node):
            return True
        call = one.stand_in.call
        # An object that keeps it may be asked for it in a method of which we know not how often it is called.
        kept = one.file.context.function(one.loop.node) is not one.stand_in.function
        given, known = one.stand_in.given, one.stand_in.known
        return call is not None and not kept and bool(given and known and known.again(given, call))

    def _within_function(self, one: Reader) -> Iterator[cst.CSTNode]:
        """What stands around a loop within its function."""
        for _, above in one.file.context.ancestors(one.loop.node):
            if isinstance(above, cst.FunctionDef):
                return
            yield above

    def _readers(self, loader: cst.Call) -> list[Reader]:
        if loader not in self._known:
            self._known[loader] = [
                Reader(file, loaders, loop, stand_in)
                for file, stand_in in (*self._given_back(loader), *self._handed(self._file, self._file.loaders, loader))
                if (loaders := Loaders(file, stand_in))
                for loop in loaders.readers(stand_in.node)
            ]
        return self._known[loader]

    # -- given back ----------------------------------------------------------------------------

    def _given_back(self, loader: cst.Call) -> Iterator[tuple[File, StandIn]]:
        """The calls of the function that gives a loader back, wherever they stand, and whom it is handed on to."""
        function = self._file.context.function(loader)
        if function is None or any(isinstance(one, cst.Yield) for one in self._file.calls.own_nodes(function)):
            return
        paths = set(self._places(loader, function))
        for site in (self._file.elsewhere.calls(function) or ()) if paths else ():
            for path in sorted(paths):
                stand_in = StandIn(site.call, path)
                yield site.file, stand_in
                yield from self._handed(site.file, Loaders(site.file, stand_in), site.call)

    def _places(self, loader: cst.Call, function: cst.FunctionDef) -> Iterator[tuple[int, ...]]:
        """The places of what a function returns that a loader stands at."""
        for node in self._file.calls.own_nodes(function):
            if not isinstance(node, cst.Return) or node.value is None:
                continue
            if isinstance(node.value, cst.Tuple):
                yield from ((at,) for at, one in enumerate(node.value.elements) if self._is(one.value, loader))
            elif self._is(node.value, loader):
                yield ()

    def _is(self, node: cst.BaseExpression, loader: cst.Call) -> bool:
        """Whether an expression is a loader, or a name that is bound to it in one of several ways."""
        if isinstance(node, cst.Name):
            return any(one.value is loader and not one.path for one in self._file.scopes.reaching(node))
        return node is loader

    # -- handed over ---------------------------------------------------------------------------

    def _handed(self, giver: File, known: Loaders, loader: cst.CSTNode) -> Iterator[tuple[File, StandIn]]:
        """The parameters of other modules' functions that a loader of a file is given for."""
        for call in giver.all(cst.Call):
            for arg in call.args:
                named = isinstance(arg.value, cst.Name | cst.Attribute | cst.Subscript)
                if not named or loader not in known.meant(arg.value):
                    continue
                # Whom else the file calls is not looked for: each module that it leads to would have to be read.
                for home, function in self._callee(giver, call):
                    for bound in _parameters(home, function):
                        if home.calls.argument_of(call, function, bound) is arg.value:
                            yield home, StandIn(bound.node, (), call, function, giver, loader, known)

    def _callee(self, giver: File, call: cst.Call) -> Iterator[tuple[File, cst.FunctionDef]]:
        defined = self._file.elsewhere.defined
        found = defined(call, giver)
        if found is not None:
            yield from _function(*found, "__init__")
        elif isinstance(call.func, cst.Attribute):
            made = giver.scopes.written(call.func.value)
            owner = defined(made, giver) if isinstance(made, cst.Call) else None
            if owner is not None and isinstance(owner.node, cst.ClassDef):
                yield from _function(*owner, call.func.attr.value)


def _function(home: File, node: cst.FunctionDef | cst.ClassDef, method: str) -> Iterator[tuple[File, cst.FunctionDef]]:
    """A function of another module, or a method of a class of it."""
    function = home.calls.method(node, method) if isinstance(node, cst.ClassDef) else node
    if function is not None and not any(home.text_of(one.decorator) == "staticmethod" for one in function.decorators):
        yield home, function


def _parameters(home: File, function: cst.FunctionDef) -> list[Definition]:
    return [one for bound in home.scopes.scope(function).bindings.values() for one in bound if one.kind == "parameter"]
