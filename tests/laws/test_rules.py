"""What must hold of every rule: names, pages, packaging, and that none of them raises on real code."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from smellcheck import plugins
from smellcheck.engine import check
from smellcheck.page import read_page
from smellcheck.rule import Rule

ROOT = Path(__file__).parents[2]
RULES = plugins.rules()


def built_in() -> list[Path]:
    return sorted(path for path in (ROOT / "rules").glob("*/*.py") if path.name != "__init__.py")


def test_every_check_is_loaded_and_every_page_has_its_check() -> None:
    stems = [path.with_suffix("") for path in built_in()]
    assert sorted(rule.path.resolve().with_suffix("") for rule in RULES if rule.path.is_relative_to(ROOT)) == stems
    assert sorted(path.with_suffix("") for path in (ROOT / "rules").glob("*/*.md")) == stems


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_file_and_folder_give_the_name(rule: Rule) -> None:
    assert rule.name == rule.path.stem.replace("_", "-")
    assert rule.family == rule.path.parent.name
    assert rule.summary
    assert not rule.summary.endswith("..")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_pages_have_four_look_alikes_that_stay_silent(rule: Rule) -> None:
    page = read_page(rule.page)
    assert len([case for case in page.cases if not case.marked]) >= 4
    assert page.proofs or page.no_proof


def test_pytest_collects_every_page() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "rules"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    for rule in RULES:
        assert f"{rule.page.name}::page" in listed


def test_the_wheel_holds_every_check_and_page(tmp_path: Path) -> None:
    options = ["-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in built_in():
        for suffix in (".py", ".md"):
            assert f"smellcheck_rules/{path.parent.name}/{path.stem}{suffix}" in names
    for path in (ROOT / "smellcheck").rglob("*.py"):
        assert path.relative_to(ROOT).as_posix() in names


def installed_sources(package: str, count: int) -> list[Path]:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return []
    files = sorted(Path(spec.submodule_search_locations[0]).rglob("*.py"))
    return random.Random(package).sample(files, min(count, len(files)))


@pytest.mark.parametrize("package", ["torch", "transformers", "sentence_transformers", "sklearn"])
def test_no_rule_raises_on_a_framework_s_own_code(package: str) -> None:
    files = installed_sources(package, 25)
    if not files:
        pytest.skip(f"{package} is not installed")
    for path in files:
        found = check(path.read_text(encoding="utf-8"), RULES, str(path), frozenset(rule.name for rule in RULES))
        assert not [problem for problem in found.problems if problem.kind == "rule-error"], path
