"""What is not needed is not imported, and nothing of the code under analysis ever is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SHOW = "import sys; {code}; print('\\n'.join(sys.modules))"


def imported(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", SHOW.format(code=code)], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "from smellcheck.cli import main; main(['--version'])",
        "from smellcheck.cli import main; main(['config', '--schema'])",
        "import smellcheck",
        "import smellcheck.config, smellcheck.discover, smellcheck.report.text, smellcheck.report.sarif",
        "import smellcheck.run, smellcheck.checking",
    ],
)
def test_the_heavy_ones_stay_out(code: str) -> None:
    modules = imported(code)
    assert not modules & {"libcst", "rich", "pathspec", "astroid", "torch", "pytest"}


def test_reports_need_no_parser() -> None:
    modules = imported(
        "from smellcheck.report import Look, Report, render;"
        "[render(form, Report(), Look()) for form in ('text', 'json', 'sarif', 'github', 'concise')]"
    )
    assert not {name for name in modules if name.startswith(("libcst", "smellcheck.engine", "smellcheck.facts"))}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_code_under_analysis_is_never_imported(work: Path, jobs: str) -> None:
    trap = "import pathlib; pathlib.Path(__file__).with_suffix('.sprung').touch()\nimport torch\n"
    names = (
        "torch",
        "libcst",
        "click",
        "random",
        "sitecustomize",
        "conftest",
        "json",
        "smellcheck_rules",
        "yaml",
    )
    for name in names:
        (work / f"{name}.py").write_text(trap)
    (work / "sub").mkdir()
    (work / "sub" / "smellcheck.toml").write_text("")
    args = [sys.executable, "-m", "smellcheck", "-j", jobs, "--output-format", "json"]
    done = subprocess.run(args, cwd=work, capture_output=True, text=True, check=False)
    assert not list(work.glob("*.sprung")), done.stderr
    assert '"findings": []' in done.stdout
