"""The only door that rules come through: packages named by the entry points of the group `smellcheck.rules`."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from .rule import PRACTICES, PluginError, Rule

__all__ = ["PluginError", "load", "rule_of", "rules"]

GROUP = "smellcheck.rules"
_NAME = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)+$")


@cache
def rules() -> tuple[Rule, ...]:
    """Every installed rule, sorted by family and name.

    Raises `PluginError` when a package or a rule cannot be loaded: a rule is never skipped silently.
    """
    found: dict[str, Rule] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        for rule in load(entry.value):
            twin = found.get(rule.name)
            if twin is not None and twin.path != rule.path:
                raise PluginError(f"two rules are named {rule.name}: {twin.path} and {rule.path}")
            found[rule.name] = rule
    return tuple(sorted(found.values(), key=lambda rule: (rule.family, rule.name)))


def load(package_name: str) -> Iterator[Rule]:
    """The rules of one package: its sub-packages are families, their modules rules."""
    try:
        package = importlib.import_module(package_name)
    except Exception as error:
        raise PluginError(f"cannot import rule package {package_name}: {type(error).__name__}: {error}") from error
    for family in pkgutil.iter_modules(package.__path__, f"{package_name}."):
        if not family.ispkg:
            continue
        try:
            members = importlib.import_module(family.name).__path__
        except Exception as error:
            raise PluginError(f"cannot import rule family {family.name}: {type(error).__name__}: {error}") from error
        for module in pkgutil.iter_modules(members, f"{family.name}."):
            if not module.name.rpartition(".")[2].startswith("_"):
                yield _load_module(module.name)


def _load_module(name: str) -> Rule:
    try:
        module = importlib.import_module(name)
    except Exception as error:
        raise PluginError(f"cannot load rule module {name}: {type(error).__name__}: {error}") from error
    return _only_rule(module)


def _only_rule(module: ModuleType) -> Rule:
    rules = [
        value
        for value in vars(module).values()
        if isinstance(value, Rule) and value.check.__module__ == module.__name__
    ]
    if len(rules) != 1:
        raise PluginError(f"{module.__file__}: a rule module defines exactly one @rule, this one defines {len(rules)}")
    (rule,) = rules
    if not _NAME.match(rule.name):
        raise PluginError(f"{rule.path}: the name {rule.name!r} must be two or more lower-case words joined by hyphens")
    if rule.practice not in PRACTICES:
        raise PluginError(f"{rule.path}: unknown practice {rule.practice!r}")
    if not rule.page.is_file():
        raise PluginError(f"{rule.path}: its page {rule.page.name} is missing")
    return rule


def rule_of(page: Path) -> Rule | None:
    """The rule whose page this is, installed or under development beside the page; `None` for other Markdown.

    Raises `PluginError` when the module beside the page looks like a rule and does not load.
    """
    wanted = page.with_suffix(".py").resolve()
    for rule in rules():
        if rule.path.resolve() == wanted:
            return rule
    if not wanted.is_file() or "smellcheck" not in wanted.read_text(encoding="utf-8", errors="replace"):
        return None
    return _load_file(wanted)


@cache
def _load_file(path: Path) -> Rule:
    # By its place, not by name: the folder of a family may be called like the framework that it is about.
    name = f"{path.parent.parent.name}.{path.parent.name}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PluginError(f"cannot load rule module {path}: {type(error).__name__}: {error}") from error
    return _only_rule(module)
