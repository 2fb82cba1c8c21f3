"""Which files a run checks: directories walked, exclusions and .gitignore obeyed, nothing twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .config import ConfigError, Resolve, Settings
from .finding import Problem

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

#: Stubs are left out: they hold no code that runs.
SUFFIXES = (".py", ".pyw", ".ipynb")

Ignores = tuple[tuple[Path, "GitIgnoreSpec"], ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A file to check, the name it is reported under, and the settings that hold for it."""

    path: Path
    shown: str
    settings: Settings


@dataclass(frozen=True)
class Found:
    """The files of a run in the order of their names, and what could not be looked at."""

    targets: tuple[Target, ...]
    problems: tuple[Problem, ...]


def discover(paths: Sequence[str], cwd: Path, resolve: Resolve, exclude: tuple[str, ...] = ()) -> Found:
    """The files that the paths name; `exclude` holds the command line's own patterns, relative to `cwd`."""
    problems: dict[Problem, None] = {}
    walk = _Walk(cwd, resolve, exclude, lambda problem: problems.setdefault(problem))
    real_directory = cache(os.path.realpath)
    here = os.path.realpath(cwd)
    reached: list[tuple[bool, str, str, Target]] = []
    for given in paths:
        for target in walk.start(given):
            path = target.path
            real = str(Path(real_directory(path.parent), path.name))
            real = os.path.realpath(real) if os.path.islink(path) else real
            reached.append((show(Path(real), Path(here)) != target.shown, target.shown, real, target))
    once: dict[str, Target] = {}
    # A file that is also reached through a link is reported under its own name.
    for _, _, real, target in sorted(reached, key=lambda entry: entry[:3]):
        once.setdefault(real, target)
    return Found(tuple(sorted(once.values(), key=lambda target: target.shown)), tuple(problems))


def show(path: Path, cwd: Path) -> str:
    """A path as it is reported: relative to `cwd`, POSIX, encodable."""
    relative, here = str(path), os.path.join(cwd, "")
    if relative.startswith(here):
        relative = relative[len(here) :]
    else:
        with suppress(ValueError):  # another drive
            relative = os.path.relpath(path, cwd)
    return os.fsencode(relative).decode("utf-8", "backslashreplace").replace(os.sep, "/")


def is_excluded(path: Path, cwd: Path, settings: Settings, exclude: tuple[str, ...]) -> bool:
    """Is a path, or a directory on the way to it, excluded by the settings or the command line?"""
    for step in (path, *path.parents):
        if step in (cwd, settings.root) or not (step.is_relative_to(settings.root) or step.is_relative_to(cwd)):
            continue
        if _excluded(step, cwd, settings, exclude, is_dir=step != path or os.path.isdir(step)):
            return True
    return False


def left_out(path: Path, cwd: Path, settings: Settings, exclude: tuple[str, ...] = ()) -> bool:
    """Would a walk from `cwd` pass a file by?"""
    if is_excluded(path, cwd, settings, exclude):
        return True
    if not settings.respect_gitignore:
        return False
    top = cwd if path.is_relative_to(cwd) else path.parent
    ignores = _ignores_above(path)
    return any(
        _ignored(step, tuple(entry for entry in ignores if entry[0] in step.parents), is_dir=step != path)
        for step in (path, *path.parents)
        if top in step.parents
    )


def _excluded(path: Path, cwd: Path, settings: Settings, exclude: tuple[str, ...], *, is_dir: bool) -> bool:
    patterns = ((settings.root, settings.exclude), (settings.root, settings.extend_exclude), (cwd, exclude))
    return any(matches(path, root, names, is_dir=is_dir) for root, names in patterns if names)


@dataclass(frozen=True)
class _Walk:
    cwd: Path
    resolve: Resolve
    exclude: tuple[str, ...]
    tell: Callable[[Problem], object]

    def start(self, given: str) -> Iterator[Target]:
        path = Path(os.path.normpath(self.cwd / given))
        if not os.path.lexists(path):
            self.fail(path, "no such file or directory")
            return
        directory = path if os.path.isdir(path) else path.parent
        settings = self.settle(directory)
        if settings is None or (settings.force_exclude and is_excluded(path, self.cwd, settings, self.exclude)):
            return
        if not os.path.isdir(path):
            yield Target(path, show(path, self.cwd), settings)
            return
        if path.suffix in SUFFIXES and not given.endswith(("/", os.sep)):
            self.fail(path, "is a directory")
        pending = [(path, settings, _ignores_above(path) if settings.respect_gitignore else ())]
        while pending:
            directory, settings, ignores = pending.pop()
            if settings.respect_gitignore:
                ignores = (*ignores, *_ignores_in(directory))
            for entry, is_dir in self.entries(directory):
                path = directory / entry
                if _excluded(path, self.cwd, settings, self.exclude, is_dir=is_dir) or _ignored(
                    path, ignores, is_dir=is_dir
                ):
                    continue
                if not is_dir:
                    yield Target(path, show(path, self.cwd), settings)
                    continue
                if entry.endswith(SUFFIXES):
                    self.fail(path, "is a directory")
                inner = self.settle(path)
                if inner is not None:
                    pending.append((path, inner, ignores))

    def entries(self, directory: Path) -> Iterator[tuple[str, bool]]:
        """The names in a directory that may matter, and whether they are directories."""
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    is_dir = entry.is_dir(follow_symlinks=False)
                    if is_dir or (entry.name.endswith(SUFFIXES) and not os.path.isdir(entry.path)):
                        yield entry.name, is_dir
        except OSError as error:
            self.fail(directory, (error.strerror or str(error)).lower())

    def settle(self, directory: Path) -> Settings | None:
        try:
            return self.resolve(directory)
        except ConfigError as error:
            self.tell(Problem(show(error.path, self.cwd), "config-error", error.message, error.line))
            return None

    def fail(self, path: Path, message: str) -> None:
        self.tell(Problem(show(path, self.cwd), "io-error", message))


def matches(path: Path, root: Path, patterns: tuple[str, ...], *, is_dir: bool = False) -> bool:
    """Does a path match patterns that are written as in a .gitignore of `root`?"""
    names = _names(patterns)
    if names is not None:
        return path.name in names
    relative = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    return bool(_spec(patterns).match_file(relative + "/" * is_dir))


def covers(path: Path, root: Path, pattern: str) -> bool:
    """Does a pattern of `per-file-ignores` mean a file? One that begins with `!` means all others."""
    relative = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    wanted = not pattern.startswith("!")
    return bool(_spec((pattern.removeprefix("!"),)).match_file(relative)) == wanted


@cache
def _names(patterns: tuple[str, ...]) -> frozenset[str] | None:
    """The patterns as plain names, when they are no more than that."""
    return None if any(set(pattern) & set("*?[]!#/\\ ") for pattern in patterns) else frozenset(patterns)


@cache
def _spec(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(patterns)


def _ignores_above(directory: Path) -> Ignores:
    """What the ignore files say from the root of the repository down to the directory, itself left out."""
    above = list(directory.parents)
    roots = [at for at, parent in enumerate([directory, *above]) if os.path.exists(parent / ".git")]
    if not roots:
        return ()
    inside = above[: roots[0]]
    repository = ([directory, *above])[roots[0]]
    private = _read_ignores(repository, repository / ".git" / "info" / "exclude")
    return (*private, *(entry for parent in reversed(inside) for entry in _ignores_in(parent)))


def _ignores_in(directory: Path) -> Ignores:
    return _read_ignores(directory, directory / ".gitignore")


def _read_ignores(directory: Path, file: Path) -> Ignores:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ()
    # Git passes over what is no pattern; pathspec raises.
    return ((directory, _spec(tuple(line for line in lines if line.strip("! \t\r") and not line.endswith("\\")))),)


def _ignored(path: Path, ignores: Ignores, *, is_dir: bool) -> bool:
    for directory, spec in reversed(ignores):
        verdict = spec.check_file(path.relative_to(directory).as_posix() + "/" * is_dir).include
        if verdict is not None:
            return bool(verdict)
    return False
