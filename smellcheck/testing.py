"""A pytest plugin: a rule's page is its test file, every heading a test, and every law about pages is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .bench.workload import assert_same, run_arm
from .finding import SafetyName
from .page import Case, Page, read_page

if TYPE_CHECKING:
    from .rule import Rule

_ALL: frozenset[SafetyName] = frozenset({"safe", "unsafe", "suggestion"})
_APPLIED: frozenset[SafetyName] = frozenset({"safe", "unsafe"})


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take a Markdown file beside a rule module as the tests of that rule."""
    if file_path.suffix != ".md" or not file_path.with_suffix(".py").is_file():
        return None
    from . import plugins

    rule = plugins.rule_of(file_path)
    return PageFile.from_parent(parent, path=file_path, rule=rule) if rule is not None else None


class PageFile(pytest.File):
    """The tests of one rule."""

    def __init__(self, *, rule: Rule, **options: Any) -> None:
        super().__init__(**options)
        self.rule = rule

    def collect(self) -> Iterator[pytest.Item]:
        """One test for the page itself, one for each case, two for each proof."""
        yield WholePage.from_parent(self, name="page")
        try:
            page = read_page(self.path)
        except ValueError:
            return  # the test of the page itself reports it
        for name, case in _named(page.cases):
            yield CaseItem.from_parent(self, name=name, case=case)
        for name, proof in _named(page.proofs):
            yield ProofItem.from_parent(self, name=f"{name} (text)", case=proof)
            yield ProofRun.from_parent(self, name=f"{name} (run)", case=proof)


def _named(cases: tuple[Case, ...]) -> Iterator[tuple[str, Case]]:
    seen: dict[str, int] = {}
    for case in cases:
        seen[case.title] = seen.get(case.title, 0) + 1
        yield (case.title if seen[case.title] == 1 else f"{case.title} ({seen[case.title]})"), case


class _Item(pytest.Item):
    parent: PageFile

    def __init__(self, *, case: Case | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.rule: Rule = self.parent.rule
        self._case = case
        # Plugins look here for fixtures, and some (pytest-lsp) fail on an item that has no such attribute.
        self.funcargs: dict[str, object] = {}

    @property
    def case(self) -> Case:
        assert self._case is not None
        return self._case

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, (self._case.line if self._case else 1) - 1, f"{self.rule.name}: {self.name}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:  # noqa: ARG002
        where = f"{self.path}:{self._case.line if self._case else 1}: {self.name}"
        if isinstance(excinfo.value, AssertionError):
            return f"{where}\n{excinfo.value}"
        return f"{where}\n{excinfo.getrepr(style='short')}"

    def lines(self, code: str) -> list[int]:
        """The lines on which the rule finds something."""
        return [finding.range.line for finding in _checked(code, self.rule)]


def _checked(code: str, rule: Rule) -> list[Any]:
    from .engine import check

    result = check(code, [rule], explicit=frozenset({rule.name}))
    assert not result.problems, "\n".join(problem.message for problem in result.problems)
    return list(result.findings)


def _fixed(code: str, rule: Rule, safety: frozenset[SafetyName]) -> str:
    from .mend import fix

    result = fix(code, [rule], explicit=frozenset({rule.name}), safety=safety)
    assert not result.problems, "\n".join(problem.message for problem in result.problems)
    return result.text


class WholePage(_Item):
    """The page has what every page has."""

    def runtest(self) -> None:
        page = read_page(self.path)
        firing = [case for case in page.cases if case.marked]
        silent = [case for case in page.cases if not case.marked]
        faults = [
            fault
            for fault, holds in (
                ("no first paragraph that says what wastes", page.mechanism),
                ("no section `Leave it`", page.leave_it),
                ("no case that fires", firing),
                ("fewer than two look-alikes that stay silent", len(silent) >= 2),
                (
                    "no proof, and no sentence under `Proof` why there can be none",
                    page.proofs or page.no_proof,
                ),
                (
                    "a fix without a section `Fix safety`",
                    page.fix_safety or not any(c.fixed for c in page.cases),
                ),
                ("two cases with the same code", len({case.plain for case in page.cases}) == len(page.cases)),
            )
            if not holds
        ]
        assert not faults, "\n".join(faults)


class CaseItem(_Item):
    """The rule finds the marked lines and no others, and its fix gives the fence that follows."""

    def runtest(self) -> None:
        case = self.case
        found = self.lines(case.code)
        assert found == case.marked, f"marked lines {case.marked}, found {found}:\n{_numbered(case.code)}"
        check_messages(_checked(case.code, self.rule))
        before = case.plain
        after = _fixed(before, self.rule, _ALL if case.fixed is not None else _APPLIED)
        if case.fixed is not None:
            assert after == case.fixed, f"expected:\n{case.fixed}\ngot:\n{after}"
        if after == before:
            return
        ast.parse(after)
        assert _fixed(after, self.rule, _APPLIED) == after, f"a second fix changes the text again:\n{after}"
        lost = set(_comments(before)) - set(_comments(after))
        assert not lost, f"comments lost: {lost}"
        if case.fixed is not None:
            assert not self.lines(after), f"still smells after the fix:\n{after}"


def check_messages(findings: list[Any]) -> None:
    """Messages are lower case without a final full stop; fix titles begin with a capital verb."""
    for finding in findings:
        message = finding.message
        assert message and message[0] == message[0].lower() and not message.endswith("."), f"message: {message!r}"
        if finding.fix is not None:
            title = finding.fix.title
            assert title[0].isupper() and not title.endswith("."), f"fix title: {title!r}"


class ProofItem(_Item):
    """What is measured is what the rule finds, and what its fix writes."""

    def runtest(self) -> None:
        proof = self.case
        assert proof.marked, "the proof marks no line"
        found = self.lines(proof.code)
        assert found == proof.marked, f"marked lines {proof.marked}, found {found}:\n{_numbered(proof.code)}"
        arms = {name: function_lines(proof.code, name) for name in ("smelly", "clean")}
        assert all(line in arms["smelly"] for line in proof.marked), "a mark stands outside of `smelly()`"
        fixes = [finding.fix for finding in _checked(proof.plain, self.rule)]
        if not any(fix is not None and fix.safety != "suggestion" for fix in fixes):
            return
        fixed = _fixed(proof.plain, self.rule, _APPLIED)
        wanted, got = arm(proof.plain, "clean"), arm(fixed, "smelly")
        assert got == wanted, f"the fix makes smelly() into:\n{got}\nnot into clean():\n{wanted}"


class ProofRun(_Item):
    """Both arms give the same results, within the tolerance that the page states."""

    def runtest(self) -> None:
        results = {name: run_arm(self.case, name) for name in ("smelly", "clean")}
        assert_same(results["smelly"], results["clean"], self.case.tolerance.rtol, self.case.tolerance.atol)


def _function(source: str, name: str) -> ast.FunctionDef:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise AssertionError(f"the proof defines no function {name}()")


def function_lines(source: str, name: str) -> range:
    """The lines of a top-level function, decorators included."""
    node = _function(source, name)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return range(first, (node.end_lineno or node.lineno) + 1)


def arm(source: str, name: str) -> str:
    """A proof's function with its decorators, spelled canonically and named `arm`."""
    node = _function(source, name)
    node.name = "arm"
    return ast.unparse(node)


def _comments(code: str) -> list[str]:
    import io
    import tokenize

    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return [
        token.string
        for token in tokens
        if token.type == tokenize.COMMENT and not re.search("smellcheck:", token.string)
    ]


def _numbered(code: str) -> str:
    return "\n".join(f"{number:4} {line}" for number, line in enumerate(code.split("\n"), 1))


__all__ = ["Page", "assert_same", "pytest_collect_file", "run_arm"]
