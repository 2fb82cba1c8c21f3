"""The exit code says what is left: 0 nothing, 1 findings, 2 something that could not be done."""

from __future__ import annotations

import pytest

from .conftest import WASTE, Cli, Write

FILES = {
    "clean.py": "print()\n",
    "waste.py": WASTE,
    "info.py": "import demo\n\ndemo.vague()\n",
    "risk.py": "import demo\n\ndemo.risk()\n",
    "advice.py": "import demo\n\ndemo.advise()\n",
    "quiet.py": "import demo\n\ndemo.waste()  # smellcheck: ignore[plain-waste]\n",
    "broken.py": "def f(:\n",
    "raises.py": "import demo\n\ndemo.explode()\n",
}


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ("clean.py", 0),
        ("check clean.py", 0),
        ("quiet.py", 0),
        ("waste.py", 1),
        ("check waste.py", 1),
        ("waste.py clean.py", 1),
        ("info.py", 0),
        ("advice.py", 0),
        ("advice.py --select all", 0),
        ("advice.py --select absent-thing --fail-on advice", 1),
        ("info.py --fail-on info", 1),
        ("waste.py --fail-on info", 1),
        ("waste.py --fail-on never", 0),
        ("waste.py --exit-zero", 0),
        ("waste.py --ignore plain-waste", 0),
        ("broken.py", 2),
        ("broken.py --exit-zero", 2),
        ("broken.py waste.py", 2),
        ("raises.py", 2),
        ("missing.py", 2),
        ("missing.py waste.py", 2),
        ("waste.py --fix", 0),
        ("waste.py --fix --exit-non-zero-on-fix", 1),
        ("clean.py --fix --exit-non-zero-on-fix", 0),
        ("risk.py --fix", 1),
        ("risk.py --fix --unsafe-fixes", 0),
        ("waste.py --diff", 1),
        ("clean.py --diff", 0),
        ("risk.py --diff", 0),
        ("risk.py --diff --unsafe-fixes", 1),
        ("waste.py --diff --exit-zero", 0),
        ("--version", 0),
        ("--help", 0),
        ("check --help", 0),
        ("--no-such-option", 2),
        ("waste.py --select no-such-rule", 2),
        ("waste.py --output-format yaml", 2),
        ("waste.py --output-format json --output-format text", 2),
        ("waste.py --output-format json:out.py", 2),
        ("waste.py --diff --output-format json", 2),
        ("waste.py --config missing.toml", 2),
        ("waste.py -j many", 2),
        ("waste.py --no-cache -j 1 --isolated", 1),
        ("- waste.py", 2),
    ],
)
def test_matrix(smellcheck: Cli, write: Write, args: str, code: int) -> None:
    write(FILES)
    result = smellcheck(*args.split())
    assert result.code == code, result


def test_an_empty_folder_is_a_warning(smellcheck: Cli) -> None:
    result = smellcheck()
    assert (result.code, result.out) == (0, "")
    assert "no Python files found" in result.err


def test_findings_on_stdout_and_all_else_on_stderr(smellcheck: Cli, write: Write) -> None:
    write(FILES)
    result = smellcheck("--output-format", "concise")
    assert result.out.splitlines() == [
        "info.py:3:1: vague-waste `vague` may waste",
        "risk.py:3:1: risky-waste [~] `risk` rounds twice",
        "waste.py:3:1: plain-waste [*] the work of `waste` is done for nothing",
    ]
    assert "error[syntax-error]: broken.py:1: " in result.err
    assert "error[rule-error]: raises.py: raising-rule raised RuntimeError: boom" in result.err
    assert "Found 3 smells in 8 files." in result.err
    assert "[*] 1 fixable with `--fix` (1 more with `--unsafe-fixes`)." in result.err
    assert "1 suppressed." in result.err


def test_all_is_well(smellcheck: Cli, write: Write) -> None:
    write({"clean.py": "print()\n"})
    result = smellcheck()
    assert (result.out, result.err) == ("", "All checks passed! 1 file.\n")
    assert smellcheck("-q").err == ""


def test_a_folder_named_like_a_command(smellcheck: Cli, write: Write) -> None:
    write({"rules/waste.py": WASTE})
    assert smellcheck("./rules").code == 1
    assert "plain-waste" in smellcheck("rules").out  # the command


def test_fix_says_what_it_fixed(smellcheck: Cli, write: Write) -> None:
    write({"waste.py": WASTE, "risk.py": FILES["risk.py"]})
    result = smellcheck("--fix", "--output-format", "concise")
    assert result.code == 1
    assert "Found 2 smells (1 fixed, 1 remaining) in 2 files." in result.err
    assert result.out.splitlines() == ["risk.py:3:1: risky-waste [~] `risk` rounds twice"]


def test_diff_changes_nothing(smellcheck: Cli, write: Write, work) -> None:
    write({"waste.py": WASTE, "crlf.py": WASTE.replace("\n", "\r\n"), "end.py": WASTE.rstrip("\n")})
    result = smellcheck("--diff")
    assert result.out == (
        "--- crlf.py\n+++ crlf.py\n@@ -1,3 +1,3 @@\n import demo\r\n \r\n-demo.waste()\r\n+demo.spare()\r\n"
        "--- end.py\n+++ end.py\n@@ -1,3 +1,3 @@\n import demo\n \n"
        "-demo.waste()\n\\ No newline at end of file\n+demo.spare()\n\\ No newline at end of file\n"
        "--- waste.py\n+++ waste.py\n@@ -1,3 +1,3 @@\n import demo\n \n-demo.waste()\n+demo.spare()\n"
    )
    assert result.err == "Would fix 3 smells in 3 files.\n"
    assert (work / "waste.py").read_text() == WASTE


def test_statistics_count_instead_of_listing(smellcheck: Cli, write: Write) -> None:
    write({"a.py": WASTE, "b.py": WASTE + "demo.risk()\ndemo.vague()\n"})
    result = smellcheck("--statistics")
    assert result.out.splitlines() == [
        "2  plain-waste  [*]  refactoring",
        "1  risky-waste  [~]  precision",
        "1  vague-waste       hardware",
    ]
    assert result.code == 1
    fixed = smellcheck("--statistics", "--fix")
    assert "0  plain-waste       2 fixed" in fixed.out
    beside = smellcheck("--statistics", "--output-format", "json")
    assert beside.json["findings"]
    assert "1  risky-waste  [~]  precision" in beside.err
