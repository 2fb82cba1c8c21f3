"""How the modules of a project take from each other: which import this one, and what of it."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File


class Imports:
    """What other modules of the project import, as one file sees it; what is out of sight may be imported."""

    def __init__(self, file: File) -> None:
        self._file = file

    @cached_property
    def is_script(self) -> bool:
        """Whether the file is run itself."""
        return any(self._starts(statement) for statement in self._file.module.body)

    def taken(self, name: str) -> bool:
        """Whether another module of the project may take a function of this file."""
        project = self._file.project
        if project is None:
            return True
        importers = project.importing(stem_of(project.path))
        return importers is None or any(self._takes(path, name) for path in importers if path != project.path)

    def _takes(self, importer: str, name: str) -> bool:
        """Whether a module that imports one of this file's name may take a function of this file."""
        project = self._file.project
        assert project is not None
        taken = self._taken_by(importer, stem_of(project.path))
        for module, what in taken:
            if project.module(module, importer) not in (project.path, None):
                continue
            # Whoever uses what a star brought has to name it.
            if what in ("", name) or (what == "*" and self._file.named.elsewhere(name, at_top=True)):
                return True
        # What no statement at the top says is imported further in.
        return not taken

    def _starts(self, statement: cst.CSTNode) -> bool:
        """Whether a statement at module level is what only a script has: its entry, or the reading of arguments."""
        if self._file.context.is_entry(statement):
            return True
        match statement:
            case cst.SimpleStatementLine() if self._file.mentions(".parse_args("):
                return ".parse_args(" in self._file.text_of(statement)
        return False

    def apart(self, other: str, near: set[str]) -> bool:
        """Whether a module neither imports one of some others, nor is imported by one."""
        return not any(self.between(other, path) or self.between(path, other) for path in near)

    def outright(self, importer: str) -> bool:
        """Whether a module may import this one by its last name alone, without the package that it lies in."""
        assert self._file.project is not None
        stem = stem_of(self._file.project.path)
        taken = self._taken_by(importer, stem)
        return not taken or any(module == stem for module, _ in taken)

    def between(self, importer: str, path: str) -> bool:
        """Whether a module may import another."""
        project = self._file.project
        assert project is not None
        importers = project.importing(stem_of(path))
        if importers is None or importer not in importers:
            return importers is None
        homes = [project.module(module, importer) for module, _ in self._taken_by(importer, stem_of(path))]
        return not homes or path in homes

    def _taken_by(self, importer: str, stem: str) -> list[tuple[str, str]]:
        """The modules that go by a last name, of which a module imports something at its top; and what, if a part."""
        assert self._file.project is not None
        summary = self._file.project.summary(importer)
        whole = (*summary.imports.values(), *(f"{star}.*" for star in summary.stars)) if summary is not None else ()
        taken = [parts for parts in (each.split(".") for each in whole) if stem in parts]
        ends = [len(parts) - parts[::-1].index(stem) for parts in taken]
        return [(".".join(parts[:end]), "".join(parts[end : end + 1])) for parts, end in zip(taken, ends, strict=True)]


def stem_of(path: str) -> str:
    """What a module goes by where it is imported."""
    return os.path.splitext(os.path.basename(path))[0]
