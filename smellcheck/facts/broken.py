"""Whether code surely raises whenever it runs: it reads or imports what nothing binds, or calls without arguments."""

from __future__ import annotations

import builtins
import os
import re
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from .imports import stem_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..file import File
    from ..view import View

#: What may bind names that no statement shows; `.eval()` of a module does not.
_BINDING = re.compile(r"(?<![\w.])(globals|locals|eval|exec)\(|__builtins__")
_BINDING_WORDS = ("globals(", "locals(", "eval(", "exec(", "__builtins__")
#: What binds names at run time, beside Python itself: profilers, gettext, notebooks.
_KNOWN = frozenset(dir(builtins)) | {
    "profile",
    "_",
    "display",
    "get_ipython",
    "reveal_type",
    "WindowsError",
    "__class__",
}
#: What gives one number: since torch 0.5 such has no entries.
_LOSS = re.compile(r"(^|[._])(crit\w*|\w*loss\w*|cross_entropy|nll_loss)$", re.I)
_PERHAPS = (
    cst.If, cst.IfExp, cst.Try, cst.TryStar, cst.BooleanOperation, cst.Lambda, cst.Match, cst.Annotation, cst.While,
    cst.Assert, cst.Del, cst.Import, cst.ImportFrom, cst.Global, cst.Nonlocal,
)  # fmt: skip


class Broken:
    """The functions of one file, and the file as a script, that never get to their end."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._known: dict[cst.FunctionDef, bool] = {}

    def fails(self, function: cst.FunctionDef) -> bool:
        """Whether a function raises before it ends, its loops taken for granted."""
        if function not in self._known:
            self._known[function] = self._sees_all and any(self._raising(function.body, function))
        return self._known[function]

    @cached_property
    def module_fails(self) -> bool:
        """Whether the module raises when it is imported or run."""
        file = self._file
        if self._sees_all and any(self._raising(file.module, None)):
            return True
        project = file.project
        if project is None or file.in_cells:
            return False
        return project.is_unimportable(project.path) or self._package_fails(project)

    def _package_fails(self, project: View) -> bool:
        """Whether the package that a module is a part of cannot be imported, and none takes the module otherwise."""
        package, importers = project.module(".", project.path), project.importing(stem_of(project.path))
        if package in (None, project.path) or importers is None or self._file.imports.is_script:
            return False
        # A script in the same folder need not know of the package.
        beside = [path for path in importers if os.path.dirname(path) == os.path.dirname(project.path)]
        if any(path not in (package, project.path) and self._file.imports.outright(path) for path in beside):
            return False
        return package is not None and project.is_unimportable(package)

    @cached_property
    def script_fails(self) -> bool:
        """Whether what the module does when it is run as a script raises, itself or in a function that it calls."""
        file = self._file
        entries = [
            statement.body
            for statement in file.module.body
            if isinstance(statement, cst.If) and file.context.is_entry(statement)
        ]
        called = [file.calls.callee(call) for entry in entries for call in file.tree.of_type(cst.Call, entry)]
        return self._sees_all and (
            any(any(self._raising(entry, None, entry)) for entry in entries)
            or any(self.fails(function) for function in called if function is not None)
        )

    @cached_property
    def _sees_all(self) -> bool:
        file = self._file
        return not file.in_cells and not file.matches(_BINDING, *_BINDING_WORDS) and None not in self._handed_on

    @cached_property
    def _handed_on(self) -> list[str | None]:
        """The modules of the project of which everything is imported, each `None` that is not the project's."""
        imports = self._file.all(cst.ImportFrom) if self._file.mentions("import *") else ()
        return [self._home(statement) for statement in imports if isinstance(statement.names, cst.ImportStar)]

    def _home(self, statement: cst.ImportFrom) -> str | None:
        """The module of the project that surely is imported from."""
        file = self._file
        if file.project is None or (statement.module is None and not statement.relative):
            return None
        module = "" if statement.module is None else file.text_of(statement.module)
        return file.project.only_module("." * len(statement.relative) + module, file.project.path)

    def _raising(
        self, body: cst.CSTNode, function: cst.FunctionDef | None, within: cst.CSTNode | None = None
    ) -> Iterator[bool]:
        """For each name that is read and each call that is made in a body for sure, whether it raises."""
        file = self._file
        for name in file.tree.own_of_type(cst.Name, body):
            unbound = self._may_be_unbound(name.value) and file.reads(name) and not file.scopes.definitions(name)
            unbound = unbound and not self._comes_along(name.value)
            yield unbound and not self._is_other(name) and self._surely_runs(name, function, within)
        for item in file.tree.own_of_type(cst.Subscript, body) if file.mentions(".data[0]") else ():
            yield self._is_entry_of_number(item) and self._surely_runs(item, function, within)
        for call in file.tree.own_of_type(cst.Call, body):
            yield self._surely_runs(call, function, within) and (self._is_fractional(call) or self._lacks(call))

    def _may_be_unbound(self, name: str) -> bool:
        """Whether a name is none of Python's; in a text by itself, which may be a part of one, a name of a function."""
        return name not in _KNOWN and (self._file.project is not None or name in self._locals)

    def _comes_along(self, name: str) -> bool:
        """Whether a module of which everything is imported may hold a name."""
        project = self._file.project
        return project is not None and any(home and project.may_offer(home, name) for home in self._handed_on)

    @cached_property
    def _locals(self) -> set[str]:
        """The names that functions of the file bind for themselves alone."""
        scopes = [self._file.scopes.scope(one) for one in self._file.all(cst.FunctionDef)]
        return {
            name
            for scope in scopes
            for name, bound in scope.bindings.items()
            if all(one.kind in ("assign", "for", "with") for one in bound)
        }

    def _is_fractional(self, call: cst.Call) -> bool:
        """Whether a range is given the result of a division: Python 2 rounded it, and every later one refuses it."""
        return (
            isinstance(call.func, cst.Name)
            and call.func.value == "range"
            and not self._file.scopes.definitions(call.func)
            and any(
                isinstance(arg.value, cst.BinaryOperation) and isinstance(arg.value.operator, cst.Divide)
                for arg in call.args
            )
        )

    def _is_entry_of_number(self, item: cst.Subscript) -> bool:
        """Whether it is `loss.data[0]` of what a criterion has just given: no torch since 0.4 takes it."""
        file = self._file
        match item:
            case cst.Subscript(
                value=cst.Attribute(value=cst.Name() as read, attr=cst.Name("data")),
                slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer(value="0")))],
            ):
                bound = file.scopes.reaching(read)
            case _:
                return False
        return len(bound) == 1 and bound[0].kind == "assign" and not bound[0].path and self._is_number(bound[0].value)

    def _is_number(self, value: cst.CSTNode | None) -> bool:
        """Whether a call gives a tensor of one number: a criterion, or the mean or sum of all that there is."""
        match value:
            case cst.Call(func=cst.Attribute(attr=cst.Name("mean" | "sum")) as func, args=args):
                return len(args) == (1 if self._file.name(func) in ("torch.mean", "torch.sum") else 0)
            case cst.Call(func=func, args=args):
                return len(args) > 1 and bool(_LOSS.search(self._file.text_of(func)))
        return False

    def _is_other(self, name: cst.Name) -> bool:
        """Whether what looks like a name that is read is something else: a part of a pattern, a module's own name."""
        above = self._file.parent(name)
        kind = type(above).__name__
        return (
            (name.value.startswith("__") and name.value.endswith("__"))
            or kind.startswith(("Match", "Type", "Import", "Param", "Keyword", "AsName", "FunctionDef", "ClassDef"))
            or self._is_declared(name.value)
        )

    def _is_declared(self, name: str) -> bool:
        """Whether a function declares a name global, which another module may set, or takes it for a type."""
        file = self._file
        return any(item.name.value == name for one in file.all(cst.Global) for item in one.names) or any(
            parameter.name.value == name for parameter in file.all(cst.TypeVar)
        )

    def _surely_runs(self, node: cst.CSTNode, function: cst.FunctionDef | None, within: cst.CSTNode | None) -> bool:
        file = self._file
        if file.context.function(node) is not function:
            return False
        for _, above in file.context.ancestors(node):
            if above is within or above is function:
                break
            if isinstance(above, _PERHAPS):
                return False
        return True

    def _lacks(self, call: cst.Call) -> bool:
        """Whether a call gives a function of the project fewer arguments than it needs, or more than it takes."""
        file = self._file
        if file.project is None or any(arg.star for arg in call.args):
            return False
        positions = sum(arg.keyword is None for arg in call.args)
        keywords = frozenset(arg.keyword.value for arg in call.args if arg.keyword is not None)
        if isinstance(call.func, cst.Name):
            defined = file.scopes.definitions(call.func)
            here = [one.node for one in defined if one.scope is file.scopes.module]
            if len(defined) == 1 and len(here) == 1 and isinstance(here[0], cst.FunctionDef | cst.ClassDef):
                return file.project.lacks(file.project.path, here[0].name.value, positions, keywords)
        found = file.siblings.definition(call)
        return found is not None and file.project.lacks(found.path, found.name, positions, keywords)
