"""Which versions of a package the manifests of a project admit: lock files first, then what is declared."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

#: A manifest: where it stands, whether it pins what was installed, and what it requires, line by line.
Manifest = tuple[str, bool, tuple[str, ...]]
Version = tuple[int, ...]

_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
_DECLARED = ("pyproject.toml", "setup.cfg", "setup.py", "environment.yml", "environment.yaml", "Pipfile")
_REQUIREMENTS = re.compile(r"^requirements[\w.-]*\.(txt|in)$")
_LOCKED = re.compile(r'^name = "([^"]+)"\s*\nversion = "([^"]+)"', re.M)
_CONDA = re.compile(r"^\s*-\s*(?:[\w.-]+::)?([A-Za-z0-9_.-]+)\s*([=<>!~][^#\n]*)?$", re.M)
_TRANSPARENT = re.compile(r"[-_.]+")
_LIMIT = 5_000_000


def manifests(root: str, folder: str) -> tuple[Manifest, ...]:
    """What the manifests between a folder and the root of its project require, the nearest first."""
    found: list[Manifest] = []
    step = folder
    while True:
        found += _in(step)
        if step == root or os.path.dirname(step) == step or not step.startswith(root):
            return tuple(found)
        step = os.path.dirname(step)


def bounds(package: str, given: Sequence[Manifest]) -> tuple[Version, Version | None] | None:
    """The lowest version admitted, and the first that is not; `None` when no manifest names the package."""
    wanted = _normal(package)
    for pinned in (True, False):
        for _, pins, lines in given:
            if pins is not pinned:
                continue
            found = [each for line in lines if (each := _required(line, wanted)) is not None]
            if found:
                highest = [high for _, high in found if high is not None]
                return max(low for low, _ in found), min(highest) if highest else None
    return None


def _in(folder: str) -> list[Manifest]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    found = []
    for name in names:
        if name in _LOCKS or name in _DECLARED or _REQUIREMENTS.match(name):
            path = os.path.join(folder, name)
            try:
                status = os.stat(path)
                if status.st_size <= _LIMIT:
                    lines = _lines(path, status.st_mtime_ns, status.st_size)
                    found.append((name, name in _LOCKS, lines))
            except OSError:
                continue
    return found


@lru_cache(256)
def _lines(path: str, _changed: int, _size: int) -> tuple[str, ...]:
    """What a manifest requires; nothing when it cannot be read."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    try:
        return tuple(_read(os.path.basename(path), text))
    except (ValueError, SyntaxError, RecursionError, TypeError, AttributeError):
        return ()


def _read(name: str, text: str) -> Iterator[str]:
    match name:
        case "Pipfile.lock":
            import json

            for section in ("default", "develop"):
                for package, entry in json.loads(text).get(section, {}).items():
                    yield f"{package}{entry.get('version', '')}"
        case "uv.lock" | "poetry.lock" | "pdm.lock":
            yield from (f"{package}=={version}" for package, version in _LOCKED.findall(text))
        case "pyproject.toml" | "Pipfile":
            yield from _of_toml(text)
        case "setup.cfg":
            yield from _of_cfg(text)
        case "setup.py":
            yield from _of_setup(text)
        case "environment.yml" | "environment.yaml":
            for package, spec in _CONDA.findall(text):
                # Conda's single equals sign is a prefix.
                yield package + re.sub(r"^=(?!=)([\d.]+).*", r"==\1.*", spec.strip())
        case _:
            yield from (line.partition("#")[0].strip() for line in text.splitlines())


def _of_toml(text: str) -> Iterator[str]:
    toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    table = toml.loads(text)
    project = table.get("project", {})
    yield from project.get("dependencies", ())
    for extra in (*project.get("optional-dependencies", {}).values(), *table.get("dependency-groups", {}).values()):
        yield from (line for line in extra if isinstance(line, str))
    poetry = table.get("tool", {}).get("poetry", {})
    groups = [group.get("dependencies", {}) for group in poetry.get("group", {}).values()]
    for named in (poetry.get("dependencies", {}), *groups, table.get("packages", {}), table.get("dev-packages", {})):
        for package, given in named.items():
            spec = given.get("version", "") if isinstance(given, dict) else given
            yield f"{package}{_caret(spec)}"


def _caret(spec: object) -> str:
    """Poetry's `^1.2` and `~1.2`, and a bare version, as everybody else writes them."""
    if not isinstance(spec, str) or spec in ("", "*"):
        return ""
    match = re.match(r"^([\^~])\s*(\d+)(?:\.(\d+))?(.*)$", spec)
    if match is None or spec.startswith("~="):
        return f"=={spec}" if spec[0].isdigit() else spec
    mark, major, minor, rest = match.groups()
    low = f"{major}.{minor or 0}{rest}"
    if mark == "^" and int(major):
        return f">={low},<{int(major) + 1}"
    return f">={low},<{major}.{int(minor or 0) + 1}"


def _of_cfg(text: str) -> Iterator[str]:
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    yield from parser.get("options", "install_requires", fallback="").splitlines()
    if parser.has_section("options.extras_require"):
        for _, lines in parser.items("options.extras_require"):
            yield from lines.splitlines()


def _of_setup(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.keyword) and node.arg in ("install_requires", "extras_require"):
            for below in ast.walk(node.value):
                if isinstance(below, ast.Constant) and isinstance(below.value, str):
                    yield below.value


def _normal(package: str) -> str:
    return _TRANSPARENT.sub("-", package).lower()


def _required(line: str, wanted: str) -> tuple[Version, Version | None] | None:
    """The bounds that one requirement sets, if it is one of the package."""
    from packaging.requirements import InvalidRequirement, Requirement

    if _normal(re.split(r"[^\w.-]", line.strip(), maxsplit=1)[0]) != wanted:
        return None
    try:
        requirement = Requirement(line.strip())
    except InvalidRequirement:
        return None
    low: Version = ()
    high: Version | None = None
    for each in requirement.specifier:
        version = _numbers(each.version)
        match each.operator:
            case ">=" | ">":
                low = max(low, version)
            case "~=":
                low, ends = max(low, version), _next(version[:-1])
                high = ends if high is None else min(high, ends)
            case "==" | "===":
                ends = _next(version)
                low, high = max(low, version), ends if high is None else min(high, ends)
            case "<":
                high = version if high is None else min(high, version)
            case "<=":
                high = _next(version) if high is None else min(high, _next(version))
    return low, high


def _numbers(version: str) -> Version:
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _next(version: Version) -> Version:
    return (*version[:-1], version[-1] + 1) if version else ()
