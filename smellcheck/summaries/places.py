"""Where the modules of a project lie: its root, its files, and the file that an import names; nothing is imported."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable

#: What marks the root of a project, the surest first; of the files of a group any.
_MARKS = (
    (".git", ".hg"),
    ("pyproject.toml", "setup.py", "setup.cfg", "smellcheck.toml", ".smellcheck.toml"),
    ("requirements.txt", "environment.yml", "environment.yaml", "Pipfile"),
)
#: Folders of a root that packages may lie in.
_SOURCES = ("src", "lib", "python")
_PASSED = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist"})
_HIGHEST, _MOST = 24, 4000
#: What names things of a project beside its modules: notebooks, settings, scripts, its documentation.
_BESIDE = (".ipynb", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".sh", ".bat", ".md", ".rst")
#: What packs a project for others to import from it; of a file with more purposes, the section that says so.
_PACKED = (
    ("setup.py", ""),
    ("setup.cfg", "[metadata]"),
    ("pyproject.toml", "[project]"),
    ("pyproject.toml", "[tool.poetry]"),
)
#: What lies at a root to pack, test or load what its folders hold.
_PACKING = frozenset({"setup.py", "conftest.py", "__init__.py", "hubconf.py"})
_LICENCE = re.compile(r"licen[sc]e|copying", re.I)
#: How a manifest names what it packs.
_DISTRIBUTION = re.compile(r"""^\s*name\s*=\s*["']?([\w.-]+)""", re.M)
#: With fewer modules than this, a project may be the beginning of one.
_FEW = 8
#: Where a project says how it is run.
_READ = ("README.md", "README.rst", "README.txt", "README", "Readme.md", "readme.md")
#: Tests run code in any mode, and say nothing of how it is used.
TESTS = re.compile(r"(^|/)(tests?|testing|unittests?|benchmarks?)/|(^|/)conftest\.py$")
#: What these hold decides whether they test code, or evaluate a model.
MAYBE_TESTS = re.compile(r"(^|/)(test_[^/]*|[^/]*_test)\.py$")


class Places:
    """Paths of one run. What the disk says is kept: a run sees one state of it."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}
        self._roots: dict[str, str] = {}
        self._packages: dict[tuple[str, str], str | None] = {}
        self._known_bases: dict[str, list[str]] = {}
        self._files: dict[str, tuple[str, ...] | None] = {}
        self._beside: dict[str, tuple[str, ...] | None] = {}
        self._small: dict[str, bool] = {}
        self._held: dict[str, tuple[str, ...]] = {}

    def forget(self) -> None:
        """Look anew from now on."""
        self.__init__()  # type: ignore[misc]

    def kind(self, path: str) -> str:
        """`file`, `folder`, or nothing."""
        found = self._kinds.get(path)
        if found is None:
            found = self._kinds[path] = "file" if os.path.isfile(path) else "folder" if os.path.isdir(path) else ""
        return found

    def root(self, folder: str) -> str:
        """The root of the project that a folder belongs to: marked as such, or else where its Python files begin."""
        if folder not in self._roots:
            self._roots[folder] = self._root(folder)
        return self._roots[folder]

    def _root(self, folder: str) -> str:
        above = [folder]
        home = os.path.expanduser("~")
        while len(above) < _HIGHEST and os.path.dirname(above[-1]) not in (above[-1], home):
            above.append(os.path.dirname(above[-1]))
        for marks in _MARKS:
            for step in above:
                if any(self.kind(os.path.join(step, mark)) for mark in marks):
                    return step
        step = folder
        while self.kind(os.path.join(step, "__init__.py")) and os.path.dirname(step) != step:
            step = os.path.dirname(step)
        return step

    def files(self, root: str) -> tuple[str, ...] | None:
        """The modules below a root, folders of tests left out, as paths from it; `None` when there are too many."""
        if root not in self._files:
            self._files[root] = self._listed(root)
        return self._files[root]

    def beside(self, root: str) -> tuple[str, ...] | None:
        """What below a root may name things of its modules without being one, likewise."""
        if root not in self._beside:
            self._beside[root] = self._listed(root, _BESIDE)
        return self._beside[root]

    def is_named(self, root: str, name: str) -> bool:
        """Whether the project at a root goes by a name: its folder, or what packs it says so."""
        if name in os.path.basename(root).lower():
            return True
        own = re.compile(rf"""\bname\s*=\s*["']?{re.escape(name)}\b""", re.I)
        for manifest in _MARKS[1][:3]:
            path = os.path.join(root, manifest)
            if self.kind(path):
                try:
                    with open(path, encoding="utf-8", errors="replace") as file:
                        if own.search(file.read()):
                            return True
                except OSError:
                    return True
        return False

    def small(self, root: str) -> bool:
        """Whether a project has so few modules that it may be the beginning of one, and does not say how it is run."""
        if root not in self._small:
            names = self.files(root)
            few = names is not None and len(names) < _FEW
            self._small[root] = few and not any(_tells(os.path.join(root, name), names or ()) for name in _READ)
        return self._small[root]

    def packed_within(self, root: str, folder: str) -> str | None:
        """The name of the distribution that is packed in a folder or above it, below the root; `None` for none."""
        while folder != root and os.path.dirname(folder) != folder:
            for manifest in _MARKS[1][:3]:
                path = os.path.join(folder, manifest)
                if self.kind(path):
                    try:
                        with open(path, encoding="utf-8", errors="replace") as file:
                            found = _DISTRIBUTION.search(file.read())
                    except OSError:
                        continue
                    if found is not None:
                        return found[1].lower()
            folder = os.path.dirname(folder)
        return None

    def brought(self, root: str, folder: str) -> bool:
        """Whether a folder came with a licence of its own into a project whose root holds modules: other people's work.

        Where all the modules of a root lie in its folders, each of them may be a work of the same people.
        """
        above, beside = folder, self._names(root)
        if folder == root or not any(name.endswith(".py") and name not in _PACKING for name in beside):
            return False
        while above != root and os.path.dirname(above) != above:
            if any(_LICENCE.match(name) for name in self._names(above)):
                return True
            above = os.path.dirname(above)
        return False

    def _names(self, folder: str) -> tuple[str, ...]:
        """What lies in a folder."""
        if folder not in self._held:
            try:
                self._held[folder] = tuple(os.listdir(folder))
            except OSError:
                self._held[folder] = ()
        return self._held[folder]

    def closed(self, root: str) -> bool:
        """Whether a root is that of a repository that nobody imports from, so that what its files name is all."""
        if not any(self.kind(os.path.join(root, mark)) for mark in _MARKS[0]):
            return False
        if self.files(root) is None or self.small(root):
            return False
        for name, section in _PACKED:
            path = os.path.join(root, name)
            if self.kind(path):
                try:
                    with open(path, encoding="utf-8", errors="replace") as file:
                        if section in file.read():
                            return False
                except OSError:
                    return False
        return True

    def _listed(self, root: str, endings: tuple[str, ...] = (".py",)) -> tuple[str, ...] | None:
        found: list[str] = []
        for above, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if name not in _PASSED and not name.startswith("."))
            here = os.path.relpath(above, root).replace(os.sep, "/")
            inside = "" if here == "." else f"{here}/"
            found += (f"{inside}{name}" for name in sorted(names) if name.endswith(endings))
            if len(found) > _MOST:
                return None
        return tuple(path for path in found if not TESTS.search(path))

    def module(self, name: str, path: str) -> str | None:
        """The file of the module called `name` in an import of the file at `path`; relative names have their dots.

        A package's is its `__init__.py`; a folder without one gives nothing but the modules in it.
        """
        bare = name.lstrip(".")
        dots = len(name) - len(bare)
        folder = os.path.dirname(path)
        if dots:
            for _ in range(dots - 1):
                folder = os.path.dirname(folder)
            return self._below(folder, bare.split(".") if bare else [])
        parts = bare.split(".")
        if self.package(parts[0], path) is None:
            return None
        return next((found for base in self._bases(folder) if (found := self._below(base, parts))), None)

    def only_module(self, name: str, path: str) -> str | None:
        """The file of a module where no other of the project can be meant, nor a package that a folder is named like.

        What a folder inside of a package holds is found by scripts that are started there, and by nobody else.
        """
        if name.startswith("."):
            return self.module(name, path)
        found = self.module(name, path)
        bases = self._bases(os.path.dirname(path))
        first = name.partition(".")[0]
        holding = [base for base in bases if self.kind(os.path.join(base, first)) or self.kind(f"{base}/{first}.py")]
        alone = len(holding) == 1 and not self.kind(os.path.join(holding[0], "__init__.py"))
        return found if alone else None

    def package(self, name: str, path: str) -> str | None:
        """The first folder or module that an absolute import of this first name may mean, none for other packages."""
        folder = os.path.dirname(path)
        key = (name, folder)
        if key not in self._packages:
            self._packages[key] = None if name in sys.stdlib_module_names else self._package(name, folder)
        return self._packages[key]

    def _package(self, name: str, folder: str) -> str | None:
        for base in self._bases(folder):
            path = os.path.join(base, name)
            if self.kind(path) == "folder":
                return path
            if self.kind(f"{path}.py"):
                return f"{path}.py"
        return None

    def _bases(self, folder: str) -> list[str]:
        """The folders that absolute imports are looked up in, in the order of Python's path as far as one can tell."""
        if folder in self._known_bases:
            return self._known_bases[folder]
        root, steps = self.root(folder), [folder]
        while steps[-1] != root and steps[-1].startswith(root) and os.path.dirname(steps[-1]) != steps[-1]:
            steps.append(os.path.dirname(steps[-1]))
        # A module of a package is imported from outside of it; a script's own folder comes first.
        outside = [step for step in steps if not self.kind(os.path.join(step, "__init__.py"))]
        inside = [step for step in steps if step not in outside]
        sources = [os.path.join(root, source) for source in _SOURCES]
        bases = [*outside, *(source for source in sources if self.kind(source) and source not in steps), *inside]
        self._known_bases[folder] = bases
        return bases

    def _below(self, folder: str, parts: list[str]) -> str | None:
        for part in parts[:-1]:
            folder = os.path.join(folder, part)
            if self.kind(folder) != "folder":
                return None
        base = os.path.join(folder, parts[-1]) if parts else folder
        for path in (os.path.join(base, "__init__.py"), f"{base}.py"):
            if self.kind(path) == "file":
                return path
        return None


def relative(path: str, folder: str) -> str:
    """A path as it is told: from a folder, with slashes."""
    return os.path.relpath(path, folder).replace(os.sep, "/")


Resolve = Callable[[str, str], str | None]


def _tells(path: str, modules: tuple[str, ...]) -> bool:
    """Whether a text says how one of some modules is run."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return False
    return any(re.search(rf"\bpython3? [^\n]*\b{re.escape(os.path.basename(each))}\b", text) for each in modules)
