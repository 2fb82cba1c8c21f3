"""Starts a rule: its check and its page, red on purpose until the check sees what the page marks."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
_FAMILY = re.compile(r"[a-z][a-z0-9_]*")

CHECK = '''"""Say in one sentence what wastes."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule


@rule(imports="{family}", practice="refactoring")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    """Nothing is seen yet: make the page beside this file pass, then make the page say what you mean."""
    yield from ()
'''

PAGE = """# {title}

Say here in one paragraph what is wasted and by what mechanism: every finding shows it as its reason.

## Leave it

Say when this code is right as it is, and how to tell.

## The smallest code that smells

```python
import {family}

{family}.wasteful()  # smell
```

## A look-alike that stays silent

```python
import {family}

{family}.thrifty()
```

## Another function of the same name

```python
from elsewhere import wasteful

wasteful()
```

## Proof

None yet: write a workload with `smelly()` and `clean()` in a fence marked `python proof`, or say here why
there can be none.
"""


class ScaffoldError(Exception):
    """Why a rule cannot be started."""


@dataclass(frozen=True)
class Started:
    """The files written, and what to do next."""

    written: tuple[Path, ...]
    steps: tuple[str, ...]


def start(name: str, into: Path | None, cwd: Path) -> Started:
    """Write the check and the page of a new rule.

    Raises `ScaffoldError` for a bad name, a missing rule package, or files that are there already.
    """
    family, _, rule = name.rpartition("/")
    if not _FAMILY.fullmatch(family) or not _NAME.fullmatch(rule):
        raise ScaffoldError(
            f"{name!r} is no name for a rule: give FAMILY/NAME, the family a lower-case identifier and the "
            "name two or more lower-case words joined by hyphens, as in torch/missing-no-grad"
        )
    package = into or _package(cwd)
    module = package / family / f"{rule.replace('-', '_')}.py"
    page, marker = module.with_suffix(".md"), module.parent / "__init__.py"
    for path in (module, page):
        if path.exists():
            raise ScaffoldError(f"{path} is there already")
    new_family = not marker.exists()
    texts = {module: CHECK.format(family=family), page: PAGE.format(family=family, title=_title(rule))}
    if new_family:
        texts = {marker: f'"""Rules about {family}."""\n', **texts}
    try:
        module.parent.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ScaffoldError(f"{error.filename}: {error.strerror}") from error
    listed = f"List the package of the new family, `….{family}`, in pyproject.toml, and install again."
    steps = (
        f"Run `smellcheck test {_short(page, cwd)}`: it fails, for the check sees nothing yet.",
        *([listed] if new_family else []),
    )
    return Started(tuple(texts), steps)


def _title(rule: str) -> str:
    words = rule.replace("-", " ")
    return words[:1].upper() + words[1:]


def _short(path: Path, cwd: Path) -> str:
    return path.relative_to(cwd).as_posix() if path.is_relative_to(cwd) else path.as_posix()


def _package(cwd: Path) -> Path:
    """The rule package of the project in the current directory."""
    project = _project(cwd / "pyproject.toml")
    names = list(_at(project, "project", "entry-points", "smellcheck.rules").values())
    folders = _at(project, "tool", "setuptools", "package-dir")
    for name in names:
        below = str(folders.get("", "."))
        stem = Path(*str(name).split("."))
        for place in (folders.get(name), Path(below) / stem, Path("src") / stem):
            if place is not None and (cwd / place).is_dir():
                return cwd / place
    if (cwd / "rules" / "__init__.py").is_file():
        return cwd / "rules"
    raise ScaffoldError(
        "there is no rule package here: go to a project whose pyproject.toml names one among the entry "
        "points of `smellcheck.rules`, or say where to write with --into"
    )


def _project(path: Path) -> Any:
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        return toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _at(table: Any, *keys: str) -> dict[str, Any]:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}
