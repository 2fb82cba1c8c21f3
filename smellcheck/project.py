"""The same questions across files: what the other modules of a project say, read on demand and never run.

A `Project` is what one run knows of the disk; a `View` of it answers for one file and notes what it was asked, so that
the findings of that file are known to hold as long as the answers do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Literal, Protocol

from .summaries.model import Class, Function, Given, Summary, digest_of, read
from .summaries.places import MAYBE_TESTS, Places, relative

#: How many modules one file may be judged by, and how much text in all: what is further is unknown.
_MODULES, _TEXT = 60, 3_000_000
#: How many re-exports are followed.
_HOPS = 8
#: How much text is kept in memory, in case that more is asked of it.
_HELD = 64_000_000
#: How many summaries a process that serves for hours keeps.
_KEPT = 4000
_ABSENT = "-"
#: What a module that tests code holds.
_OF_TESTS = re.compile(rb"^[ \t]*(?:import|from) (?:pytest|unittest)\b|^(?:async )?def test_\w*\(", re.M)
#: What things are taken from by names that are put together while it runs, and what imports modules by such names.
_BY_NAME = re.compile(
    rb"\b(?:getattr|vars|dir|getmembers)\(\s*([\w.]+)(?![\w.]|\s*,\s*[\"'])|([\w.]+)\.__dict__\b|(import_module|__import__)\("
)
_PATTERNS = {
    "mentions": rb"(?<!def )(?<!class )\b%b\b",
    "callers": rb"(?<!def )\b%b\s*\(",
    "definers": rb"\bdef\s+%b\b",
    "importers": rb"\b(?:from\s+(?:[\w.]*\.)?%b\s+import|import\b[^\n]*\b%b)\b",
}


class Shelf(Protocol):
    """Where summaries are kept between runs."""

    def summary(self, key: str) -> str | None:
        """What was kept under a key."""
        ...


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


class Project:
    """What one run knows of the files of projects: each read and summarised once, whoever asks."""

    def __init__(self, shelf: Shelf | None = None, texts: Mapping[str, bytes] | None = None) -> None:
        self.places = Places()
        self._shelf = shelf
        #: Texts that stand for what is on the disk: unsaved buffers, standard input.
        self._texts = dict(texts or {})
        self._data: dict[str, bytes | None] = {}
        self._held = 0
        self._through: dict[tuple[str, str, str], list[str] | None] = {}
        self._taken_from: dict[str, frozenset[str] | None] = {}
        self._keys: dict[str, tuple[str, int] | None] = {}
        self._written: dict[str, str] = {}
        self._read: dict[str, Summary | None] = {}
        #: What was summarised and is not on the shelf.
        self.learned: dict[str, str] = {}

    def view(self, path: Path | str) -> View:
        """The project as the file at a path sees it."""
        return View(self, os.path.abspath(path))

    def renew(self, texts: Mapping[str, bytes]) -> None:
        """Look at the disk anew, and at these texts in the place of what is there."""
        self.places.forget()
        if len(self._written) > _KEPT:
            self._written.clear()
            self._read.clear()
        self._texts = dict(texts)
        self._data.clear()
        self._held = 0
        self._through.clear()
        self._taken_from.clear()
        self._keys.clear()

    def data(self, path: str) -> bytes | None:
        """What a file holds; kept while one looks through its project."""
        from .source import SourceError, bytes_of

        if path in self._texts:
            return self._texts[path]
        if path not in self._data:
            try:
                data: bytes | None = bytes_of(Path(path))
            except SourceError:
                data = None
            self._held += len(data or b"")
            if self._held > _HELD:
                self._data.clear()
                self._held = len(data or b"")
            self._data[path] = data
        return self._data[path]

    def through(self, root: str, what: str, name: str) -> list[str] | None:
        """The modules below a root that may call, or that define, a function of some name, or import a module of it.

        Of what `mentions` a name, files that are no modules as well. `None` when there are too many to look through.
        """
        key = (root, what, name)
        if key not in self._through:
            self._through[key] = self._looked_through(root, what, name)
        return self._through[key]

    def _looked_through(self, root: str, what: str, name: str) -> list[str] | None:
        names = self.places.files(root)
        beside = self.places.beside(root) if what == "mentions" else ()
        if names is None or beside is None:
            return None
        paths = (os.path.join(root, name) for name in (*names, *beside))
        word = name.encode()
        pattern = re.compile(_PATTERNS[what].replace(b"%b", re.escape(word)))
        return [
            path
            for path in paths
            if (data := self.data(path))
            and word in data
            and pattern.search(data)
            and not (MAYBE_TESTS.search(path) and _OF_TESTS.search(data))
        ]

    def taken_from(self, root: str) -> frozenset[str] | None:
        """What the modules below a root take things from by names that they make up, by its last name; modules: `?`.

        `None` where others may import from the project: then anything may be used.
        """
        if root not in self._taken_from:
            names = self.places.files(root) if self.places.closed(root) else None
            data = None if names is None else (self.data(os.path.join(root, name)) or b"" for name in names)
            self._taken_from[root] = (
                None if data is None else frozenset(each for text in data for each in _made_up(text))
            )
        return self._taken_from[root]

    def key(self, path: str) -> tuple[str, int] | None:
        """What the content of a file is told by, and how long it is."""
        if path not in self._keys:
            data = self.data(path)
            self._keys[path] = None if data is None else (f"s{blake2b(data, digest_size=16).hexdigest()}", len(data))
        return self._keys[path]

    def written(self, path: str) -> str | None:
        """The summary of a file as a line of text, an empty one where it has none."""
        key = self.key(path)
        if key is None:
            return None
        if key[0] not in self._written:
            line = self._shelf.summary(key[0]) if self._shelf is not None else None
            if line is None:
                from .summaries.make import summarise

                made = summarise(self.data(path) or b"")
                line = made.written() if made is not None else ""
                self.learned[key[0]] = line
            self._written[key[0]] = line
        return self._written[key[0]]

    def summary(self, path: str) -> Summary | None:
        """The summary of a file, if it has one."""
        key, line = self.key(path), self.written(path)
        if key is None or not line:
            return None
        if key[0] not in self._read:
            try:
                self._read[key[0]] = read(line)
            except ValueError:
                self._read[key[0]] = None
        return self._read[key[0]]

    def answer(self, question: str, path: str) -> str:
        """The answer to a question that a view of the file at a path has noted."""
        what, _, rest = question.partition(" ")
        folder = os.path.dirname(path)
        match what:
            case "summary":
                line = self.written(os.path.normpath(os.path.join(folder, rest)))
                return _ABSENT if line is None else digest_of(line)
            case "module":
                name, _, start = rest.partition(" ")
                found = self.places.module(name, os.path.normpath(os.path.join(folder, start)))
                return _ABSENT if found is None else relative(found, folder)
            case "package":
                name, _, start = rest.partition(" ")
                found = self.places.package(name, os.path.normpath(os.path.join(folder, start)))
                return _ABSENT if found is None else relative(found, folder)
            case "taken-from":
                taken = self.taken_from(self.places.root(folder))
                return _ABSENT if taken is None else " ".join(sorted(taken))
            case "callers" | "definers" | "importers" | "mentions":
                paths = self.through(self.places.root(folder), what, rest)
                told = [relative(each, folder) for each in paths] if paths is not None else [_ABSENT]
                return digest_of("\n".join(told))
            case "versions":
                from .summaries.versions import manifests

                return digest_of("\n".join(map(str, manifests(self.places.root(folder), folder))))
        return _ABSENT


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

    def _note(self, question: str) -> str:
        if question not in self._asked:
            self._asked[question] = self._project.answer(question, self.path)
        return self._asked[question]

    def module(self, name: str, path: str) -> str | None:
        """The file that a module's name means in the file at a path."""
        answer = self._note(f"module {name} {relative(path, self._folder)}")
        return None if answer == _ABSENT else os.path.normpath(os.path.join(self._folder, answer))

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
        return None if answer == _ABSENT else frozenset(answer.split())

    def mentioning(self, name: str) -> list[str] | None:
        """The files of the project, tests left out, that hold a name other than to define it."""
        return self._through("mentions", name)

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
        home = self.module(name, path)
        if home is not None:
            return Found(home, "module")
        return None

    def _is_own(self, name: str, path: str) -> bool:
        """Whether absolute imports of this first name may lead into the project."""
        return self._note(f"package {name} {relative(path, self._folder)}") != _ABSENT

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


def _made_up(text: bytes) -> Iterator[str]:
    for given, owner, imports in _BY_NAME.findall(text):
        name = (given or owner).rpartition(b".")[2].decode("ascii", "replace")
        # `getattr(import_module(name), it)` takes from a module that nobody names.
        yield from ("?", "module") if name in ("import_module", "__import__") else ("?",) if imports else (name,)


def _in_class(path: str, cls: Class, rest: list[str]) -> Found | None:
    if not rest:
        return Found(path, "class", cls.name, cls)
    if len(rest) > 1:
        return None
    if rest[0] in cls.methods:
        return Found(path, "function", f"{cls.name}.{rest[0]}", cls, cls.methods[rest[0]])
    return Found(path, "class", cls.name, cls, rest=rest[0])


Ask = Callable[[str], str]
