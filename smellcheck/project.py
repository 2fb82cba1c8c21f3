"""The same questions across files: what the other modules of a project say, read on demand and never run.

A `Project` is what one run knows of the disk; a view of it answers for one file and notes what it was asked, so that
the findings of that file are known to hold as long as the answers do.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .importing import Importing
from .packed import Packed
from .summaries.model import Summary, digest_of, read
from .summaries.places import MAYBE_TESTS, Places, relative

if TYPE_CHECKING:
    from .view import View

#: How much text is kept in memory, in case that more is asked of it.
_HELD = 32_000_000
#: How many summaries are held as more than a line of text.
_AT_HAND = 1000
#: How many summaries a process that serves for hours keeps.
_KEPT = 4000
#: The answer where there is nothing.
ABSENT = "-"
#: What a module that tests code holds.
_OF_TESTS = re.compile(rb"^[ \t]*(?:import|from) (?:pytest|unittest)\b|^(?:async )?def test_\w*\(", re.M)
#: What things are taken from by names that are put together while it runs, and what imports modules by such names.
_BY_NAME = re.compile(
    rb"\b(?:getattr|vars|dir|getmembers)\(\s*([\w.]+)(?![\w.]|\s*,\s*[\"'])|([\w.]+)\.__dict__\b|(import_module|__import__)\("
)
#: What may give a module names that its text does not show.
_OPEN = re.compile(rb"import \*|__getattr__|globals\(|exec\(|sys\.modules")
#: How a file holds a name. Each begins with plain letters, and looks back from there: the search leaps to where they
#: stand, where with a condition in front it would stop at every byte.
_PATTERNS = {
    "mentions": rb"%b(?<!\w%b)(?<!def %b)(?<!class %b)\b",
    "callers": rb"%b(?<!\w%b)(?<!def %b)\s*\(",
    "definers": rb"def(?<!\wdef)\s+%b\b",
    # An option, a setting or an argument that is nought, or is unless somebody says otherwise.
    "noughts": (rb"%b\b(?:(?<!\w%b)[\"']?\s*[:=]\s*0\b(?!\.)|(?<=--%b)[^()]*?\bdefault\s*=\s*0\b(?!\.))"),
    "importers": rb"from(?<!\wfrom)\s+(?:[\w.]*\.)?%b\s+import\b|import(?<!\wimport)\b[^\n]*\b%b\b",
}


class Shelf(Protocol):
    """Where summaries, and what took long to find out, are kept between runs."""

    def line(self, key: str) -> str | None:
        """What was kept under a key."""
        ...


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
        #: The files below a root, without or with those beside the modules, and what their content is told by.
        self._states: dict[tuple[str, bool], tuple[list[str], str] | None] = {}
        self._taken_from: dict[str, frozenset[str] | None] = {}
        self._keys: dict[str, tuple[str, int] | None] = {}
        #: Summaries as lines of text, and what these are told by.
        self._written: dict[str, Packed] = {}
        self._digests: dict[str, str] = {}
        self._read: dict[str, Summary | None] = {}
        self._importing = Importing(self)
        #: What was found out and is not on the shelf.
        self.learned: dict[str, str] = {}

    def view(self, path: Path | str) -> View:
        """The project as the file at a path sees it."""
        from .view import View

        return View(self, os.path.abspath(path))

    def renew(self, texts: Mapping[str, bytes]) -> None:
        """Look at the disk anew, and at these texts in the place of what is there."""
        self.places.forget()
        if len(self._written) > _KEPT:
            self._written.clear()
            self._digests.clear()
            self._read.clear()
        self._texts = dict(texts)
        self._data.clear()
        self._held = 0
        self._through.clear()
        self._states.clear()
        self._importing = Importing(self)
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
            while self._held > _HELD and self._data:
                # The oldest first: what one file asks for, its neighbours ask for as well.
                self._held -= len(self._data.pop(next(iter(self._data))) or b"")
            self._data[path] = data
        return self._data[path]

    def through(self, root: str, what: str, name: str) -> list[str] | None:
        """The modules below a root that may call, or that define, a function of some name, or import a module of it.

        Of what `mentions` a name or sets it to nought, files that are no modules as well. `None` when there are too
        many to look through.
        """
        key = (root, what, name)
        if key not in self._through:
            self._through[key] = self._looked_through(root, what, name)
        return self._through[key]

    def _looked_through(self, root: str, what: str, name: str) -> list[str] | None:
        state = self._state(root, beside=what in ("mentions", "noughts"))
        if state is None:
            return None
        paths, content = state
        found = self.remembered(f"{what} {name}", root, content, lambda: json.dumps(self._holding(paths, what, name)))
        return [paths[at] for at in json.loads(found)]

    def _holding(self, paths: list[str], what: str, name: str) -> list[int]:
        """Which of some files hold a name so."""
        word = name.encode("utf-8", "surrogateescape")  # of a file's own name, which may be no text
        pattern = re.compile(_PATTERNS[what].replace(b"%b", re.escape(word)))
        return [
            at
            for at, path in enumerate(paths)
            if (data := self.data(path))
            and word in data
            and (_in_code(pattern, data) if what == "mentions" else pattern.search(data))
            and not (MAYBE_TESTS.search(path) and _OF_TESTS.search(data))
        ]

    def _state(self, root: str, *, beside: bool) -> tuple[list[str], str] | None:
        """The files below a root and what all of them together are told by; `None` when they are too many."""
        if (root, beside) not in self._states:
            names, others = self.places.files(root), self.places.beside(root) if beside else ()
            self._states[root, beside] = None
            if names is not None and others is not None:
                paths = [os.path.join(root, name) for name in (*names, *others)]
                told = (f"{name} {self.key(path)}" for name, path in zip((*names, *others), paths, strict=True))
                self._states[root, beside] = paths, digest_of("\n".join(told))
        return self._states[root, beside]

    def remembered(self, question: str, place: str, content: str, find_out: Callable[[], str]) -> str:
        """The answer to a question about a place, found out anew only when its content is another.

        Only the last answer is kept: each save of a file makes another project of it.
        """
        key = f"s{blake2b(f'{question} {place}'.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"
        told, _, answer = ((self._shelf and self._shelf.line(key)) or "").partition(" ")
        if told != content:
            answer = find_out()
            self.learned[key] = f"{content} {answer}"
        return answer

    def taken_from(self, root: str) -> frozenset[str] | None:
        """What the modules below a root take things from by names that they make up, by its last name; modules: `?`.

        `None` where others may import from the project: then anything may be used.
        """
        if root not in self._taken_from:
            state = self._state(root, beside=False) if self.places.closed(root) else None
            self._taken_from[root] = None if state is None else self._taken(root, *state)
        return self._taken_from[root]

    def _taken(self, root: str, paths: list[str], content: str) -> frozenset[str]:
        def find_out() -> str:
            return " ".join(sorted({each for path in paths for each in _made_up(self.data(path) or b"")}))

        return frozenset(self.remembered("taken-from", root, content, find_out).split())

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
            line = self._shelf.line(key[0]) if self._shelf is not None else None
            if line is None:
                from .summaries.make import summarise

                made = summarise(self.data(path) or b"")
                line = made.written() if made is not None else ""
                self.learned[key[0]] = line
            self._written[key[0]] = Packed.of(line)
            self._digests[key[0]] = digest_of(line)
            return line
        return self._written[key[0]].read()

    def _digest(self, path: str) -> str:
        """What the summary of a file is told by."""
        key = self.key(path)
        if key is None:
            return ABSENT
        if key[0] not in self._digests:
            self.written(path)
        return self._digests[key[0]]

    def summary(self, path: str) -> Summary | None:
        """The summary of a file, if it has one."""
        key = self.key(path)
        if key is None:
            return None
        if key[0] not in self._read:
            line = self.written(path)
            if not line:
                return None
            if len(self._read) >= _AT_HAND:
                del self._read[next(iter(self._read))]
            try:
                self._read[key[0]] = read(line)
            except ValueError:
                self._read[key[0]] = None
        return self._read[key[0]]

    def _lacks(self, path: str, call: str) -> bool:
        """Whether a call surely raises: how many positions it gives, which keywords, and whom it calls."""
        key = self.key(path)
        if key is None:
            return False
        return self.remembered(f"lacks {call}", path, key[0], lambda: self._read_off(path, call)) == str(True)

    def _read_off(self, path: str, call: str) -> str:
        from .summaries.signature import signature

        positions, keywords, name = call.split(" ", 2)
        found = signature(self.data(path) or b"", name)
        given = frozenset() if keywords == ABSENT else frozenset(keywords.split(","))
        return str(found is not None and found.lacks(int(positions), given))

    def offers(self, path: str, name: str) -> bool:
        """Whether a module may hold a name, or its folder a module of that name."""
        data = self.data(path)
        if data is None or _OPEN.search(data) or re.search(rb"\b%b\b" % re.escape(name.encode()), data):
            return True
        folder, base = os.path.split(path)
        return base.startswith("__init__.") and any(one.partition(".")[0] == name for one in os.listdir(folder))

    def answer(self, question: str, path: str) -> str:
        """The answer to a question that a view of the file at a path has noted."""
        what, _, rest = question.partition(" ")
        folder = os.path.dirname(path)
        match what:
            case "summary":
                return self._digest(os.path.normpath(os.path.join(folder, rest)))
            case "text":
                key = self.key(os.path.normpath(os.path.join(folder, rest)))
                return ABSENT if key is None or not rest.endswith(".py") else key[0]
            case "module" | "only-module":
                name, _, start = rest.partition(" ")
                find = self.places.module if what == "module" else self.places.only_module
                found = find(name, os.path.normpath(os.path.join(folder, start)))
                return ABSENT if found is None else relative(found, folder)
            case "package":
                name, _, start = rest.partition(" ")
                found = self.places.package(name, os.path.normpath(os.path.join(folder, start)))
                return ABSENT if found is None else relative(found, folder)
            case "named":
                return str(self.places.is_named(self.places.root(folder), rest))
            case "lacks":
                positions, keywords, name, home = rest.split(" ", 3)
                call = f"{positions} {keywords} {name}"
                return str(self._lacks(os.path.normpath(os.path.join(folder, home)), call))
            case "unimportable":
                return str(self._importing.fails(os.path.normpath(os.path.join(folder, rest))))
            case "offers":
                name, _, home = rest.partition(" ")
                return str(self.offers(os.path.normpath(os.path.join(folder, home)), name))
            case "small":
                return str(self.places.small(self.places.root(folder)))
            case "brought":
                return str(self.places.brought(self.places.root(folder), folder))
            case "bundled":
                return self.places.packed_within(self.places.root(folder), folder) or ABSENT
            case "taken-from":
                taken = self.taken_from(self.places.root(folder))
                return ABSENT if taken is None else " ".join(sorted(taken))
            case "callers" | "definers" | "importers" | "mentions" | "noughts":
                paths = self.through(self.places.root(folder), what, rest)
                told = [relative(each, folder) for each in paths] if paths is not None else [ABSENT]
                return digest_of("\n".join(told))
            case "versions":
                from .summaries.versions import manifests

                return digest_of("\n".join(map(str, manifests(self.places.root(folder), folder))))
        return ABSENT


def _in_code(pattern: re.Pattern[bytes], data: bytes) -> bool:
    """Whether a pattern occurs anywhere but in a comment."""
    return any(b"#" not in data[data.rfind(b"\n", 0, at.start()) + 1 : at.start()] for at in pattern.finditer(data))


def _made_up(text: bytes) -> Iterator[str]:
    for given, owner, imports in _BY_NAME.findall(text):
        name = (given or owner).rpartition(b".")[2].decode("ascii", "replace")
        # `getattr(import_module(name), it)` takes from a module that nobody names.
        yield from ("?", "module") if name in ("import_module", "__import__") else ("?",) if imports else (name,)
