"""A notebook is one module of many cells: every format names the cell, and a fix touches nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

from smellcheck.finding import TextEdit
from smellcheck.linehash import LineHashes

from .conftest import FIXED, WASTE, Cli, Write, notebook

TWO = notebook("%matplotlib inline\nimport demo", "x = 1\ndemo.waste()\n!ls")


def test_findings_are_told_by_cell(smellcheck: Cli, write: Write) -> None:
    write({"a.ipynb": TWO})
    concise = smellcheck("--output-format", "concise")
    assert concise.out == "a.ipynb:cell 2:2:1: plain-waste [*] the work of `waste` is done for nothing\n"
    assert concise.code == 1
    text = smellcheck("--output-format", "text").out
    assert "a.ipynb:cell 2:2:1 warning[plain-waste]" in text
    assert "  2 │ demo.waste()\n" in text
    assert "│ + demo.spare()" in text
    assert (
        "::warning title=smellcheck (plain-waste),file=a.ipynb,line=20,endLine=20,col=6,endColumn=18::"
        in smellcheck("--output-format", "github").out
    )
    (found,) = smellcheck("--output-format", "json").json["findings"]
    assert (found["cell"], found["range"]["start"]) == (2, {"line": 2, "column": 1})
    (edit,) = found["fix"]["edits"]
    assert edit["range"]["start"] == {"line": 2, "column": 6}
    assert edit["replacement"] == "spar"


def test_sarif_speaks_of_the_file_s_own_lines(smellcheck: Cli, write: Write) -> None:
    write({"a.ipynb": TWO})
    (result,) = smellcheck("--output-format", "sarif").json["runs"][0]["results"]
    (location,) = result["locations"]
    lines = TWO.split("\n")
    region = location["physicalLocation"]["region"]
    assert lines[region["startLine"] - 1][region["startColumn"] - 1 : region["endColumn"] - 1] == "demo.waste()"
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "cell 2:2:1"
    (replacement,) = result["fixes"][0]["artifactChanges"][0]["replacements"]
    region, text = replacement["deletedRegion"], replacement["insertedContent"]["text"]
    line = lines[region["startLine"] - 1]
    lines[region["startLine"] - 1] = line[: region["startColumn"] - 1] + text + line[region["endColumn"] - 1 :]
    assert "\n".join(lines) == TWO.replace("waste", "spare")
    line = location["physicalLocation"]["region"]["startLine"]
    assert result["partialFingerprints"]["primaryLocationLineHash"] == LineHashes(TWO).of(line)


def test_a_fix_changes_its_line_and_nothing_else(smellcheck: Cli, write: Write, work: Path) -> None:
    write({"a.ipynb": TWO})
    diff = smellcheck("--diff")
    assert diff.code == 1
    assert diff.out == (
        "--- a.ipynb:cell 2\n+++ a.ipynb:cell 2\n@@ -1,3 +1,3 @@\n x = 1\n-demo.waste()\n+demo.spare()\n !ls\n"
    )
    assert smellcheck("--fix").code == 0
    fixed = (work / "a.ipynb").read_text()
    assert fixed == TWO.replace("waste", "spare")
    nbformat.validate(nbformat.reads(fixed, as_version=4))
    assert smellcheck("--fix").code == 0
    assert (work / "a.ipynb").read_text() == fixed


def test_standard_input(smellcheck: Cli) -> None:
    result = smellcheck("-", "--stdin-filename", "x.ipynb", "--output-format", "concise", stdin=TWO.encode())
    assert result.out.startswith("x.ipynb:cell 2:2:1: plain-waste [*]")
    fixed = smellcheck("-", "--stdin-filename", "x.ipynb", "--fix", stdin=TWO.encode())
    assert (fixed.code, fixed.out) == (0, TWO.replace("waste", "spare"))
    broken = smellcheck("-", "--stdin-filename", "x.ipynb", "--fix", stdin=b"{")
    assert (broken.code, broken.out) == (2, "{")


def test_cells_that_do_not_parse_are_skipped_one_by_one(smellcheck: Cli, write: Write) -> None:
    write({"a.ipynb": notebook("import demo\nprint 'two'", "%%bash\ndemo.waste()", "def f(:", WASTE)})
    result = smellcheck("--output-format", "json")
    assert result.code == 1
    assert [(found["cell"], found["rule"]) for found in result.json["findings"]] == [(4, "plain-waste")]
    assert result.json["errors"] == []
    assert [(note["kind"], note["cell"], note["line"]) for note in result.json["notes"]] == [
        ("skipped-cell", 1, 2),
        ("skipped-cell", 3, 1),
    ]
    told = smellcheck().err
    assert "note: a.ipynb:cell 1:2: skipped: " in told
    assert "note: " not in smellcheck("--quiet").err
    (invocation,) = smellcheck("--output-format", "sarif").json["runs"][0]["invocations"]
    assert invocation["executionSuccessful"]
    assert {told["level"] for told in invocation["toolExecutionNotifications"]} == {"note"}


def metadata(**language: Any) -> dict[str, Any]:
    return {"kernelspec": {"name": "x", **language}}


def test_other_languages_are_left_alone(smellcheck: Cli, write: Write) -> None:
    write(
        {
            "a.ipynb": notebook(WASTE, **metadata(language="R")),
            "b.ipynb": notebook(WASTE, language_info={"name": "julia"}),
        }
    )
    write({"c.ipynb": TWO.replace('"metadata": {}', '"metadata": {"vscode": {"languageId": "sql"}}')})
    write({"d.ipynb": notebook(WASTE, **metadata(language="python"))})
    write({"e.ipynb": notebook(WASTE).replace('"code"', '"raw"'), "f.ipynb": notebook()})
    result = smellcheck("--output-format", "json")
    assert [found["path"] for found in result.json["findings"]] == ["d.ipynb"]
    assert [(note["path"], note["cell"]) for note in result.json["notes"]] == [("a.ipynb", None), ("b.ipynb", None)]


BAD = {
    "cut.ipynb": ("{", "syntax-error", "is not JSON"),
    "empty.ipynb": ("", "syntax-error", "is not JSON"),
    "list.ipynb": ("[]", "unsupported", "is not a notebook"),
    "old.ipynb": ('{"nbformat": 3, "worksheets": []}', "unsupported", "format 3"),
    "new.ipynb": ('{"nbformat": 5, "cells": []}', "unsupported", "format 5"),
    "cells.ipynb": ('{"nbformat": 4}', "unsupported", "no list of cells"),
    "latin.ipynb": (b'{"nbformat": 4, "cells": ["\xff"]}', "encoding-error", "utf-8"),
    "deep.ipynb": ("[" * 300_000, "syntax-error", "is not JSON"),
}


def test_a_bad_notebook_is_an_error_and_the_others_are_told(smellcheck: Cli, write: Write) -> None:
    write({name: content for name, (content, _, _) in BAD.items()} | {"good.ipynb": TWO})
    result = smellcheck("--output-format", "json")
    assert result.code == 2
    assert [found["path"] for found in result.json["findings"]] == ["good.ipynb"]
    told = {error["path"]: (error["kind"], error["message"]) for error in result.json["errors"]}
    assert told.keys() == BAD.keys()
    for name, (_, kind, words) in BAD.items():
        assert told[name][0] == kind
        assert words in told[name][1]


@pytest.mark.parametrize("cell", ["null", "7", "{}", '{"cell_type": "code"}', '{"cell_type": "code", "source": [1]}'])
def test_cells_that_are_none_are_passed_over(smellcheck: Cli, write: Write, cell: str) -> None:
    write({"a.ipynb": TWO.replace('"cells": [', f'"cells": [{cell},')})
    result = smellcheck("--output-format", "json")
    assert [found["cell"] for found in result.json["findings"]] == [3]


def test_suppressions_work_within_cells(smellcheck: Cli, write: Write, work: Path) -> None:
    own, other = "# smellcheck: ignore[plain-waste]", "# smellcheck: file-ignore[risky-waste]"
    write(
        {
            "a.ipynb": notebook(
                f"import demo\n{own}\ndemo.waste()", f"demo.waste()  {own}\n{own}", "demo.waste()", other, "demo.risk()"
            )
        }
    )
    result = smellcheck("--output-format", "json")
    places = [(found["cell"], found["range"]["start"]["line"], found["rule"]) for found in result.json["findings"]]
    # A comment at the end of a cell says nothing about the next one.
    assert places == [(2, 2, "unused-suppression"), (3, 1, "plain-waste")]
    assert result.json["summary"]["suppressed"] == 3
    assert smellcheck("--fix").code == 0
    assert json.loads((work / "a.ipynb").read_text())["cells"][1]["source"] == [f"demo.waste()  {own}"]


def test_fixed_cells_keep_their_magics(smellcheck: Cli, write: Write, work: Path) -> None:
    cell = "%%time\nimport demo\nif x:\n    !ls \\\n      -l\n    demo.waste()\nfiles = !ls\n%time demo.waste()\ndemo?"
    write({"a.ipynb": notebook(cell)})
    assert smellcheck("--fix").code == 0
    assert (work / "a.ipynb").read_text() == notebook(cell.replace("waste", "spare"))


def test_a_plain_module_is_no_notebook(smellcheck: Cli, write: Write, work: Path) -> None:
    write({"a.py": WASTE, "b.ipynb": TWO})
    assert smellcheck("--fix").code == 0
    assert (work / "a.py").read_text() == FIXED


def test_a_notebook_may_be_larger_than_a_module_but_not_without_end(smellcheck: Cli, write: Write, work: Path) -> None:
    picture = '"outputs": [{"png": "' + "A" * 6_000_000 + '"}]'
    write({"a.ipynb": TWO.replace('"outputs": []', picture)})
    (work / "b.ipynb").touch()
    os.truncate(work / "b.ipynb", 100_000_001)
    write({"c.ipynb": notebook("x = '" + "a" * 5_000_000 + "'")})
    result = smellcheck("--output-format", "json")
    assert [found["path"] for found in result.json["findings"]] == ["a.ipynb"]
    assert [(error["path"], error["kind"]) for error in result.json["errors"]] == [
        ("b.ipynb", "too-large"),
        ("c.ipynb", "too-large"),
    ]


def test_a_fix_that_would_not_come_back_is_not_written(
    smellcheck: Cli, write: Write, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"a.ipynb": TWO})
    monkeypatch.setattr("smellcheck.notebook.splice", lambda source, edits: [TextEdit(source.start, source.end, '"y"')])
    result = smellcheck("--fix", "--output-format", "json")
    assert result.code == 2
    assert [error["kind"] for error in result.json["errors"]] == ["encoding-error"]
    assert [found["rule"] for found in result.json["findings"]] == ["plain-waste"]
    assert (work / "a.ipynb").read_text() == TWO
