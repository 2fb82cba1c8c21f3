"""Whether other modules of a project call a function while they hold `no_grad`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..summaries.model import Function
    from ..view import View

#: How far from a file those may be who call it under a mode.
_FAR = 2
#: The most modules that are asked whether they call something.
_CALLERS = 30


class Callers:
    """What one file can be told by the modules that call it."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._off: dict[tuple[str, str], bool] = {}

    def called_off(self, name: str, path: str | None = None, depth: int = 0) -> bool:
        """Whether another module of the project calls a function, `f` or `Class.m`, while it holds `no_grad`."""
        home = self._view.path if path is None else path
        key = (home, name)
        if key not in self._off:
            self._off[key] = False
            self._off[key] = self._called_off(name, home, depth)
        return self._off[key]

    def _called_off(self, name: str, home: str, depth: int) -> bool:
        owner, _, last = name.rpartition(".")
        if last.startswith("__"):
            return False
        calling = self._view.calling(last)
        if calling is None:
            return False
        others = [path for path in calling if path != home]
        if len(others) > _CALLERS:
            return False
        # A method of a name that nobody else uses is meant wherever it is called.
        only = bool(owner) and others != [] and self._view.defining(last) == [home]
        for path in others:
            summary = self._view.summary(path)
            if summary is None:
                continue
            if not only and not self._knows(path, home, owner, last):
                continue
            functions = [summary.body, *summary.functions.values()]
            functions += [method for cls in summary.classes.values() for method in cls.methods.values()]
            for function in functions:
                if self._holds_around(function, last, bool(owner), path, depth):
                    return True
        return False

    def _knows(self, path: str, home: str, owner: str, last: str) -> bool:
        """Whether a module imports the function itself, or what it is a method of."""
        summary = self._view.summary(path)
        if summary is None:
            return False
        if owner and self._is_base(path, home, owner):
            return True
        wanted = owner or last
        for full in (*summary.imports.values(), *(f"{star}.{wanted}" for star in summary.stars)):
            tail = full.rpartition(".")[2]
            if tail not in (wanted, _stem(home)) and not (owner and tail[:1].isupper()):
                continue
            found = self._view.find(full, path)
            if isinstance(found, str) or found is None:
                continue
            if found.path == home and (found.kind == "module" or found.name in (wanted, owner)):
                return True
            if found.kind == "class" and any(
                above.path == home and above.name == owner for above in self._view.lineage(found)[0]
            ):
                return True
        return False

    def _is_base(self, path: str, home: str, owner: str) -> bool:
        """Whether a module defines a class that one of another module derives from."""
        from ..view import Found

        found = self._view.member(home, [owner])
        return isinstance(found, Found) and any(
            above.path == path for above in self._view.lineage(found)[0] if above is not found
        )

    def _holds_around(self, function: Function, last: str, is_method: bool, path: str, depth: int) -> bool:
        """Whether a function calls something by its last name, and no graph is recorded then."""
        for mode, names in function.calls.items():
            if not any(_means(name, last, is_method) for name in names):
                continue
            if mode == "off" or (mode == "" and self._runs_off(function, path)):
                return True
            if mode == "" and function.name and depth + 1 < _FAR and self.called_off(function.name, path, depth + 1):
                return True
        return False

    def _runs_off(self, function: Function, path: str, depth: int = 0) -> bool:
        """Whether a function's decorators, or one that calls it in its own module, hold `no_grad`."""
        if function.whole or "!off" in function.decorators:
            return True
        if "!on" in function.decorators or depth > _FAR or not function.name:
            return False
        for decorator in function.decorators:
            if decorator[:1] not in ("!", "?"):
                from ..view import Found

                found = self._view.own(Found(path, "module"), decorator)
                if isinstance(found, Found) and found.function is not None and found.function.holds == "off":
                    return True
        summary = self._view.summary(path)
        if summary is None:
            return False
        owner, _, last = function.name.rpartition(".")
        others = [*summary.functions.values(), summary.body]
        others += [method for cls in summary.classes.values() for method in cls.methods.values()]
        return any(
            mode == "off" or (mode == "" and self._runs_off(other, path, depth + 1))
            for other in others
            if other.name != function.name
            for mode, names in other.calls.items()
            if (f"self.{last}" if owner else f"@{last}") in names
        )


def _means(name: str, last: str, is_method: bool) -> bool:
    return name.rpartition(".")[2].lstrip("@") == last and (not is_method or "." in name)


def _stem(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.basename(folder) if name == "__init__.py" else name.removesuffix(".py")
