"""The configuration is read strictly, the closest one holds, and the command line has the last word."""

from __future__ import annotations

from pathlib import Path

import pytest

from smellcheck.config import KEYS, Settings, locate, read

from .conftest import WASTE, Cli, Write


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[tool.smellcheck]\nselekt = ["all"]\n', 2, "unknown key `selekt`; did you mean `select`?"),
        ('[tool.smellcheck]\nselect = "all"\n', 2, "`select` must be a list of strings"),
        ("[tool.smellcheck]\nselect = [1]\n", 2, "`select` must be a list of strings"),
        ('[tool.smellcheck]\nfix = "yes"\n', 2, "`fix` must be true or false"),
        ("[tool.smellcheck]\n\njobs = -1\n", 3, "`jobs` must be a whole number from 0"),
        ("[tool.smellcheck]\njobs = true\n", 2, "`jobs` must be a whole number from 0"),
        ('[tool.smellcheck]\nfail-on = "warnings"\n', 2, "did you mean `warning`?"),
        ('[tool.smellcheck]\noutput-format = "json:/x"\n', 2, "`output-format` must be one of"),
        ("[tool.smellcheck.per-file-ignores]\na = 1\n", 1, "`per-file-ignores` must be a table"),
        ('[tool.smellcheck]\nexclude = ["!"]\n', 2, "patterns as in a .gitignore"),
        ('[tool.smellcheck]\nrequired-version = ">=99"\n', 2, "smellcheck >=99 is required here"),
        ('[tool.smellcheck]\nrequired-version = "new"\n', 2, "is no version specifier"),
        ("[tool.smellcheck\n", 1, "is not valid TOML"),
        ("[tool]\nsmellcheck = 1\n", 2, "`tool.smellcheck` must be a table"),
        (
            '[tool.smellcheck]\nselect = [\n  "all",\n  "plain-wast",\n]\n',
            4,
            "`select`: unknown rule, family or practice `plain-wast`; did you mean `plain-waste`?",
        ),
        (
            '[tool.smellcheck]\nignore = ["dmo"]\n',
            2,
            "`ignore`: unknown rule, family or practice `dmo`; did you mean `demo`?",
        ),
        (
            '[tool.smellcheck]\n[tool.smellcheck.per-file-ignores]\n"*.py" = ["refactorin"]\n',
            3,
            "did you mean `refactoring`?",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(smellcheck: Cli, write: Write, text: str, line: int, said: str) -> None:
    write({"pyproject.toml": text, "a.py": WASTE})
    result = smellcheck()
    assert result.code == 2
    assert f"pyproject.toml:{line}: " in result.err
    assert said in result.err


def test_a_mistake_below_hides_only_what_is_below(smellcheck: Cli, write: Write) -> None:
    write({"a.py": WASTE, "sub/b.py": WASTE, "sub/smellcheck.toml": "what = 1\n", "c/d.py": WASTE})
    write({"c/smellcheck.toml": 'ignore = ["nothing"]\n'})
    result = smellcheck("--output-format", "json")
    assert result.code == 2
    assert [found["path"] for found in result.json["findings"]] == ["a.py"]
    assert [(error["path"], error["kind"], error["line"]) for error in result.json["errors"]] == [
        ("c/smellcheck.toml", "config-error", 1),
        ("sub/smellcheck.toml", "config-error", 1),
    ]


def test_every_key_is_understood(write: Write, work: Path) -> None:
    write(
        {
            "smellcheck.toml": """
select = ["demo"]
ignore = ["risky-waste"]
extend-select = ["trouble"]
exclude = ["a"]
extend-exclude = ["b/*.py"]
respect-gitignore = false
force-exclude = true
fix = true
unsafe-fixes = true
preview = true
output-format = "json"
fail-on = "never"
jobs = 3
required-version = ">=0.1"
[per-file-ignores]
"x.py" = ["all"]
"""
        }
    )
    assert read(work / "smellcheck.toml") == Settings(
        root=work,
        source=work / "smellcheck.toml",
        select=("demo",),
        ignore=("risky-waste",),
        extend_select=("trouble",),
        per_file_ignores=(("x.py", ("all",)),),
        exclude=("a",),
        extend_exclude=("b/*.py",),
        respect_gitignore=False,
        force_exclude=True,
        fix=True,
        unsafe_fixes=True,
        preview=True,
        output_format="json",
        fail_on="never",
        jobs=3,
        required_version=">=0.1",
    )
    assert {key.replace("-", "_") for key in KEYS} == set(Settings.__dataclass_fields__) - {"root", "source"}


def test_the_closest_holds_whole(smellcheck: Cli, write: Write) -> None:
    write(
        {
            "pyproject.toml": '[tool.smellcheck]\nignore = ["plain-waste"]\n',
            "a.py": WASTE,
            "sub/pyproject.toml": "[tool.other]\n",
            "sub/b.py": WASTE,
            "own/smellcheck.toml": "",
            "own/deep/c.py": WASTE,
        }
    )
    paths = [found["path"] for found in smellcheck("--output-format", "json").json["findings"]]
    assert paths == ["own/deep/c.py"]


def test_which_name_comes_first(smellcheck: Cli, write: Write) -> None:
    write({"a.py": WASTE, "pyproject.toml": "[tool.smellcheck]\nselect = []\n"})
    assert smellcheck().code == 0
    write({"smellcheck.toml": 'fail-on = "warning"\n'})
    assert smellcheck().code == 1
    write({".smellcheck.toml": 'fail-on = "never"\n'})
    assert smellcheck().code == 0


def test_a_configuration_of_the_user_is_the_last_resort(smellcheck: Cli, write: Write, tmp_path: Path) -> None:
    write({"a.py": WASTE})
    home = tmp_path / "home" / "smellcheck"
    home.mkdir(parents=True)
    (home / "smellcheck.toml").write_text('ignore = ["plain-waste"]\n')
    assert smellcheck().code == 0
    assert smellcheck("--isolated").code == 1
    write({"smellcheck.toml": ""})
    assert smellcheck().code == 1


def test_a_broken_pyproject_of_others_is_theirs(smellcheck: Cli, write: Write) -> None:
    write({"a.py": WASTE, "pyproject.toml": "[tool.black\n"})
    assert smellcheck().code == 1


def test_isolated_and_config(smellcheck: Cli, write: Write) -> None:
    write({"a.py": WASTE, "smellcheck.toml": "select = []\n", "ci/other.toml": 'exclude = ["/a.py"]\n'})
    assert smellcheck().code == 0
    assert smellcheck("--isolated").code == 1
    result = smellcheck("--config", "ci/other.toml")
    assert result.code == 0
    assert "no Python files" in result.err  # its patterns are relative to here


def test_the_command_line_overrides(smellcheck: Cli, write: Write, work: Path) -> None:
    write({"a.py": WASTE, "smellcheck.toml": 'fix = true\noutput-format = "json"\nfail-on = "never"\n'})
    assert smellcheck("--no-fix").json["findings"]
    assert smellcheck("--no-fix", "--fail-on", "warning").code == 1
    assert smellcheck("--no-fix", "--output-format", "concise").out.startswith("a.py:3:1: ")
    assert (work / "a.py").read_text() == WASTE
    assert smellcheck().json["summary"]["fixed"] == 1


def test_per_file_ignores(smellcheck: Cli, write: Write) -> None:
    write(
        {
            "smellcheck.toml": """
[per-file-ignores]
"tests/*" = ["plain-waste"]
"!src/**" = ["precision"]
"old" = ["all"]
""",
            **{f"{name}.py": WASTE + "demo.risk()\n" for name in ("src/a", "tests/b", "tests/x/c", "old/d", "e")},
        }
    )
    found = [(one["path"], one["rule"]) for one in smellcheck("--output-format", "json").json["findings"]]
    assert found == [("e.py", "plain-waste"), ("src/a.py", "plain-waste"), ("src/a.py", "risky-waste")]


@pytest.mark.parametrize(
    ("text", "key", "value", "line"),
    [
        ('a = 1\nselect = ["x"]\n', "select", None, 2),
        ('[tool.smellcheck]\nselect = [\n "x",\n "y"]\n', "select", "y", 4),
        ('tool.smellcheck.select = ["x"]\n', "select", "x", 1),
        ('[per-file-ignores]\n"a" = ["x"]\n', "per-file-ignores", "x", 2),
        ("", "select", "x", None),
    ],
)
def test_where_a_key_stands(text: str, key: str, value: str | None, line: int | None) -> None:
    assert locate(text, key, value) == line
