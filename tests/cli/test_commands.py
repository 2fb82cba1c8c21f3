"""The commands beside `check`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from smellcheck.config import KEYS

from .conftest import Cli, Write


def test_rule_prints_its_page(smellcheck: Cli) -> None:
    page = (Path(__file__).parent / "sample_rules" / "demo" / "plain_waste.md").read_text()
    assert smellcheck("rule", "plain-waste").out == page
    told = smellcheck("rule", "plain-waste", "--output-format", "json").json
    assert (told["family"], told["level"], told["fix"], told["page"]) == ("demo", "warning", True, page)
    assert told["why"].startswith("Calls `demo.waste`")


def test_rule_on_a_terminal_is_rendered(smellcheck: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = smellcheck("rule", "plain-waste").out
    assert "# Plain waste" not in shown
    assert "Plain waste" in shown
    assert "demo · refactoring · warning" in shown


def test_an_unknown_rule(smellcheck: Cli) -> None:
    result = smellcheck("rule", "plain-wast")
    assert result.code == 2
    assert "did you mean `plain-waste`?" in result.err


def test_rules_are_listed(smellcheck: Cli) -> None:
    lines = smellcheck("rules").out.splitlines()
    assert lines[0].split() == ["name", "family", "practice", "level", "fix"]
    assert "plain-waste   demo     refactoring  warning  yes" in lines
    assert "early-idea    demo     refactoring  warning  -    preview" in lines
    told = smellcheck("rules", "--output-format", "json").json
    assert [rule["name"] for rule in told if rule["preview"]] == ["early-idea"]


def test_config_tells_its_keys(smellcheck: Cli) -> None:
    told = smellcheck("config").out
    assert all(f"{key}\n" in told for key in KEYS)
    assert smellcheck("config", "fail-on").out.startswith("fail-on\n    The mildest level")
    result = smellcheck("config", "fail-onn")
    assert (result.code, "did you mean `fail-on`?" in result.err) == (2, True)


def test_version(smellcheck: Cli) -> None:
    from smellcheck import __version__

    assert smellcheck("--version").out == smellcheck("-V").out == f"smellcheck {__version__}\n"


@pytest.mark.parametrize("name", ["waste", "demo/waste", "Demo/plain-waste", "demo/Plain-waste", "demo/../a-b", "a-b"])
def test_new_refuses_a_bad_name(smellcheck: Cli, name: str) -> None:
    result = smellcheck("new", name, "--into", "rules")
    assert result.code == 2
    assert "is no name for a rule" in result.err


def test_new_needs_a_rule_package(smellcheck: Cli) -> None:
    result = smellcheck("new", "demo/new-waste")
    assert result.code == 2
    assert "--into" in result.err


@pytest.mark.parametrize(
    ("files", "package"),
    [
        ({"rules/__init__.py": ""}, "rules"),
        (
            {
                "pyproject.toml": '[project.entry-points."smellcheck.rules"]\nx = "my_rules"\n',
                "src/my_rules/__init__.py": "",
            },
            "src/my_rules",
        ),
        (
            {
                "pyproject.toml": '[project.entry-points."smellcheck.rules"]\nx = "my_rules"\n'
                '[tool.setuptools]\npackage-dir = {my_rules = "lib/rules"}\n',
                "lib/rules/__init__.py": "",
            },
            "lib/rules",
        ),
    ],
)
def test_new_finds_the_rule_package(
    smellcheck: Cli, write: Write, work: Path, files: dict[str, str], package: str
) -> None:
    write(files)
    result = smellcheck("new", "demo/new-waste")
    assert result.code == 0, result
    written = [work / package / "demo" / name for name in ("__init__.py", "new_waste.py", "new_waste.md")]
    assert all(path.is_file() for path in written)
    assert "pyproject.toml" in result.err
    assert "smellcheck test " in result.err
    again = smellcheck("new", "demo/new-waste")
    assert (again.code, "is there already" in again.err) == (2, True)
    assert "pyproject.toml" not in smellcheck("new", "demo/other-waste").err  # the family is there by now


def test_a_new_rule_is_red_on_purpose_and_green_when_it_is_written(smellcheck: Cli, write: Write, work: Path) -> None:
    """The whole way of a stranger: start a rule, run its page, write the check, run it again."""
    write({"pack/__init__.py": ""})
    assert smellcheck("new", "demo/new-waste", "--into", "pack").code == 0
    red = _test(work)
    assert red.returncode == 1, red.stdout + red.stderr
    assert "marked lines [3], found []" in red.stdout
    check = work / "pack" / "demo" / "new_waste.py"
    text = check.read_text()
    body = """    if file.name(call.func) == "demo.wasteful":
        yield Smell(call, "everything is wasted")
"""
    check.write_text(text.replace("    yield from ()\n", body))
    green = _test(work)
    assert green.returncode == 0, green.stdout + green.stderr


def _test(work: Path) -> subprocess.CompletedProcess[str]:
    args = [sys.executable, "-m", "smellcheck", "test", "pack"]
    return subprocess.run(args, cwd=work, capture_output=True, text=True, check=False)


def test_a_folder_without_pages(work: Path) -> None:
    (work / "pack").mkdir()
    result = _test(work)
    assert result.returncode != 0
    assert "no rule page found" in result.stderr


def test_hooks_call_what_there_is(smellcheck: Cli, write: Write) -> None:
    yaml = pytest.importorskip("yaml")
    hooks = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks] == ["smellcheck", "smellcheck-fix"]
    write({"a.py": "import demo\n\ndemo.waste()\n", "build/b.py": "import demo\n\ndemo.waste()\n"})
    for hook in hooks:
        assert hook["require_serial"]
        program, *args = hook["entry"].split()
        assert program == "smellcheck"
        result = smellcheck(*args, "a.py", "build/b.py")
        assert result.code == 1
        assert "build/b.py" not in result.out
    assert json.loads(smellcheck("a.py", "--output-format", "json").out)["findings"] == []
