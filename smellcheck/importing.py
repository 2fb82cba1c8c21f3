"""Which modules of a project surely cannot be imported, since they or what they import ask for what no module holds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .summaries.imported import imported

if TYPE_CHECKING:
    from .project import Project

#: So many modules are looked at for one.
_MOST = 100


class Importing:
    """What the modules of a project import, each read once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._imports: dict[str, list[list[str]]] = {}
        self._vain: dict[str, bool] = {}
        self._failing: dict[str, bool] = {}

    def fails(self, path: str) -> bool:
        """Whether the import of a module surely raises."""
        if path not in self._failing:
            self._failing[path] = any(map(self._asks_in_vain, self._loaded_with(path)))
        return self._failing[path]

    def _loaded_with(self, path: str) -> Iterator[str]:
        """A module and all that is surely imported with it, whoever comes first."""
        seen, todo = {path}, [path]
        while todo and len(seen) <= _MOST:
            current = todo.pop(0)
            yield current
            for home in self._homes(current):
                if home not in seen:
                    seen.add(home)
                    todo.append(home)

    def _homes(self, path: str) -> Iterator[str]:
        """The modules of the project that surely run when a module is imported: those that it imports, and packages."""
        for module, *names in self._read(path):
            home = self._home(module, path)
            if home is None:
                continue
            yield from self._packages(module, path)
            yield home
            if os.path.basename(home) != "__init__.py":
                continue
            for name in names:
                # What the package itself speaks of may be something else than the module of that name.
                part = self._home(f"{module}.{name}" if module.strip(".") else module + name, path)
                if part is not None and part != home and name.encode() not in (self._project.data(home) or b""):
                    yield part

    def _packages(self, module: str, path: str) -> Iterator[str]:
        """The packages that a module lies in, as far as its name says them."""
        bare = module.lstrip(".")
        dots = module[: len(module) - len(bare)]
        parts = bare.split(".")
        for end in range(1, len(parts)):
            home = self._home(dots + ".".join(parts[:end]), path)
            if home is not None and os.path.basename(home) == "__init__.py":
                yield home

    def _asks_in_vain(self, path: str) -> bool:
        """Whether a module takes a name of another of the project that does not so much as say it."""
        if path not in self._vain:
            self._vain[path] = any(
                home is not None and any(name != "*" and not self._project.offers(home, name) for name in names)
                for module, *names in self._read(path)
                if module.strip(".") and (home := self._home(module, path))
            )
        return self._vain[path]

    def _home(self, module: str, path: str) -> str | None:
        return self._project.places.only_module(module, path)

    def _read(self, path: str) -> list[list[str]]:
        if path not in self._imports:
            key = self._project.key(path)

            def find_out() -> str:
                return json.dumps(imported(self._project.data(path) or b""))

            told = self._project.remembered("imported", path, key[0], find_out) if key is not None else "[]"
            self._imports[path] = json.loads(told)
        return self._imports[path]
