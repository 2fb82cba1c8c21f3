"""The settings of a file: `[tool.smellcheck]` of the closest configuration, read strictly, as frozen data."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

Kind = Literal["strings", "boolean", "count", "choice", "text", "table"]
Resolve = Callable[[Path], "Settings"]

#: Directories that hold no code of the project; ruff's list, and an editor's history of old versions.
DEFAULT_EXCLUDE = (
    ".bzr", ".direnv", ".eggs", ".git", ".git-rewrite", ".hg", ".history", ".ipynb_checkpoints", ".mypy_cache",
    ".nox", ".pants.d", ".pyenv", ".pytest_cache", ".pytype", ".ruff_cache", ".smellcheck_cache", ".svn",
    ".tox", ".venv", ".vscode", "__pypackages__", "_build", "buck-out", "build", "dist", "node_modules",
    "site-packages", "venv",
)  # fmt: skip
FORMATS = ("text", "concise", "json", "sarif", "github")
FAIL_ON = ("warning", "info", "advice", "never")
FILE_NAMES = (".smellcheck.toml", "smellcheck.toml", "pyproject.toml")


class ConfigError(Exception):
    """A configuration that cannot be obeyed: which file, what, and where in it."""

    def __init__(self, path: Path, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.path, self.message, self.line = path, message, line


@dataclass(frozen=True)
class Key:
    """One key of the configuration: what it may hold and what it means."""

    kind: Kind
    default: Any
    doc: str
    choices: tuple[str, ...] = ()


KEYS: Mapping[str, Key] = {
    "select": Key(
        "strings",
        None,
        "The rules to run: names, families, practices or `all`. Every rule but advice unless given.",
    ),
    "ignore": Key("strings", (), "The rules not to run; the more specific selector wins, then `ignore`."),
    "extend-select": Key("strings", (), "Rules to run beside those of `select`."),
    "per-file-ignores": Key("table", (), "File patterns, each with the selectors not to run there; `!` negates."),
    "exclude": Key("strings", DEFAULT_EXCLUDE, "Paths not to check, as in a .gitignore; replaces the default list."),
    "extend-exclude": Key("strings", (), "Paths not to check beside those of `exclude`."),
    "respect-gitignore": Key("boolean", True, "Leave out what .gitignore files leave out."),
    "force-exclude": Key("boolean", False, "Exclude files even when they are named on the command line."),
    "fix": Key("boolean", False, "Apply safe fixes, as `--fix` does."),
    "unsafe-fixes": Key("boolean", False, "Count unsafe fixes among those to apply, as `--unsafe-fixes` does."),
    "preview": Key("boolean", False, "Run preview rules too."),
    "output-format": Key("choice", "text", "How findings are printed.", FORMATS),
    "fail-on": Key("choice", "warning", "The mildest level that fails a run.", FAIL_ON),
    "jobs": Key("count", 0, "How many processes to use; 0 chooses."),
    "required-version": Key("text", None, "The versions of smellcheck that may run here, such as `>=0.2`."),
}


@dataclass(frozen=True)
class Settings:
    """What holds for the files below one configuration; patterns are relative to `root`."""

    root: Path
    source: Path | None = None
    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    respect_gitignore: bool = True
    force_exclude: bool = False
    fix: bool = False
    unsafe_fixes: bool = False
    preview: bool = False
    output_format: str = "text"
    fail_on: str = "warning"
    jobs: int = 0
    required_version: str | None = None


@dataclass(frozen=True)
class Chosen:
    """Where the command line says that settings come from, and what it sets itself."""

    cwd: Path
    file: Path | None = None
    isolated: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)


def resolver(chosen: Chosen) -> Resolve:
    """The settings of a directory: those of the closest configuration, overridden by the command line.

    The function returned raises `ConfigError`, again and again, for a directory whose configuration is wrong.
    """

    @cache
    def of_file(path: Path) -> Settings | ConfigError | None:
        try:
            return read(path)
        except ConfigError as error:
            return error

    @cache
    def closest(directory: Path) -> Settings | ConfigError | None:
        for name in FILE_NAMES:
            path = directory / name
            found = of_file(path) if os.path.isfile(path) else None
            if found is not None:
                return found
        return closest(directory.parent) if directory.parent != directory else None

    @cache
    def settle(directory: Path) -> Settings | ConfigError:
        if chosen.isolated:
            found: Settings | ConfigError | None = None
        elif chosen.file is not None:
            found = of_file(chosen.file)
            if isinstance(found, Settings):
                found = replace(found, root=chosen.cwd)
        else:
            found = closest(directory) or _of_user(of_file, chosen.cwd)
        if isinstance(found, ConfigError):
            return found
        return replace(found or Settings(chosen.cwd), **chosen.overrides)

    def resolve(directory: Path) -> Settings:
        found = settle(directory)
        if isinstance(found, ConfigError):
            raise found
        return found

    return resolve


def _of_user(of_file: Callable[[Path], Settings | ConfigError | None], cwd: Path) -> Settings | ConfigError | None:
    from platformdirs import user_config_path

    path = user_config_path("smellcheck") / "smellcheck.toml"
    found = of_file(path) if os.path.isfile(path) else None
    return replace(found, root=cwd) if isinstance(found, Settings) else found


def read(path: Path) -> Settings | None:
    """The settings that a configuration file holds; None for a pyproject.toml without `[tool.smellcheck]`.

    Raises `ConfigError` when it cannot be read, is no TOML, or says something that smellcheck does not know.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    of_project = path.name == "pyproject.toml"
    # A broken pyproject.toml that never names us is somebody else's business.
    if of_project and "smellcheck" not in text:
        return None
    table: Any = _parse(path, text)
    if of_project:
        table = table.get("tool", {}).get("smellcheck") if isinstance(table.get("tool", {}), dict) else None
        if table is None:
            return None
        if not isinstance(table, dict):
            raise ConfigError(path, "`tool.smellcheck` must be a table", locate(text, "smellcheck"))
    values = {name.replace("-", "_"): _value(path, text, name, value) for name, value in table.items()}
    settings = Settings(path.parent.absolute(), path, **values)
    _require(path, text, settings.required_version)
    return settings


def _parse(path: Path, text: str) -> dict[str, Any]:
    toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        return dict(toml.loads(text))
    except toml.TOMLDecodeError as error:
        where = re.search(r"\(at line (\d+), column \d+\)$", str(error))
        message = re.sub(r" \(at .*\)$", "", str(error))
        line = int(where[1]) if where else text.count("\n") + 1
        raise ConfigError(path, f"is not valid TOML: {message[:1].lower()}{message[1:]}", line) from error


def _value(path: Path, text: str, name: str, value: Any) -> Any:
    key = KEYS.get(name)
    if key is None:
        raise ConfigError(path, f"unknown key `{name}`{did_you_mean(name, KEYS)}", locate(text, name))

    def wrong(expected: str) -> ConfigError:
        return ConfigError(path, f"`{name}` must be {expected}", locate(text, name))

    match key.kind:
        case "strings":
            if not _is_strings(value):
                raise wrong("a list of strings")
            if "exclude" in name and not all(map(_is_pattern, value)):
                raise wrong("a list of patterns as in a .gitignore")
            return tuple(value)
        case "table":
            if not isinstance(value, dict) or not all(_is_strings(selectors) for selectors in value.values()):
                raise wrong("a table of file patterns, each with a list of selectors")
            return tuple((pattern, tuple(selectors)) for pattern, selectors in value.items())
        case "boolean":
            if not isinstance(value, bool):
                raise wrong("true or false")
        case "count":
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise wrong("a whole number from 0")
        case "choice":
            if value not in key.choices:
                hint = did_you_mean(value, key.choices) if isinstance(value, str) else ""
                raise wrong(f"one of {', '.join(key.choices)}{hint}")
        case "text":
            if not isinstance(value, str):
                raise wrong("a string")
    return value


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_pattern(value: str) -> bool:
    return bool(value.strip("! \t")) and not value.endswith("\\")


def _require(path: Path, text: str, required: str | None) -> None:
    if required is None:
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    from . import __version__

    line = locate(text, "required-version")
    try:
        versions = SpecifierSet(required if required[:1] in "<>=!~" else f"=={required}", prereleases=True)
    except InvalidSpecifier as error:
        raise ConfigError(path, f"`required-version` is no version specifier: {required!r}", line) from error
    if __version__ not in versions:
        raise ConfigError(path, f"smellcheck {required} is required here, and this is {__version__}", line)


def locate(text: str, key: str, value: str | None = None) -> int | None:
    """The line on which a key stands, or on which it holds a string; None when it cannot be told."""
    name = re.escape(key)
    lines = text.split("\n")
    head = re.compile(rf"""^\s*(?:[\w.-]+\.)?["']?{name}["']?\s*[=.]|^\s*\[(?:[\w.-]+\.)?["']?{name}["']?\s*[\].]""")
    at = next((number for number, line in enumerate(lines) if head.match(line)), None)
    if at is None or value is None:
        return None if at is None else at + 1
    quoted = (f'"{value}"', f"'{value}'")
    return next((number for number in range(at, len(lines)) if any(q in lines[number] for q in quoted)), at) + 1


def did_you_mean(word: str, known: Any) -> str:
    """A clause that names the closest known word; empty when none is close."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


def schema() -> dict[str, Any]:
    """The JSON Schema of the configuration."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "smellcheck",
        "description": "The table [tool.smellcheck] of a pyproject.toml, or the whole of a smellcheck.toml.",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _schema_of(key) for name, key in KEYS.items()},
    }


def _schema_of(key: Key) -> dict[str, Any]:
    strings = {"type": "array", "items": {"type": "string"}}
    shape: dict[Kind, dict[str, Any]] = {
        "strings": strings,
        "table": {"type": "object", "additionalProperties": strings},
        "boolean": {"type": "boolean"},
        "count": {"type": "integer", "minimum": 0},
        "choice": {"enum": list(key.choices)},
        "text": {"type": "string"},
    }
    entry = {"description": key.doc, **shape[key.kind]}
    if key.kind == "table":
        return {**entry, "default": {}}
    return entry if key.default is None else {**entry, "default": _plain(key.default)}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
