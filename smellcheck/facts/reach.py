"""Whether code runs in earnest: not what nothing calls any more, nor what stops for a debugger."""

from __future__ import annotations

import os
import re
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

# Names that come from elsewhere than the code: whoever calls so may call anything.
_BY_NAME = re.compile(r"(?<![.\w])(globals|locals|eval|exec|Fire)\(|\bfire\.Fire\(|sys\.modules|__all__")
_NAMING = ("globals(", "locals(", "eval(", "exec(", "Fire(", "sys.modules", "__all__")
#: What runs nothing when it names a module.
_PROSE = (".py", ".ipynb", ".md", ".rst", ".txt")
#: What a thing of another module has to be imported in.
_CODE = (".py", ".ipynb")
_STOPPING = frozenset({"set_trace", "breakpoint", "embed"})
_BREAKPOINT = re.compile(r"((i?pdb|pudb|IPython|ipdb\.\w+)\.)?(set_trace|breakpoint|embed)\(\)")
#: What Python, torch and its hub, and runners of scripts call by themselves.
_TAKEN = re.compile(r"^(__\w+__|forward|extra_repr|reset_parameters|train|main|\w*state_dict\w*)$")
#: The most modules that are looked at for whether they have to do with each other.
_MANY = 20
#: What a module may go by that was imported by a name made up at run time.
_ANY = re.compile(r"^\w{1,2}$|(mod|module|lib|pkg|package)s?$")


class Reach:
    """Which functions of one file surely never run to their end in earnest."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._abandoned: dict[cst.FunctionDef, bool] = {}
        self._known: dict[cst.FunctionDef | cst.ClassDef, bool] = {}

    def earnest(self, node: cst.CSTNode) -> bool:
        """Whether the code at a node may run, and runs without stopping for a debugger."""
        current = self._file.parent(node)
        while current is not None:
            if isinstance(current, cst.FunctionDef) and (self._stops(current) or self.abandoned(current)):
                return False
            if isinstance(current, cst.FunctionDef | cst.ClassDef) and self.unnamed(current):
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
        return self._is_script and file.broken.script_fails and not self.taken(name)

    def used(self, node: cst.CSTNode) -> bool:
        """Whether the project itself may use the code at a node; false where only others could, who import from it."""
        project = self._file.project
        if project is None or project.is_small:
            return True
        current = self._file.parent(node)
        if self._is_stray:
            return False
        while current is not None:
            if isinstance(current, cst.FunctionDef | cst.ClassDef) and self._unmentioned(current):
                return False
            if isinstance(current, cst.FunctionDef) and (self._means_others(current) or self._retired(current)):
                return False
            current = self._file.parent(current)
        return True

    @cached_property
    def _is_stray(self) -> bool:
        """Whether the module does nothing but define things, and no other of a project that is closed imports it."""
        project = self._file.project
        if project is None or not self._is_closed or "?" in (project.taken_from or ()):
            return False
        if self._is_script or not all(_defines(statement) for statement in self._file.module.body):
            return False
        stem = _stem(project.path)
        importers, naming = project.importing(stem), project.mentioning(stem)
        if stem == "__init__" or importers is None or naming is None:
            return False
        return not {*importers} - {project.path} and all(path.endswith(_PROSE) for path in naming)

    def _retired(self, function: cst.FunctionDef) -> bool:
        """Whether the calls of a function at module level all stand in comments: somebody has put it out of use."""
        file, name = self._file, function.name.value
        if file.parent(function) is not file.module or function.decorators:
            return False
        call = re.compile(rf"(?m)^[ \t]*#[^\n]*\b{re.escape(name)}\(")
        return call.search(file.text) is not None and self._only_in_itself(function) and not self.taken(name)

    def _means_others(self, method: cst.FunctionDef) -> bool:
        """Whether what names a method stands far from its class: in no module that names that, imports one that does,
        or is imported by one. Methods of other classes go by the same name there.
        """
        file, owner = self._file, self._file.calls.class_of(method)
        name = method.name.value
        if owner is None or method.decorators or _TAKEN.search(name) or not self._is_free(method):
            return False
        if not self._is_closed or file.matches(_BY_NAME, *_NAMING) or not self._only_in_itself(method):
            return False
        project = file.project
        assert project is not None
        naming, near = project.mentioning(name), project.mentioning(owner.name.value)
        if naming is None or near is None:
            return False
        others = {path for path in naming if path != project.path}
        near_by = {project.path, *(path for path in near if self._imports(path, project.path))}
        if not others.isdisjoint(near_by) or len(others) > _MANY or len(near) > _MANY:
            return False
        return all(self._is_apart(other, near_by) for other in others)

    def _is_apart(self, other: str, near: set[str]) -> bool:
        """Whether a module neither imports one of some others, nor is imported by one."""
        return not any(self._imports(other, path) or self._imports(path, other) for path in near)

    def _imports(self, importer: str, path: str) -> bool:
        """Whether a module may import another."""
        project = self._file.project
        assert project is not None
        importers = project.importing(_stem(path))
        if importers is None or importer not in importers:
            return importers is None
        homes = [project.module(module, importer) for module, _ in self._taken_by(importer, _stem(path))]
        return not homes or path in homes

    def _taken_by(self, importer: str, stem: str) -> list[tuple[str, str]]:
        """The modules that go by a last name, of which a module imports something at its top; and what, if a part."""
        assert self._file.project is not None
        summary = self._file.project.summary(importer)
        whole = (*summary.imports.values(), *(f"{star}.*" for star in summary.stars)) if summary is not None else ()
        taken = [parts for parts in (each.split(".") for each in whole) if stem in parts]
        ends = [len(parts) - parts[::-1].index(stem) for parts in taken]
        return [(".".join(parts[:end]), "".join(parts[end : end + 1])) for parts, end in zip(taken, ends, strict=True)]

    def unnamed(self, definition: cst.FunctionDef | cst.ClassDef) -> bool:
        """Whether a function, method or class stands in a project that nobody imports from, and nothing names it."""
        return self._is_closed and self._unmentioned(definition)

    @cached_property
    def _is_closed(self) -> bool:
        """Whether nobody imports from the project, and nothing in it takes things of this module by names made up."""
        project = self._file.project
        if project is None or (taken := project.taken_from) is None:
            return False
        home = set(re.split(r"[/\\.]", project.path))
        return not ("hubconf" in home or taken & home or ("?" in taken and any(map(_ANY.search, taken))))

    def _unmentioned(
        self, definition: cst.FunctionDef | cst.ClassDef, seen: tuple[cst.FunctionDef | cst.ClassDef, ...] = ()
    ) -> bool:
        """Whether no code of the project but its own names a definition, nor anything that others name calls it.

        What only names each other is named by nobody: while some are looked at, `seen`, they count as unnamed.
        """
        if definition in seen:
            return True
        if definition not in self._known:
            answer = self._is_unmentioned(definition, seen)
            if seen:
                return answer
            self._known[definition] = answer
        return self._known[definition]

    def _is_unmentioned(
        self, definition: cst.FunctionDef | cst.ClassDef, seen: tuple[cst.FunctionDef | cst.ClassDef, ...]
    ) -> bool:
        file, name = self._file, definition.name.value
        if definition.decorators or _TAKEN.search(name) or file.matches(_BY_NAME, *_NAMING):
            return False
        if not self._is_free(definition) or self._named_elsewhere(name, at_top=file.parent(definition) is file.module):
            return False
        return self._only_in_itself(definition, (*seen, definition))

    def _only_in_itself(
        self, definition: cst.FunctionDef | cst.ClassDef, seen: tuple[cst.FunctionDef | cst.ClassDef, ...] = ()
    ) -> bool:
        """Whether no code of the file but its own, and what nothing names itself, names a definition."""
        name = re.escape(definition.name.value)
        start, end = self._file.spans([definition])[definition]
        return all(
            start <= found.start(1) < end or self._in_unmentioned(found.start(1), seen)
            for found in re.finditer(rf"(?m)^[^#\n]*(?<!def )(?<!class )\b({name})\b", self._file.text)
        )

    def _in_unmentioned(self, offset: int, seen: tuple[cst.FunctionDef | cst.ClassDef, ...]) -> bool:
        """Whether what stands at an offset of the text is within a function or class that nothing names."""
        file = self._file
        around: list[cst.FunctionDef | cst.ClassDef] = [*file.all(cst.FunctionDef), *file.all(cst.ClassDef)]
        spans = file.spans(around)
        return any(
            self._unmentioned(one, seen) for one in around if one in spans and spans[one][0] <= offset < spans[one][1]
        )

    def _named_elsewhere(self, name: str, *, at_top: bool) -> bool:
        """Whether another file may mean a thing of this module by a name; what is at the top is imported first."""
        project = self._file.project
        assert project is not None
        mentioning = project.mentioning(name)
        others = None if mentioning is None else {path for path in mentioning if path != project.path}
        if not others or not at_top or not all(path.endswith(_CODE) for path in others):
            return others is None or bool(others)
        home, stem = os.path.dirname(project.path), _stem(project.path)
        importing, around = project.mentioning(stem), project.mentioning(os.path.basename(home))
        if importing is None or around is None or stem == "__init__":
            return True
        # What a package takes over from its modules goes by the package's name, or by none.
        if any(os.path.basename(path).startswith("__init__.") for path in importing):
            return True
        return not others.isdisjoint({*importing, *around})

    def _is_free(self, definition: cst.FunctionDef | cst.ClassDef) -> bool:
        """Whether only who names it can run it: what stands at module level, and methods that no base class calls."""
        block = self._file.parent(definition)
        if block is self._file.module:
            return True
        owner = self._file.parent(block) if block is not None else None
        if not isinstance(owner, cst.ClassDef) or not isinstance(definition, cst.FunctionDef):
            return False
        return all(
            self._file.text_of(base.value) == "object" or self._file.name(base.value) == "torch.nn.Module"
            for base in owner.bases
        )

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
        if not self._is_script or self.taken(name) or file.matches(_BY_NAME, *_NAMING):
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

    @cached_property
    def _is_script(self) -> bool:
        """Whether the file is run itself."""
        return any(self._starts(statement) for statement in self._file.module.body)

    def taken(self, name: str) -> bool:
        """Whether another module of the project may take a function of this file."""
        project = self._file.project
        if project is None:
            return True
        importers = project.importing(_stem(project.path))
        return importers is None or any(self._takes(path, name) for path in importers if path != project.path)

    def _takes(self, importer: str, name: str) -> bool:
        """Whether a module that imports one of this file's name may take a function of this file."""
        project = self._file.project
        assert project is not None
        taken = self._taken_by(importer, _stem(project.path))
        for module, what in taken:
            if project.module(module, importer) not in (project.path, None):
                continue
            # Whoever uses what a star brought has to name it.
            if what in ("", name) or (what == "*" and self._named_elsewhere(name, at_top=True)):
                return True
        # What no statement at the top says is imported further in.
        return not taken

    def _starts(self, statement: cst.CSTNode) -> bool:
        """Whether a statement at module level is what only a script has: its entry, or the reading of arguments."""
        match statement:
            case cst.If(test=cst.Comparison(left=cst.Name(value="__name__"))):
                return True
            case cst.SimpleStatementLine() if self._file.mentions(".parse_args("):
                return ".parse_args(" in self._file.text_of(statement)
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


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]
