"""A suppression that is written for a finding silences it, changes no code, and nothing else falls silent."""

from __future__ import annotations

import ast

import pytest

from smellcheck import plugins
from smellcheck.edits import apply
from smellcheck.engine import check
from smellcheck.page import read_page
from smellcheck.silence import Silencer

CASES = [case.plain for rule in plugins.rules() for case in read_page(rule.page).cases if case.marked]


@pytest.mark.parametrize("text", CASES, ids=lambda text: f"{len(text)} characters")
def test_every_finding_of_the_pages_can_be_silenced(text: str) -> None:
    rules = plugins.rules()
    found = check(text, rules).findings
    for finding in found:
        for fix in (Silencer(text).on_line(finding), Silencer(text).in_file(finding)):
            assert fix is not None, finding
            new = apply(text, fix.edits)
            assert ast.dump(ast.parse(new)) == ast.dump(ast.parse(text))
            left = [(other.rule, other.range.line) for other in check(new, rules).findings]
            moved = fix.edits[0].text.count("\n")
            before = {(other.rule, other.range.line + moved) for other in found}
            assert (finding.rule, finding.range.line + moved) not in left
            assert set(left) <= before
            assert {each for each in before if each[0] != finding.rule} <= set(left)


def test_a_comment_that_is_there_takes_the_name_too() -> None:
    rules = plugins.rules()
    case = next(case for case in CASES if check(case, rules).findings)
    finding = check(case, rules).findings[0]
    line = finding.range.line - 1
    lines = case.split("\n")
    lines[line] += "  # smellcheck: ignore[some-other]"
    fix = Silencer("\n".join(lines)).on_line(finding)
    assert fix is not None
    new = apply("\n".join(lines), fix.edits)
    assert f"# smellcheck: ignore[some-other, {finding.rule}]" in new


def test_a_file_keeps_its_first_line_and_its_encoding_on_top() -> None:
    rules = plugins.rules()
    case = next(case for case in CASES if check(case, rules).findings)
    head = "#!/usr/bin/env python\r\n# -*- coding: utf-8 -*-\r\n"
    text = head + case.replace("\n", "\r\n")
    finding = check(text, rules).findings[0]
    fix = Silencer(text).in_file(finding)
    assert fix is not None
    new = apply(text, fix.edits)
    assert new.startswith(f"{head}# smellcheck: file-ignore[{finding.rule}]\r\n")
