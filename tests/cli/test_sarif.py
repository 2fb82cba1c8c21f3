"""SARIF is what its readers expect: valid, relative, with stable fingerprints and every selected rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from smellcheck.linehash import LineHashes

from .conftest import WASTE, Cli, Write

TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
WORDS = {"type": "object", "required": ["text"], "properties": {"text": TEXT, "markdown": TEXT}}


def record(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [*required],
        "properties": {**required, **optional},
        "additionalProperties": False,
    }


def many(item: dict[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": least}


NUMBER = {"type": "integer", "minimum": 1}
REGION = record(dict.fromkeys(("startLine", "startColumn", "endLine", "endColumn"), NUMBER))
ARTIFACT = record({"uri": {"type": "string", "pattern": "^[^ \\\\]+$"}}, uriBaseId={"const": "SRCROOT"})
RULE = record(
    {
        "id": TEXT,
        "name": {"type": "string", "maxLength": 255},
        "shortDescription": WORDS,
        "fullDescription": WORDS,
        "help": {**WORDS, "required": ["text", "markdown"]},
        "defaultConfiguration": record({"level": {"enum": ["warning", "note"]}}),
        "properties": record(
            {
                "tags": many(TEXT),
                "precision": {"enum": ["very-high", "high", "medium", "low"]},
                "problem.severity": {"enum": ["error", "warning", "recommendation"]},
            }
        ),
    }
)
LOCATION = record({"physicalLocation": record({"artifactLocation": ARTIFACT, "region": REGION})})
REPLACEMENT = record({"deletedRegion": REGION, "insertedContent": record({"text": {"type": "string"}})})
FIX = record(
    {
        "description": WORDS,
        "artifactChanges": many(record({"artifactLocation": ARTIFACT, "replacements": many(REPLACEMENT, 1)}), 1),
        "properties": record({"safety": {"enum": ["safe", "unsafe", "suggestion"]}}),
    }
)
RESULT = record(
    {
        "ruleId": TEXT,
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["warning", "note"]},
        "message": WORDS,
        "locations": {**many(LOCATION), "maxItems": 1},
        "partialFingerprints": {
            "type": "object",
            "required": ["primaryLocationLineHash"],
            "additionalProperties": TEXT,
        },
    },
    fixes=many(FIX, 1),
    properties={"type": "object"},
)
NOTIFICATION = record(
    {
        "level": {"const": "error"},
        "message": WORDS,
        "descriptor": record({"id": TEXT}),
        "locations": many(
            record({"physicalLocation": record({"artifactLocation": ARTIFACT}, region=record({"startLine": NUMBER}))})
        ),
    }
)
DRIVER = record({"name": TEXT, "version": TEXT, "semanticVersion": TEXT, "rules": many(RULE)})
RUN = record(
    {
        "tool": record({"driver": DRIVER}),
        "automationDetails": record({"id": TEXT}),
        "columnKind": {"const": "unicodeCodePoints"},
        "invocations": many(
            record({"executionSuccessful": {"type": "boolean"}, "toolExecutionNotifications": many(NOTIFICATION)})
        ),
        "results": many(RESULT),
        "originalUriBaseIds": record({"SRCROOT": record({"uri": {"type": "string", "pattern": "^file:///.*/$"}})}),
    }
)
#: The parts of SARIF 2.1.0 that are used here, with what GitHub requires beyond it.
REDUCED = record({"$schema": TEXT, "version": {"const": "2.1.0"}, "runs": many(RUN, 1)})


def run_of(smellcheck: Cli, *args: str) -> dict[str, Any]:
    document = smellcheck("--output-format", "sarif", *args).json
    jsonschema.validate(document, REDUCED)
    (run,) = document["runs"]
    assert isinstance(run, dict)
    return run


def test_findings_fixes_and_errors(smellcheck: Cli, write: Write) -> None:
    write({"a b/ü.py": WASTE + "x = '😀'; demo.risk(1)\n", "broken.py": "def f(:\n"})
    run = run_of(smellcheck, ".", "missing.py")
    first, second = run["results"]
    assert first["ruleId"] == run["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == "plain-waste"
    place = second["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "a%20b/%C3%BC.py", "uriBaseId": "SRCROOT"}
    assert place["region"] == {"startLine": 4, "startColumn": 10, "endLine": 4, "endColumn": 22}
    assert second["fixes"][0]["properties"] == {"safety": "unsafe"}
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    told = {note["descriptor"]["id"]: note for note in invocation["toolExecutionNotifications"]}
    assert told["syntax-error"]["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    assert "io-error" in told


def test_all_selected_rules_are_listed_with_their_pages(smellcheck: Cli, write: Write) -> None:
    write({"a.py": "x = 1\n"})
    rules = {rule["id"]: rule for rule in run_of(smellcheck)["tool"]["driver"]["rules"]}
    assert "early-idea" not in rules
    assert {"plain-waste", "absent-thing", "raising-rule"} <= rules.keys()
    assert rules["plain-waste"]["help"]["markdown"].startswith("# Plain waste\n")
    assert rules["vague-waste"]["defaultConfiguration"] == {"level": "note"}
    only = run_of(smellcheck, "--select", "vague-waste")["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in only] == ["vague-waste"]


def test_a_diagnostic_of_the_engine_has_its_rule_too(smellcheck: Cli, write: Write) -> None:
    write({"a.py": "import demo\n\nx = 1  # smellcheck: ignore[plain-waste]\n"})
    run = run_of(smellcheck)
    assert [result["ruleId"] for result in run["results"]] == ["unused-suppression"]


def test_fingerprints_survive_lines_added_above(smellcheck: Cli, write: Write, work: Path) -> None:
    body = "import demo\n\n\ndef f():\n    demo.waste()\n" + "\n".join(f"y{n} = {n}" for n in range(60))
    write({"a.py": body})
    (before,) = run_of(smellcheck)["results"]
    write({"a.py": body.replace("import demo\n", "import demo\n" + "\nz = 1\n" * 5)})
    (after,) = run_of(smellcheck)["results"]
    assert before["partialFingerprints"] == after["partialFingerprints"]
    assert set(before["partialFingerprints"]) == {"primaryLocationLineHash", "smellcheck/v1"}


# The vectors are those of github/codeql-action, src/fingerprints.test.ts.
@pytest.mark.parametrize(
    ("text", "hashes"),
    [
        ("", ["c129715d7a2bc9a3:1"]),
        (
            " a\nb\n  \t\tc\n d",
            ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"],
        ),
        *(
            (
                text,
                [
                    "e9496ae3ebfced30:1",
                    "fb7c023a8b9ccb3f:1",
                    "ce8ba1a563dcdaca:1",
                    "e20e36e16fcb0cc8:1",
                    "b3edc88f2938467e:1",
                    "c8e28b0b4002a3a0:1",
                    "c129715d7a2bc9a3:1",
                ],
            )
            for text in (
                " hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n",
                " hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r",
                " hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n",
                " hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n",
            )
        ),
        (
            "Lorem ipsum dolor sit amet.\n" * 10,
            [
                *(f"a7f2ff13bc495cf2:{count}" for count in range(1, 7)),
                "a7f2ff1481e87703:1",
                "a9cf91f7bbf1862b:1",
                "55ec222b86bcae53:1",
                "cc97dc7b1d7d8f7b:1",
                "c129715d7a2bc9a3:1",
            ],
        ),
    ],
)
def test_line_hashes_are_github_s(text: str, hashes: list[str]) -> None:
    lines = LineHashes(text)
    assert [lines.of(number) for number in range(1, len(lines) + 1)] == hashes
