"""Who calls a function of this file, or the instances of a class of it: here, and in the project's other modules."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from .tree import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..file import File

#: The most modules that are looked at for imports, and that are read whole.
_IMPORTERS, _READ = 20, 5


class CallSite(NamedTuple):
    """A call, and the file that it stands in."""

    file: File
    call: cst.Call


class Defined(NamedTuple):
    """A function or class, and the file that it stands in."""

    file: File
    node: cst.FunctionDef | cst.ClassDef


class Elsewhere:
    """The calls that reach the functions of one file; `None` where there may be others."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._known: dict[cst.FunctionDef, list[CallSite] | None] = {}
        self._modules: dict[str, File | None] = {}

    def calls(self, function: cst.FunctionDef) -> list[CallSite] | None:
        """All calls of a function at module level, or of the instances of a class whose `forward` it is."""
        if function not in self._known:
            self._known[function] = None  # who calls itself in circles is called by others as well
            self._known[function] = self._calls(function)
        return self._known[function]

    def defined(self, node: cst.CSTNode, asking: File | None = None) -> Defined | None:
        """The function or class at the top of another module that a name means, or a call surely calls.

        The name stands in this file, or in another one that asks.
        """
        found = self._file.siblings.definition(node, asking)
        home = self.module(found.path) if found is not None else None
        for one in home.module.body if home is not None else ():
            if isinstance(one, cst.FunctionDef | cst.ClassDef) and found and home and one.name.value == found.name:
                return Defined(home, one)
        return None

    def _calls(self, function: cst.FunctionDef) -> list[CallSite] | None:
        owner = self._file.calls.class_of(function)
        meant: cst.FunctionDef | cst.ClassDef = function if owner is None else owner
        if self._file.parent(meant) is not self._file.module or (
            owner is not None and function.name.value != "forward"
        ):
            return None
        homes = self._importers(meant.name.value)
        found: list[CallSite] = []
        for home in (self._file, *homes) if homes is not None else (None,):
            made = self._called(home, meant) if home is not None else None
            if home is None or made is None:
                return None
            for call in made:
                sites = [CallSite(home, call)] if owner is None else self._of_instance(home, call)
                if sites is None:
                    return None
                found += sites
        return found

    def _importers(self, name: str) -> list[File] | None:
        """The other modules that take a name from this one, read whole."""
        project = self._file.project
        if project is None:
            return None
        paths: set[str] = set()
        for asked in (project.calling(name), project.importing(os.path.splitext(os.path.basename(project.path))[0])):
            if asked is None:
                return None
            paths |= {path for path in asked if path != project.path}
        taking = [path for path in sorted(paths) if self._takes(path, name)] if len(paths) <= _IMPORTERS else None
        if taking is None or len(taking) > _READ:
            return None
        files = [self.module(path) for path in taking]
        return None if None in files else [one for one in files if one is not None]

    def _takes(self, path: str, name: str) -> bool:
        """Whether an import of a module may mean something of this one by a name."""
        project = self._file.project
        summary = project.summary(path) if project is not None else None
        if project is None or summary is None:
            return False
        fulls = [*summary.imports.values(), *(f"{star}.{name}" for star in summary.stars)]
        return any(self._is_own(full, name, path) or self._is_own(f"{full}.{name}", name, path) for full in fulls)

    def _is_own(self, full: str, name: str, path: str) -> bool:
        project = self._file.project
        if project is None or not full.endswith(name):
            return False
        found = project.find(full, path)
        return found is not None and not isinstance(found, str) and (found.path, found.name) == (project.path, name)

    def module(self, path: str) -> File | None:
        """Another module, parsed; it knows nothing of the project."""
        from ..file import File

        if path not in self._modules:
            text = self._file.project.module_text(path) if self._file.project is not None else None
            try:
                self._modules[path] = File(text, path) if text is not None else None
            except cst.ParserSyntaxError:
                self._modules[path] = None
        return self._modules[path]

    def _called(self, home: File, meant: cst.FunctionDef | cst.ClassDef) -> list[cst.Call] | None:
        """The calls of what is meant in one file; `None` where it is used in other ways too."""
        found: list[cst.Call] = []
        for name in self._names(home, meant):
            above = home.parent(name)
            whole: cst.CSTNode = name
            while isinstance(above, cst.Attribute) and above.attr is whole:
                whole, above = above, home.parent(above)
            match above:
                case cst.Call(func=func) if func is whole:
                    found.append(above)
                case (
                    cst.ImportFrom()
                    | cst.ImportAlias()
                    | cst.AsName()
                    | cst.FunctionDef()
                    | cst.ClassDef()
                    | cst.Annotation()
                ):
                    pass
                case _:
                    return None
        return found

    def _names(self, home: File, meant: cst.FunctionDef | cst.ClassDef) -> Iterator[cst.Name]:
        """Where a file names what is meant, and surely nothing else."""
        word = meant.name.value
        for name in home.all(cst.Name):
            if home is self._file:
                bound = home.scopes.definitions(name) if name.value == word and home.reads(name) else []
                if [one.node for one in bound] == [meant]:
                    yield name
                continue
            above = home.parent(name)
            whole = above if isinstance(above, cst.Attribute) and above.attr is name else name
            root = dotted(whole)
            if root is None or root[0] in ("self", "cls") or (name.value != word and whole is not name):
                continue
            full = home.name(whole)
            if full is not None and self._is_own(full, word, home.path):
                yield name

    def _of_instance(self, home: File, made: cst.Call) -> list[CallSite] | None:
        """The calls of an instance that an object keeps as an attribute, where nothing else is done with it."""
        owner = home.calls.enclosing_class(made)
        match home.parent(made):
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute(value=cst.Name("self"), attr=kept))]):
                pass
            case _:
                return None
        if owner is None or len(home.values.attribute_values(owner, kept.value)) != 1:
            return None
        found: list[CallSite] = []
        for use in home.tree.of_type(cst.Attribute, owner):
            if use.attr.value != kept.value or dotted(use) != ["self", kept.value]:
                continue
            match home.parent(use):
                case cst.Call(func=func) as call if func is use:
                    found.append(CallSite(home, call))
                case cst.AssignTarget():
                    pass
                case _:
                    return None
        return found
