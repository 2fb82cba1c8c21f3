"""The import arrows of the design hold: who may import whom, read from the source and not from what happens to load."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "smellcheck"
FRAMEWORKS = {"torch", "numpy", "sklearn", "transformers", "sentence_transformers", "tensorflow", "jax", "pandas"}


def imports(path: Path, *, lazy: bool = True) -> Iterator[str]:
    """The absolute names of all modules that a file imports; without those inside functions when not `lazy`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes: list[ast.AST] = list(ast.walk(tree)) if lazy else list(tree.body)
    package = ["smellcheck", *path.relative_to(ENGINE).parts[:-1]] if path.is_relative_to(ENGINE) else []
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - node.level + 1]
                yield ".".join([*base, *([node.module] if node.module else [])])
            elif node.module:
                yield node.module


def engine_files() -> list[Path]:
    return sorted(ENGINE.rglob("*.py"))


def rule_files() -> list[Path]:
    return sorted((ROOT / "rules").rglob("*.py"))


@pytest.mark.parametrize("path", rule_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_rules_import_the_words_and_libcst_only(path: Path) -> None:
    allowed = {"smellcheck", "libcst", "__future__", "re", "collections", "typing", "dataclasses", "itertools"}
    assert {name.partition(".")[0] for name in imports(path)} <= allowed
    assert not [name for name in imports(path) if name.startswith("smellcheck.")], "rules use `smellcheck`'s words"


def test_the_engine_knows_no_rule() -> None:
    assert not [path for path in engine_files() if any(name.startswith("smellcheck_rules") for name in imports(path))]


def test_facts_import_neither_engine_nor_reports() -> None:
    upward = {"engine", "mend", "run", "cli", "report", "plugins", "page", "config", "resolve"}
    for path in (ENGINE / "facts").glob("*.py"):
        found = {name.split(".")[1] for name in imports(path) if name.startswith("smellcheck.")}
        assert not found & upward, path


def test_reports_import_no_parser() -> None:
    for path in (ENGINE / "report").glob("*.py"):
        parsers = ("libcst", "smellcheck.file", "smellcheck.facts")
        assert not [name for name in imports(path) if name.startswith(parsers)], path


def test_no_framework_is_imported_where_code_is_checked() -> None:
    for path in engine_files():
        if "bench" in path.relative_to(ENGINE).parts:
            continue
        found = {name.partition(".")[0] for name in imports(path, lazy=path.name != "testing.py")} & FRAMEWORKS
        assert not found, path


def test_no_provider_visitor_or_matcher_on_the_checking_path() -> None:
    for path in [*engine_files(), *rule_files()]:
        assert not [name for name in imports(path) if name.startswith(("libcst.metadata", "libcst.matchers"))], path
        text = path.read_text(encoding="utf-8")
        assert "CSTVisitor" not in text, path
        assert "CSTTransformer" not in text, path
