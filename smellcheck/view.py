"""The project as one file sees it: what names mean in other modules, with a note of every question asked."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .project import ABSENT
from .summaries.model import Class, Function, Given, Summary
from .summaries.places import relative

if TYPE_CHECKING:
    from .project import Project

#: How many modules one file may be judged by, and how much text in all: what is further is unknown.
_MODULES, _TEXT = 60, 3_000_000
#: How many re-exports are followed.
_HOPS = 8
#: What shows or tells how the program is used.
_BESIDE = re.compile(r"(^|/)(examples?|docs?|demos?)/|\.(md|rst|txt|ipynb)$")


@dataclass(frozen=True)
class Found:
    """A thing of the project: the module that defines it, and its summary there."""

    path: str
    kind: Literal["class", "function", "value", "module"]
    name: str = ""
    cls: Class | None = field(default=None, compare=False)
    function: Function | None = field(default=None, compare=False)
    value: Given = field(default="?", compare=False)
    #: What is looked up in a class that does not define it itself.
    rest: str = ""


class View:
    """The project as one file sees it. Names are those that imports give: relative ones keep their dots."""

    def __init__(self, project: Project, path: str) -> None:
        self._project = project
        self.path = path
        self._folder = os.path.dirname(path)
        self._found: dict[tuple[str, str], Found | str | None] = {}
        self._consulted: dict[str, Summary | None] = {}
        self._length = 0
        self._asked: dict[str, str] = {}

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """What was asked of the project, and answered."""
        return tuple(self._asked.items())

    @property
    def consulted(self) -> tuple[str, ...]:
        """The files that had a say."""
        return tuple(self._consulted)

    def summary(self, path: str) -> Summary | None:
        """The summary of a file, as long as this one may be judged by more."""
        if path not in self._consulted:
            key = self._project.key(path)
            within = len(self._consulted) < _MODULES and self._length + (key[1] if key else 0) <= _TEXT
            self._length += key[1] if key and within else 0
            self._note(f"summary {relative(path, self._folder)}")
            self._consulted[path] = self._project.summary(path) if within else None
        return self._consulted[path]

    def module_text(self, path: str) -> str | None:
        """What a module of the project says in full; `None` for what is no text, or too much of it."""
        if self.summary(path) is None or self._note(f"text {relative(path, self._folder)}") == ABSENT:
            return None
        try:
            return (self._project.data(path) or b"").decode()
        except UnicodeDecodeError:
            return None

    def _note(self, question: str) -> str:
        if question not in self._asked:
            self._asked[question] = self._project.answer(question, self.path)
        return self._asked[question]

    def module(self, name: str, path: str) -> str | None:
        """The file that a module's name means in the file at a path."""
        answer = self._note(f"module {name} {relative(path, self._folder)}")
        return None if answer == ABSENT else os.path.normpath(os.path.join(self._folder, answer))

    def only_module(self, name: str, path: str) -> str | None:
        """The file that a module's name means in the file at a path, where it can mean no other."""
        answer = self._note(f"only-module {name} {relative(path, self._folder)}")
        return None if answer == ABSENT else os.path.normpath(os.path.join(self._folder, answer))

    def calling(self, name: str) -> list[str] | None:
        """The modules of the project, tests left out, that may call a name; `None` for too large a project."""
        return self._through("callers", name)

    def defining(self, name: str) -> list[str] | None:
        """The modules of the project that define a function or method of a name."""
        return self._through("definers", name)

    def importing(self, stem: str) -> list[str] | None:
        """The modules of the project, tests left out, that may import a module whose name ends so."""
        return self._through("importers", stem)

    @property
    def taken_from(self) -> frozenset[str] | None:
        """What the project takes things from by names made up at run time; `None` where others may import from it."""
        answer = self._note("taken-from")
        return None if answer == ABSENT else frozenset(answer.split())

    def is_named(self, name: str) -> bool:
        """Whether the project itself goes by a name, so that a package of that name is its own."""
        return self._note(f"named {name}") == str(True)

    def lacks(self, path: str, name: str, positions: int, keywords: frozenset[str]) -> bool:
        """Whether a function or class of a module surely raises when it is called with no more than this."""
        given = ",".join(sorted(keywords)) or ABSENT
        return self._note(f"lacks {positions} {given} {name} {relative(path, self._folder)}") == str(True)

    def may_offer(self, path: str, name: str) -> bool:
        """Whether a module may hold a name, or its folder a module of that name."""
        return self._note(f"offers {name} {relative(path, self._folder)}") == str(True)

    def is_unimportable(self, path: str) -> bool:
        """Whether the import of a module surely raises, for what it or a module on the way asks for in vain."""
        return self._note(f"unimportable {relative(path, self._folder)}") == str(True)

    @property
    def is_small(self) -> bool:
        """Whether the project may be the beginning of one, of which most is still to be written."""
        return self._note("small") == str(True)

    @property
    def is_brought(self) -> bool:
        """Whether the file came with the work of other people, whose licence lies beside it."""
        return self._note("brought") == str(True)

    @property
    def bundled(self) -> str | None:
        """The name of the distribution that the file is packed in, where that is not the whole project."""
        answer = self._note("bundled")
        return None if answer == ABSENT else answer

    def mentioning(self, name: str) -> list[str] | None:
        """The files of the project, tests left out, that hold a name other than to define it."""
        return self._through("mentions", name)

    def noughts(self, name: str) -> list[str] | None:
        """The files of the project, tests left out, that set a name to nought or say that it is unless told."""
        return self._through("noughts", name)

    def own_code(self, path: str) -> bool:
        """Whether a file is part of the project's program or its settings: no example and no prose."""
        return not _BESIDE.search(relative(path, self._folder))

    def _through(self, what: str, name: str) -> list[str] | None:
        self._note(f"{what} {name}")
        return self._project.through(self._project.places.root(self._folder), what, name)

    def find(self, name: str, path: str | None = None, hops: int = 0) -> Found | str | None:
        """The thing that a name means in a file, here if none is given; the full name of what is not the project's."""
        start = self.path if path is None else path
        key = (name, start)
        if key not in self._found:
            self._found[key] = None  # imports in circles lead nowhere
            self._found[key] = self._find(name, start, hops)
        return self._found[key]

    def _find(self, name: str, path: str, hops: int) -> Found | str | None:
        if hops > _HOPS or not name or "?" in name:
            return None
        bare = name.lstrip(".")
        dots = name[: len(name) - len(bare)]
        parts = bare.split(".")
        if not dots and not self._is_own(parts[0], path):
            return name
        for at in range(len(parts) - 1, -1 if dots else 0, -1):
            home = self.module(dots + ".".join(parts[:at]), path)
            if home is not None and home != path:
                found = self.member(home, parts[at:], hops)
                if found is not None:
                    return found
        # A module that is called after what it imports, `torch.py`, does not import itself.
        if not dots and self.module(parts[0], path) == path:
            return name
        home = self.module(name, path)
        if home is not None:
            return Found(home, "module")
        return None

    def _is_own(self, name: str, path: str) -> bool:
        """Whether absolute imports of this first name may lead into the project."""
        return self._note(f"package {name} {relative(path, self._folder)}") != ABSENT

    def member(self, path: str, parts: list[str], hops: int = 0) -> Found | str | None:
        """What a chain of names means in the module at a path."""
        summary = self.summary(path)
        if summary is None:
            return None
        first, rest = parts[0], parts[1:]
        if first in summary.classes:
            return _in_class(path, summary.classes[first], rest)
        if first in summary.functions:
            return None if rest else Found(path, "function", first, function=summary.functions[first])
        if first in summary.imports:
            return self.find(".".join([summary.imports[first], *rest]), path, hops + 1)
        if first in summary.values:
            return None if rest else Found(path, "value", first, value=summary.values[first])
        for star in summary.stars:
            home = self.module(star, path)
            found = self.member(home, parts, hops + 1) if home is not None and hops < _HOPS else None
            if found is not None:
                return found
        return None

    def own(self, found: Found, name: str) -> Found | str | None:
        """What a name that a summary spells means there: `@f` is the module's own."""
        if name.startswith("@"):
            return self.member(found.path, name[1:].split("."))
        return self.find(name, found.path)

    def lineage(self, found: Found) -> tuple[list[Found], list[str | None]]:
        """A class and its ancestors in the project, nearest first, and the full names of their bases out of it."""
        line, foreign, todo = [found], list[str | None](), [found]
        while todo and len(line) < 20:
            current = todo.pop(0)
            for base in current.cls.bases if current.cls is not None else ():
                above = self.own(current, base)
                if isinstance(above, Found) and above.kind == "class" and not above.rest:
                    if above not in line:
                        line.append(above)
                        todo.append(above)
                else:
                    foreign.append(above if isinstance(above, str) else None)
        return line, foreign

    def method(self, found: Found, name: str) -> Found | None:
        """A method of a class, looked up in its ancestors too."""
        for each in self.lineage(found)[0]:
            if each.cls is not None and name in each.cls.methods:
                return Found(each.path, "function", f"{each.name}.{name}", each.cls, each.cls.methods[name])
        return None

    def versions(self, package: str) -> tuple[tuple[int, ...], tuple[int, ...] | None] | None:
        """The lowest version of a package that the project's manifests admit, and the first that they do not."""
        from .summaries.versions import bounds, manifests

        self._note("versions")
        return bounds(package, manifests(self._project.places.root(self._folder), self._folder))


def _in_class(path: str, cls: Class, rest: list[str]) -> Found | None:
    if not rest:
        return Found(path, "class", cls.name, cls)
    if len(rest) > 1:
        return None
    if rest[0] in cls.methods:
        return Found(path, "function", f"{cls.name}.{rest[0]}", cls, cls.methods[rest[0]])
    return Found(path, "class", cls.name, cls, rest=rest[0])
