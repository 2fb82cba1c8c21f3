"""A second run finds the same without looking, and is never deceived."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from smellcheck.cache import Cache
from smellcheck.finding import Problem
from smellcheck.single import Outcome

from .conftest import notebook

WASTE = (
    "import torch\n\n\ndef f(opt):\n    model = torch.nn.Linear(1, 1).cuda()\n    model.eval()\n"
    "    return [model(x).item() for x in opt]\n"
)
CLEAN = "import os\n"
HEAVY = {"libcst", "rich", "astroid", "smellcheck.engine", "smellcheck.file", "smellcheck.plugins", "smellcheck_rules"}
SHOW = """
import sys
from smellcheck.cli import main
code = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""


#: Says of every file that is looked at, and not remembered.
WATCH = """
import os, sys
from smellcheck import share
analyse = share.analyse
def watched(job, **more):
    os.write(2, f"looked-at:{job.shown}\\n".encode())
    return analyse(job, **more)
share.analyse = watched
from smellcheck.cli import main
sys.exit(main(sys.argv[1:]))
"""
NET = """import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 8)

    def forward(self, x):
        return self.layer(x)


def load():
    return Net().eval()
"""
SCORE = """import torch
from net import load


class Scorer:
    def __init__(self):
        self.net = load()

    def score(self, x):
        return self.net(x)[0].tolist()
"""
QUIET = "import torch\nfrom score import Scorer\n\nwith torch.no_grad():\n    Scorer().score(1)\n"


@pytest.fixture(autouse=True)
def _cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMELLCHECK_NO_CACHE")
    monkeypatch.delenv("SMELLCHECK_CACHE_DIR", raising=False)


def smellcheck(*args: str, cwd: Path) -> tuple[int, dict, set[str]]:
    command = [sys.executable, "-c", SHOW, "check", "--output-format", "json", *args]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 2), done.stderr
    return done.returncode, json.loads(done.stdout), set(done.stderr.split())


@pytest.fixture
def project(work: Path) -> Path:
    (work / "waste.py").write_text(WASTE)
    (work / "clean.py").write_text(CLEAN)
    (work / "broken.py").write_text("def f(:\n")
    return work


def entries(project: Path) -> list[Path]:
    return sorted((project / ".smellcheck_cache").glob("*/*.txt"))


def test_a_run_where_nothing_changed_loads_nothing_and_says_the_same(project: Path) -> None:
    code, first, _ = smellcheck(cwd=project)
    assert code == 2
    assert [finding["rule"] for finding in first["findings"]] == ["missing-no-grad"]
    assert first["findings"][0]["fix"]
    again, second, modules = smellcheck(cwd=project)
    assert (again, second) == (code, first)
    assert not modules & HEAVY


def test_a_notebook_is_remembered_cell_by_cell(project: Path) -> None:
    (project / "waste.ipynb").write_text(notebook("x = 1", "%%time\n" + WASTE, "print 'two'"))
    code, first, _ = smellcheck("waste.ipynb", "--output-format", "sarif:first.sarif", cwd=project)
    assert code == 0  # in a notebook it is information
    assert [finding["cell"] for finding in first["findings"]] == [2]
    assert [note["cell"] for note in first["notes"]] == [3]
    assert smellcheck("waste.ipynb", cwd=project)[1] == first
    again, second, modules = smellcheck("waste.ipynb", cwd=project)
    assert (again, second) == (code, first)
    assert not modules & HEAVY
    smellcheck("waste.ipynb", "--output-format", "sarif:second.sarif", cwd=project)
    assert (project / "first.sarif").read_text() == (project / "second.sarif").read_text()


def test_one_file_that_cannot_smell_loads_nothing(project: Path) -> None:
    smellcheck("waste.py", cwd=project)
    (project / "new.py").write_text("import os\nprint(os)\n")
    code, told, modules = smellcheck("new.py", cwd=project)
    assert (code, told["findings"]) == (0, [])
    assert not modules & HEAVY


def test_the_directory_is_for_no_other_tool(project: Path) -> None:
    smellcheck(cwd=project)
    home = project / ".smellcheck_cache"
    assert (home / ".gitignore").read_text().endswith("*\n")
    assert (home / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
    assert smellcheck(cwd=project)[1]["summary"]["files"] == 3


def test_content_counts_and_time_does_not(project: Path) -> None:
    smellcheck(cwd=project)
    times = os.stat(project / "waste.py")
    (project / "waste.py").write_text(WASTE.replace(".item()", ".grad_fn"))
    os.utime(project / "waste.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert smellcheck(cwd=project)[1]["findings"] == []
    (project / "waste.py").write_text(WASTE)
    os.utime(project / "waste.py", (0, 0))
    _, told, modules = smellcheck(cwd=project)
    assert len(told["findings"]) == 1
    assert not modules & HEAVY


def test_selection_and_name_are_part_of_the_key(project: Path) -> None:
    smellcheck(cwd=project)
    assert smellcheck("--ignore", "missing-no-grad", cwd=project)[1]["findings"] == []
    (project / "test_waste.py").write_text("import pytest\n" + WASTE)
    (project / "waste_again.py").write_text("import pytest\n" + WASTE)
    found = [finding["path"] for finding in smellcheck(cwd=project)[1]["findings"]]
    assert found == ["waste.py", "waste_again.py"]


def test_a_fix_goes_through_the_cache(project: Path) -> None:
    smellcheck(cwd=project)
    smellcheck("--fix", cwd=project)
    assert "no_grad" in (project / "waste.py").read_text()
    _, told, _ = smellcheck("--fix", cwd=project)
    assert told["findings"] == []
    assert told["summary"]["fixed"] == 0


@pytest.mark.parametrize("seed", range(6))
def test_what_is_corrupt_is_a_miss(project: Path, seed: int) -> None:
    _, first, _ = smellcheck("waste.py", "broken.py", cwd=project)
    chance = random.Random(seed)
    for path in [*entries(project), *(project / ".smellcheck_cache").glob("*/rules.json")]:
        data = bytearray(path.read_bytes())
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(bytes(data[: chance.choice([len(data), len(data) // 2, 0])]))
    assert smellcheck("waste.py", "broken.py", cwd=project)[1] == first


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1]", '[{"name": 1}]', "null", "\xff", "[" * 100_000])
def test_a_manifest_that_is_none_is_a_miss(project: Path, text: str) -> None:
    _, first, _ = smellcheck("waste.py", cwd=project)
    (manifest,) = (project / ".smellcheck_cache").glob("*/rules.json")
    manifest.write_text(text, encoding="latin-1")
    for path in entries(project):
        path.unlink()
    assert smellcheck("waste.py", cwd=project)[1] == first


def test_runs_side_by_side_agree(project: Path) -> None:
    for number in range(8):
        (project / f"waste{number}.py").write_text(WASTE + f"# {number}\n")
    with ThreadPoolExecutor(4) as pool:
        told = [told for _, told, _ in pool.map(lambda _: smellcheck(cwd=project), range(5))]
    assert all(one == told[0] for one in told)
    assert len(told[0]["findings"]) == 9
    assert not list((project / ".smellcheck_cache").glob("**/*.tmp"))


def test_a_link_is_not_followed_unless_named(project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project / ".smellcheck_cache").symlink_to(tmp_path / "elsewhere")
    assert len(smellcheck(cwd=project)[1]["findings"]) == 1
    assert not list((tmp_path / "elsewhere").iterdir())
    smellcheck("--cache-dir", ".smellcheck_cache", cwd=project)
    assert list((tmp_path / "elsewhere").iterdir())


def test_without_and_elsewhere(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smellcheck("--no-cache", cwd=project)
    assert not (project / ".smellcheck_cache").exists()
    monkeypatch.setenv("SMELLCHECK_CACHE_DIR", str(tmp_path / "there"))
    smellcheck(cwd=project)
    assert not (project / ".smellcheck_cache").exists()
    assert (tmp_path / "there" / "CACHEDIR.TAG").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_where_nothing_can_be_written_nothing_is_kept(project: Path) -> None:
    project.chmod(0o555)
    try:
        assert len(smellcheck(cwd=project)[1]["findings"]) == 1
    finally:
        project.chmod(0o755)


def test_a_file_in_its_place_is_left_alone(project: Path) -> None:
    (project / ".smellcheck_cache").write_text("mine")
    assert len(smellcheck(cwd=project)[1]["findings"]) == 1
    assert (project / ".smellcheck_cache").read_text() == "mine"


def test_old_entries_are_dropped(tmp_path: Path) -> None:
    today = int(time.time() // 86_400)
    for key, age in (("a0", 31), ("a1", 29), ("a2", 0)):
        cache = Cache(tmp_path, "now")
        cache._today = today - age
        cache.put(Outcome(suppressed=age, key=key))
        cache.save()
    (tmp_path / "then").mkdir()
    (tmp_path / "then" / "rules.json").touch()
    os.utime(tmp_path / "then" / "rules.json", (0, 0))
    cache = Cache(tmp_path, "now")
    assert [cache.get(key) for key in ("a0", "a3")] == [None, None]
    assert cache.get("a1") == Outcome(suppressed=29)
    cache.save()
    assert not (tmp_path / "then").exists()
    cache = Cache(tmp_path, "now")
    cache._today = today + 20
    assert cache.get("a1") == Outcome(suppressed=29)


def test_what_may_pass_is_not_remembered(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "now")
    for kind in ("crash", "timeout", "io-error", "rule-error", "fix-error"):
        cache.put(Outcome(problems=(Problem("x.py", kind, "failed"),), key="a0"))
    cache.put(Outcome(change=("old", "new"), key="a1"))
    assert cache.get("a0") is None
    assert cache.get("a1") is None


def test_clean(project: Path) -> None:
    smellcheck(cwd=project)
    command = [sys.executable, "-m", "smellcheck", "clean"]
    assert subprocess.run(command, cwd=project, check=False).returncode == 0
    assert not (project / ".smellcheck_cache").exists()
    assert subprocess.run(command, cwd=project, check=False).returncode == 0
    (project / ".smellcheck_cache").mkdir()
    (project / ".smellcheck_cache" / "mine").write_text("")
    assert subprocess.run(command, cwd=project, check=False, capture_output=True).returncode == 2
    assert (project / ".smellcheck_cache" / "mine").exists()


# -- what other files say --------------------------------------------------------------------------


def looked_at(*args: str, cwd: Path) -> tuple[list[str], list[str]]:
    """The findings of a run by place, and the files that it looked at."""
    command = [sys.executable, "-c", WATCH, "check", "--output-format", "json", *args]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    found = [f"{each['path']}:{each['range']['start']['line']}" for each in json.loads(done.stdout)["findings"]]
    paths = (line.partition(":")[2] for line in done.stderr.splitlines() if line.startswith("looked-at:"))
    return found, sorted(paths)


@pytest.fixture
def siblings(work: Path) -> Path:
    """A project whose parts are judged by one another."""
    (work / "setup.cfg").touch()
    (work / "net.py").write_text(NET)
    (work / "score.py").write_text(SCORE)
    (work / "alone.py").write_text(WASTE)
    assert looked_at(cwd=work) == (["alone.py:7", "score.py:10"], ["alone.py", "net.py", "score.py"])
    assert looked_at(cwd=work) == (["alone.py:7", "score.py:10"], [])
    return work


def test_a_sibling_that_says_something_else_is_the_end_of_what_was_found_by_it(siblings: Path) -> None:
    (siblings / "net.py").write_text(NET.replace("(torch.nn.Module)", ""))
    assert looked_at(cwd=siblings) == (["alone.py:7"], ["net.py", "score.py"])
    (siblings / "net.py").write_text(NET)
    assert looked_at(cwd=siblings) == (["alone.py:7", "score.py:10"], [])


def test_a_sibling_that_says_the_same_in_other_words_is_not(siblings: Path) -> None:
    (siblings / "net.py").write_text("# said otherwise\n\n" + NET)
    assert looked_at(cwd=siblings) == (["alone.py:7", "score.py:10"], ["net.py"])


def test_a_caller_that_comes_and_goes_counts(siblings: Path) -> None:
    (siblings / "quiet.py").write_text(QUIET)
    found, paths = looked_at(cwd=siblings)
    assert found == ["alone.py:7"]
    assert "score.py" in paths
    assert "net.py" not in paths
    assert looked_at(cwd=siblings) == (["alone.py:7"], [])
    (siblings / "quiet.py").unlink()
    assert looked_at(cwd=siblings)[0] == ["alone.py:7", "score.py:10"]


def test_a_module_that_moves_in_front_of_another_counts(siblings: Path) -> None:
    (siblings / "net").mkdir()
    (siblings / "net" / "__init__.py").write_text("def load(): ...\n")
    assert looked_at(cwd=siblings)[0] == ["alone.py:7"]


def test_one_file_alone_is_judged_by_its_siblings_too(siblings: Path) -> None:
    assert looked_at("score.py", cwd=siblings) == (["score.py:10"], [])
    assert looked_at("--no-cache", "score.py", cwd=siblings)[0] == ["score.py:10"]
    (siblings / "quiet.py").write_text(QUIET)
    assert looked_at("score.py", cwd=siblings) == ([], ["score.py"])


def test_processes_and_standard_input_agree(siblings: Path) -> None:
    for number in range(6):
        (siblings / f"more{number}.py").write_text(SCORE.replace("def score", f"def score{number}"))
    one, many = (looked_at("--no-cache", f"-j{jobs}", cwd=siblings)[0] for jobs in (1, 3))
    assert one == many
    assert len(one) == 8
    command = [sys.executable, "-m", "smellcheck", "check", "--output-format", "json"]
    command += ["--stdin-filename", "score.py", "-"]
    done = subprocess.run(command, cwd=siblings, input=SCORE, capture_output=True, text=True, check=False)
    assert [each["range"]["start"]["line"] for each in json.loads(done.stdout)["findings"]] == [10]


def test_what_is_known_of_siblings_outlives_a_run(siblings: Path) -> None:
    (siblings / "score.py").write_text(SCORE + "\n\nprint(Scorer)\n")
    summaries = {path.name: path.read_text() for path in entries(siblings) if path.name.startswith("s")}
    assert summaries
    found, paths = looked_at(cwd=siblings)
    assert (found, paths) == (["alone.py:7", "score.py:10"], ["score.py"])
    for path in entries(siblings):
        if path.name.startswith("s"):
            path.write_text(path.read_text().replace("torch", "porch"))
    (siblings / "score.py").write_text(SCORE)
    assert looked_at(cwd=siblings)[0] == ["alone.py:7", "score.py:10"]
