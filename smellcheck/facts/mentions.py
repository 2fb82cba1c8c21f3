"""Which functions and classes of a file anything in its project names: what nothing names, nothing runs."""

from __future__ import annotations

import os
import re
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from .imports import stem_of

if TYPE_CHECKING:
    from ..file import File

# Names that come from elsewhere than the code: whoever calls so may call anything.
_BY_NAME = re.compile(r"(?<![.\w])(globals|locals|eval|exec|Fire)\(|\bfire\.Fire\(|sys\.modules|__all__")
_NAMING = ("globals(", "locals(", "eval(", "exec(", "Fire(", "sys.modules", "__all__")
#: What a thing of another module has to be imported in.
_CODE = (".py", ".ipynb")
#: What Python, torch and its hub, and runners of scripts call by themselves.
_TAKEN = re.compile(r"^(__\w+__|forward|extra_repr|reset_parameters|train|main|\w*state_dict\w*)$")
#: The most modules that are looked at for whether they have to do with each other.
_MANY = 20
#: What a module may go by that was imported by a name made up at run time.
_ANY = re.compile(r"^\w{1,2}$|(mod|module|lib|pkg|package)s?$")


class Mentions:
    """Where the names of one file's definitions stand; whoever cannot look through the project says they do."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._known: dict[cst.FunctionDef | cst.ClassDef, bool] = {}

    def unnamed(self, definition: cst.FunctionDef | cst.ClassDef) -> bool:
        """Whether a function, method or class stands in a project that nobody imports from, and nothing names it."""
        return self.is_closed and self.unmentioned(definition)

    @cached_property
    def by_strings(self) -> bool:
        """Whether the file calls things by names that come from elsewhere than the code."""
        return self._file.matches(_BY_NAME, *_NAMING)

    @cached_property
    def is_closed(self) -> bool:
        """Whether nobody imports from the project, and nothing in it takes things of this module by names made up."""
        project = self._file.project
        if project is None or (taken := project.taken_from) is None:
            return False
        home = set(re.split(r"[/\\.]", project.path))
        return not ("hubconf" in home or taken & home or ("?" in taken and any(map(_ANY.search, taken))))

    def unmentioned(
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
        if definition.decorators or _TAKEN.search(name) or self.by_strings:
            return False
        if not self._is_free(definition) or self.elsewhere(name, at_top=file.parent(definition) is file.module):
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
            self.unmentioned(one, seen) for one in around if one in spans and spans[one][0] <= offset < spans[one][1]
        )

    def elsewhere(self, name: str, *, at_top: bool) -> bool:
        """Whether another file may mean a thing of this module by a name; what is at the top is imported first."""
        project = self._file.project
        assert project is not None
        mentioning = project.mentioning(name)
        others = None if mentioning is None else {path for path in mentioning if path != project.path}
        if not others or not at_top or not all(path.endswith(_CODE) for path in others):
            return others is None or bool(others)
        home, stem = os.path.dirname(project.path), stem_of(project.path)
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

    def retired(self, function: cst.FunctionDef) -> bool:
        """Whether the calls of a function at module level all stand in comments: somebody has put it out of use."""
        file, name = self._file, function.name.value
        if file.parent(function) is not file.module or function.decorators:
            return False
        call = re.compile(rf"(?m)^[ \t]*#[^\n]*\b{re.escape(name)}\(")
        return (
            call.search(file.text) is not None and self._only_in_itself(function) and not self._file.imports.taken(name)
        )

    def means_others(self, method: cst.FunctionDef) -> bool:
        """Whether what names a method stands far from its class: in no module that names that, imports one that does,
        or is imported by one. Methods of other classes go by the same name there.
        """
        file, owner = self._file, self._file.calls.class_of(method)
        name = method.name.value
        if owner is None or method.decorators or _TAKEN.search(name) or not self._is_free(method):
            return False
        if not self.is_closed or self.by_strings or not self._only_in_itself(method):
            return False
        project = file.project
        assert project is not None
        naming, near = project.mentioning(name), project.mentioning(owner.name.value)
        if naming is None or near is None:
            return False
        others = {path for path in naming if path != project.path}
        near_by = {project.path, *(path for path in near if self._file.imports.between(path, project.path))}
        if not others.isdisjoint(near_by) or len(others) > _MANY or len(near) > _MANY:
            return False
        return all(self._file.imports.apart(other, near_by) for other in others)
