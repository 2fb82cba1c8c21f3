"""Whether code runs in earnest: not what nothing calls any more, nor what stops for a debugger."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from .imports import stem_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..file import File

#: What runs nothing when it names a module.
_PROSE = (".py", ".ipynb", ".md", ".rst", ".txt")
#: The entry of a module that tries out what stands above it, and one that is given something to work on.
_TRIED = re.compile(r"^if __name__ ==", re.M)
_DRAWN = re.compile(r"\b(randn?|randint|rand_like|randn_like)\(")
_GIVEN = re.compile(r"\b(open|load\w*|read\w*|parse_args|main|DataLoader|get_\w+|train\w*|imread)\(")
_STOPPING = frozenset({"set_trace", "breakpoint", "embed"})
_BREAKPOINT = re.compile(r"((i?pdb|pudb|IPython|ipdb\.\w+)\.)?(set_trace|breakpoint|embed)\(\)")


class Reach:
    """Which functions of one file surely never run to their end in earnest."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._abandoned: dict[cst.FunctionDef, bool] = {}

    def earnest(self, node: cst.CSTNode) -> bool:
        """Whether the code at a node may run, and runs without stopping for a debugger."""
        current = self._file.parent(node)
        while current is not None:
            if isinstance(current, cst.FunctionDef) and (self._stops(current) or self.abandoned(current)):
                return False
            if isinstance(current, cst.FunctionDef | cst.ClassDef) and self._file.named.unnamed(current):
                return False
            current = self._file.parent(current)
        return True

    def fails(self, node: cst.CSTNode) -> bool:
        """Whether what runs the code at a node surely raises: its function, the module, or the script that runs it.

        It looks into other modules for each call that is made on the way: to be asked of what else is worth a warning.
        """
        file, top = self._file, node
        while (above := file.parent(top)) is not None and above is not file.module:
            top = above
            if isinstance(above, cst.FunctionDef) and file.broken.fails(above):
                return True
        if file.project is None:
            return False
        if file.broken.module_fails:
            return True
        name = top.name.value if isinstance(top, cst.FunctionDef | cst.ClassDef) else ""
        return self._file.imports.is_script and file.broken.script_fails and not self._file.imports.taken(name)

    def used(self, node: cst.CSTNode) -> bool:
        """Whether the project itself may use the code at a node; false where only others could, who import from it."""
        project = self._file.project
        if (project is not None and project.is_brought) or not self._file.arms.taken(node):
            return False
        if project is None or project.is_small:
            return True
        current = self._file.parent(node)
        if self._is_stray:
            return False
        while current is not None:
            if isinstance(current, cst.FunctionDef | cst.ClassDef) and self._file.named.unmentioned(current):
                return False
            if isinstance(current, cst.FunctionDef) and (
                self._file.named.means_others(current)
                or self._file.named.retired(current)
                or self._only_tried(current, frozenset())
            ):
                return False
            current = self._file.parent(current)
        return True

    def _only_tried(self, function: cst.FunctionDef, seen: frozenset[cst.FunctionDef]) -> bool:
        """Whether nothing runs a function but the entry of its module, which tries it out on numbers that it draws."""
        file = self._file
        if not file.matches(_TRIED, "__main__") or file.parent(function) is not file.module:
            return False
        name = function.name.value
        if file.imports.taken(name) or file.named.by_strings:
            return False
        entries = [one for one in file.module.body if file.context.is_entry(one)]
        drawn = all(_DRAWN.search(file.text_of(one)) and not _GIVEN.search(file.text_of(one)) for one in entries)
        mentions = [one for one in file.tree.named(name, file.module) if file.parent(one) is not function]
        return bool(entries) and drawn and all(self._is_tried(one, entries, {*seen, function}) for one in mentions)

    def _is_tried(self, mention: cst.Name, entries: Sequence[cst.CSTNode], seen: set[cst.FunctionDef]) -> bool:
        """Whether a name stands in the entry of a module, or in a function that only the entry runs."""
        top: cst.CSTNode = mention
        while (above := self._file.parent(top)) is not None and above is not self._file.module:
            top = above
        if top in entries or top in seen:
            return True
        return isinstance(top, cst.FunctionDef) and self._only_tried(top, frozenset(seen))

    @cached_property
    def _is_stray(self) -> bool:
        """Whether the module does nothing but define things, and no other of a project that is closed imports it."""
        project = self._file.project
        if project is None or not self._file.named.is_closed or "?" in (project.taken_from or ()):
            return False
        if self._file.imports.is_script or not all(_defines(statement) for statement in self._file.module.body):
            return False
        stem = stem_of(project.path)
        importers, naming = project.importing(stem), project.mentioning(stem)
        if stem == "__init__" or importers is None or naming is None:
            return False
        return not {*importers} - {project.path} and all(path.endswith(_PROSE) for path in naming)

    def abandoned(self, function: cst.FunctionDef) -> bool:
        """Whether a function at module level is surely run by nobody: bound anew before anything reads its name, or
        in a script of which no module of the project takes it, where its name is read by nothing that runs.
        """
        if function not in self._abandoned:
            self._abandoned[function] = False  # what only calls itself in circles is read by what may run
            self._abandoned[function] = self._is_abandoned(function)
        return self._abandoned[function]

    def _is_abandoned(self, function: cst.FunctionDef) -> bool:
        file, module = self._file, self._file.module
        block = file.parent(function)
        if block is not module or function.decorators:
            return False
        if self._replaced(function):
            return True
        name = function.name.value
        if not self._file.imports.is_script or self._file.imports.taken(name) or file.named.by_strings:
            return False
        return not any(self._reads(mention, function) for mention in file.tree.named(name, module))

    def _reads(self, mention: cst.Name, function: cst.FunctionDef) -> bool:
        """Whether a name is that of the function, in other code than its own that may run."""
        file = self._file
        home = file.parent(mention)
        if isinstance(home, cst.FunctionDef) or not file.reads(mention) or file.context.within(mention, function):
            return False
        while home is not None and home is not file.module:
            if isinstance(home, cst.FunctionDef) and file.parent(home) is file.module:
                return not self.abandoned(home)
            home = file.parent(home)
        return True

    def _replaced(self, function: cst.FunctionDef) -> bool:
        """Whether a second function of the same name takes its place before the module reads the name."""
        file, body = self._file, self._file.module.body
        for statement in body[list(body).index(function) + 1 :]:
            if isinstance(statement, cst.FunctionDef):
                if statement.name.value == function.name.value and not statement.decorators:
                    return True
                # Its body runs later, if at all; what is evaluated now stands above it.
                now: list[cst.CSTNode] = [statement.params, *statement.decorators]
            else:
                now = [statement]
            if any(file.tree.named(function.name.value, part) for part in now):
                return False
        return False

    def _stops(self, function: cst.FunctionDef) -> bool:
        """Whether a function stops for a debugger wherever it runs."""
        file = self._file
        for call in file.calls.named(_STOPPING):
            line = file.context.statement(call)
            if (
                file.context.function(call) is function
                and _BREAKPOINT.fullmatch(file.text_of(call))
                and isinstance(file.parent(call), cst.Expr)
                and not any(isinstance(above, cst.If | cst.ExceptHandler) for _, above in file.context.ancestors(line))
            ):
                return True
        return False


def _defines(statement: cst.CSTNode) -> bool:
    """Whether a statement at module level runs nothing: it defines, imports, names something or says something."""
    if isinstance(statement, cst.FunctionDef | cst.ClassDef):
        return True
    if isinstance(statement, cst.Try):
        return all(map(_defines, statement.body.body))
    return isinstance(statement, cst.SimpleStatementLine) and not any(
        isinstance(part, cst.Expr) and isinstance(part.value, cst.Call) for part in statement.body
    )
