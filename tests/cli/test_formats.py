"""What each format says, of findings, of errors and of nothing."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from smellcheck.config import schema
from smellcheck.finding import Finding, Problem, Range, TextEdit, TextFix
from smellcheck.report import Look, Report, render

from .conftest import WASTE, Cli, Write

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"
TEXT = "import demo\n\nx = '😀é'; demo.waste(\n    1,\n)\n"


def finding(**changes: object) -> Finding:
    start, end = TEXT.index("demo.waste"), len(TEXT) - 1
    fix = TextFix("Call `spare`", "safe", (TextEdit(start + 5, start + 10, "spare"),))
    return Finding(
        **{
            "rule": "plain-waste",
            "family": "demo",
            "practice": "refactoring",
            "level": "warning",
            "message": "the work is done for nothing",
            "why": "It wastes.",
            "range": Range(3, 11, 5, 2),
            "start": start,
            "end": end,
            "fix": fix,
            "fingerprint": "abc",
            "path": "a.py",
            **changes,
        }
    )


def report(*findings: Finding, **rest: object) -> Report:
    texts = {(found.path, None): TEXT for found in findings}
    return Report(**{"findings": findings, "files": 1, "texts": texts, **rest})


def test_json_keeps_its_contract(smellcheck: Cli, write: Write) -> None:
    write({"a.py": WASTE + "demo.risk('é😀', demo.vague())\n", "b.py": "def f(:\n", "c.py": "x = 1\n"})
    result = smellcheck("--output-format", "json", "missing.py", ".")
    document = result.json
    jsonschema.validate(document, json.loads((SCHEMAS / "findings.schema.json").read_text()))
    assert document["summary"] == {
        "files": 3,
        "findings": 3,
        "levels": {"warning": 2, "info": 1, "advice": 0},
        "failing": 2,
        "fixable": 1,
        "fixed": 0,
        "suppressed": 0,
        "errors": 2,
    }
    first, second, third = document["findings"]
    assert (first["rule"], first["path"], first["practice"]) == ("plain-waste", "a.py", "refactoring")
    assert first["range"] == {"start": {"line": 3, "column": 1}, "end": {"line": 3, "column": 13}}
    assert first["fix"]["edits"] == [
        {
            "range": {"start": {"line": 3, "column": 6}, "end": {"line": 3, "column": 10}},
            "replacement": "spar",
        }
    ]
    assert (second["fix"]["safety"], third["fix"]["safety"]) == ("unsafe", "suggestion")
    assert third["range"]["start"] == {"line": 4, "column": 17}
    assert [(error["path"], error["kind"], error["line"]) for error in document["errors"]] == [
        ("b.py", "syntax-error", 1),
        ("missing.py", "io-error", None),
    ]


def test_json_is_valid_and_empty_when_clean(smellcheck: Cli, write: Write) -> None:
    write({"a.py": "x = 1\n"})
    result = smellcheck("--output-format", "json")
    jsonschema.validate(result.json, json.loads((SCHEMAS / "findings.schema.json").read_text()))
    assert (result.json["findings"], result.json["errors"], result.err) == ([], [], "")


def test_json_after_a_fix_tells_what_remains(smellcheck: Cli, write: Write) -> None:
    write({"a.py": WASTE + "demo.vague()\n"})
    document = smellcheck("--fix", "--output-format", "json").json
    assert document["summary"]["fixed"] == 1
    assert [found["rule"] for found in document["findings"]] == ["vague-waste"]


def test_the_published_schema_of_the_configuration_is_the_printed_one(smellcheck: Cli) -> None:
    printed = smellcheck("config", "--schema").json
    assert printed == schema() == json.loads((SCHEMAS / "config.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(printed)


def test_several_formats_in_one_run(smellcheck: Cli, write: Write, work: Path) -> None:
    write({"a.py": WASTE})
    result = smellcheck(
        "--output-format", "concise", "--output-format", "json:out/a.json", "--output-format", "sarif:b.sarif"
    )
    assert result.out == "a.py:3:1: plain-waste [*] the work of `waste` is done for nothing\n"
    assert json.loads((work / "out" / "a.json").read_text())["findings"]
    assert json.loads((work / "b.sarif").read_text())["runs"][0]["results"]
    assert sorted(path.name for path in work.iterdir()) == ["a.py", "b.sarif", "out"]


def test_a_report_that_cannot_be_written_is_an_error(smellcheck: Cli, write: Write) -> None:
    write({"a.py": WASTE, "file": ""})
    result = smellcheck("--output-format", "json:file/a.json")
    assert (result.code, result.out) == (2, "")
    assert "cannot be written" in result.err


def test_text_shows_the_code_the_reason_and_the_fix() -> None:
    shown = render("text", report(finding(evidence={"words": "0.4 of the joules"})), Look(width=70))
    assert shown == (
        "── a.py · 1 smell ────────────────────────────────────────────────────\n"
        "\n"
        "a.py:3:11 warning[plain-waste] the work is done for nothing\n"
        "  3 │ x = '😀é'; demo.waste(\n"
        "    │            ^^^^^^^^^^^\n"
        "  4 │     1,\n"
        "    │     ^^\n"
        "  5 │ )\n"
        "    │ ^\n"
        "  why: It wastes.\n"
        "  evidence: 0.4 of the joules\n"
        "  fix (safe): Call `spare`\n"
        "  3 │ - x = '😀é'; demo.waste(\n"
        "    │ + x = '😀é'; demo.spare(\n"
        "\n"
    )


def test_text_shows_where_a_line_is_put_in() -> None:
    fix = TextFix("Import", "safe", (TextEdit(0, 0, "import this\n"), TextEdit(13, 13, "y = 1\n")))
    shown = render("text", report(finding(fix=fix)), Look(width=70))
    assert (
        "  fix (safe): Import\n"
        "    │ + import this\n"
        "  1 │   import demo\n"
        "    │ + y = 1\n"
        "  3 │   x = '😀é'; demo.waste(\n"
    ) in shown


def test_text_tells_the_reason_of_a_rule_once() -> None:
    shown = render("text", report(finding(), finding(path="b.py")), Look())
    assert shown.count("why: It wastes.") == 1
    assert shown.count("why: as above") == 1


def test_text_cuts_long_spans_and_lines() -> None:
    text = "call(" + "1, " * 200 + "2)\n" + "x = [\n" + "    1,\n" * 50 + "]\n"
    long_line = finding(range=Range(1, 600, 1, 603), start=599, end=602, fix=None)
    long_span = finding(range=Range(2, 5, 53, 2), start=0, end=5, fix=None)
    shown = render("text", Report(findings=(long_line, long_span), texts={("a.py", None): text}), Look(width=80))
    assert max(map(len, shown.splitlines())) <= 80
    assert "53 │ ]" in shown
    assert len(shown.splitlines()) < 30


def test_text_in_ascii_and_in_colour() -> None:
    plain = render("text", report(finding(message="m")), Look(unicode=False)).replace("😀é", "")
    assert plain.isascii()
    coloured = render("text", report(finding()), Look(color=True))
    assert "\x1b[1;33mwarning[plain-waste]\x1b[0m" in coloured


@pytest.mark.parametrize("form", ["text", "concise"])
def test_nothing_from_outside_moves_the_cursor(form: str) -> None:
    evil = "\x1b[2J\u202e\r"
    text = f"demo.waste('{evil}')\n".replace("\r", "")
    found = finding(path=f"a{evil}.py", message=f"m{evil}", range=Range(1, 1, 1, 11), start=0, end=10, fix=None)
    shown = render(form, Report(findings=(found,), texts={(found.path, None): text}), Look())
    assert not set(shown) & {"\x1b", "\u202e", "\r"}
    assert "\\x1b[2J" in shown


def test_github_commands_are_escaped_and_ordered() -> None:
    mild = finding(level="info", message="mild", rule="vague-waste", fix=None)
    odd = finding(path="a,b:c.py", message="100%\nsure", range=Range(3, 1, 3, 5))
    problem = Problem("x.py", "syntax-error", "invalid syntax", 7)
    lines = render("github", report(mild, odd, problems=(problem,)), Look()).splitlines()
    assert lines == [
        "::error title=smellcheck (syntax-error),file=x.py,line=7::invalid syntax",
        "::warning title=smellcheck (plain-waste),file=a%2Cb%3Ac.py,line=3,endLine=3,col=1,endColumn=5"
        "::100%25%0Asure%0A%0AIt wastes.%0A%0Afix (safe): Call `spare`",
        "::notice title=smellcheck (vague-waste),file=a.py,line=3,endLine=5::mild%0A%0AIt wastes.",
    ]


def test_github_says_what_it_will_not_show() -> None:
    lines = render("github", report(*[finding() for _ in range(13)], finding(level="info")), Look()).splitlines()
    assert lines[13].startswith("::notice title=smellcheck::GitHub shows 10 annotations")
    assert "3 of the warnings" in lines[13]
    assert len(lines) == 15


def test_colour_follows_the_environment(smellcheck: Cli, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write({"a.py": WASTE})
    assert "\x1b" not in smellcheck("a.py").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in smellcheck("a.py").out
    assert "\x1b" not in smellcheck("a.py", "--color", "never").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in smellcheck("a.py").out
    assert "\x1b" in smellcheck("a.py", "--color", "always").out
