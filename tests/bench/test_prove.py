"""`prove` runs what it is given in copies, compares what comes out, and claims no more than the interval does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from smellcheck.bench.meter import Opened
from smellcheck.bench.process import Program, Ran, RunError, difference, module_paths, run
from smellcheck.bench.prove import Asked, Proof, _fix, _race, prove
from smellcheck.bench.replay import FakeClock, Replay
from smellcheck.bench.verdict_words import data_of, told, verdict_of
from smellcheck.selection import Layer

pytestmark = pytest.mark.skipif(not hasattr(os, "wait4"), reason="the system does not tell what a process used")

SCRIPT = """
import sys
from pathlib import Path
import torch
from torch import nn

def predict(model, batches):
    model.eval()
    answers = []
    for batch in batches:
        answers.append(model(batch).argmax(-1).tolist())
    return answers

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
answers = predict(model, [torch.randn(3, 8) for _ in range(2)])
Path("answers.txt").write_text(str(answers))
print(sys.argv[1:])
"""


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "infer.py").write_text(SCRIPT)
    (root / "pyproject.toml").write_text("")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.chdir(root)
    return root


def test_a_real_script_from_the_command_line(project: Path, tmp_path: Path) -> None:
    before = tree(project)
    options = ["--pairs", "3", "--compare", "answers.txt", "--output-format", "json"]
    command = [sys.executable, "-m", "smellcheck", "prove", *options, "infer.py", "--fast", "-n", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["fixed"] == {"missing-no-grad": 1}
    assert result["differs"] is None
    assert result["compared"] == ["answers.txt", "standard output"]
    assert len(result["pairs"]) == 3
    assert all(pair[arm]["cpu_s"] > 0 for pair in result["pairs"] for arm in ("original", "fixed"))
    assert {"CPU time", "wall time", "peak memory"} <= set(result["ratios"])
    assert tree(project) == before
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing_behind(project: Path, tmp_path: Path, number: signal.Signals, code: int) -> None:
    (project / "infer.py").write_text(SCRIPT + "\nPath('up').touch()\nimport time\ntime.sleep(600)\n")
    before = tree(project)
    running = subprocess.Popen([sys.executable, "-m", "smellcheck", "prove", "infer.py"], stderr=subprocess.PIPE)
    scratch, deadline = tmp_path / "scratch", time.monotonic() + 120
    while not list(scratch.glob("*/run/up")) and time.monotonic() < deadline:
        time.sleep(0.1)
    running.send_signal(number)
    running.communicate(timeout=60)
    assert running.returncode == code
    assert tree(project) == before
    assert not list(scratch.iterdir())


def test_nothing_to_fix_runs_nothing(project: Path) -> None:
    (project / "infer.py").write_text("raise SystemExit(3)\n")
    proof = prove(Asked(Path("infer.py")), Layer(), print)
    assert proof == Proof({})
    assert verdict_of(proof) == "not-measured"
    assert "nothing to prove" in told(proof)


def test_a_script_that_fails_as_it_is(project: Path) -> None:
    (project / "infer.py").write_text(SCRIPT + "\nraise ValueError('as ever')\n")
    with pytest.raises(RunError, match=r"(?s)exit code 1.*as ever"):
        prove(Asked(Path("infer.py")), Layer(), print)


def test_a_file_that_is_never_written(project: Path) -> None:
    with pytest.raises(RunError, match=r"does not write other\.txt"):
        prove(Asked(Path("infer.py"), compare=(Path("other.txt"),)), Layer(), print)


def race(tmp_path: Path, original: str, mended: str, opened: Opened, **asked: float) -> Proof:
    for arm, text in (("original", original), ("mended", mended)):
        (tmp_path / arm).mkdir()
        (tmp_path / arm / "main.py").write_text(text)
    program = Program((sys.executable, "-S", "main.py"), Path())
    arms = tmp_path / "original", tmp_path / "mended"
    settings = Asked(Path("main.py"), pairs=4, **asked)  # type: ignore[arg-type]
    return _race(settings, program, arms, tmp_path / "run", {"a-rule": 2}, opened, lambda _text: None)


class Order(Replay):
    """A meter that gives the arms 100 J and 60 J, in the order of pairs, and drifts."""

    def __init__(self) -> None:
        super().__init__([(0, 0)], FakeClock(), "gpu-board")
        self.readings = 0

    def read(self) -> float:
        self.readings += 1
        if self.readings % 2 == 0:
            number = self.readings // 2 - 1
            joules = 100.0 if number % 4 in (0, 3) else 60.0
            self.spend(1, joules * (1 + number / 100))
        return super().read()


def test_runs_alternate_under_the_meter_and_energy_decides(tmp_path: Path) -> None:
    proof = race(tmp_path, "print('same')", "print('same')", Opened((Order(),), ()))
    joules = [(one.joules["gpu-board"], two.joules["gpu-board"]) for one, two in proof.pairs]
    assert [one / two for one, two in joules] == pytest.approx([100 / 60] * 4, rel=0.03)
    assert verdict_of(proof) == "saves"
    text = told(proof)
    assert text.startswith("these 2 fixes: 0.60× energy (gpu-board) (0.")
    assert "outputs equal (standard output)" in text
    assert "no energy" not in text


@pytest.mark.parametrize(
    ("original", "mended", "why"),
    [
        ("print(1)", "print(2)", "standard output differs"),
        ("import time; print(time.time_ns())", "print(1)", "the original does not do the same twice"),
        ("print(1)", "raise ValueError('broken by it')", "broken by it"),
        ("print(1)", "print(1); raise SystemExit(3)", "exit code 3"),
        # What one run leaves, the next does not find.
        ("import pathlib; p = pathlib.Path('seen'); print(p.exists()); p.touch()", "print(False)", None),
    ],
)
def test_outputs_decide_first(tmp_path: Path, original: str, mended: str, why: str | None) -> None:
    proof = race(tmp_path, original, mended, Opened((Order(),), ()))
    if why is None:
        assert proof.differs is None
        return
    assert proof.differs is not None and why in proof.differs
    assert verdict_of(proof) == data_of(proof)["verdict"] == "invalid-outputs"
    assert "×" not in told(proof)


def test_numbers_may_be_apart_where_that_is_said() -> None:
    one, other = (Ran(0, 1, 1, 1, {}, {"out": text}) for text in (b"loss 0.500000 at 3", b"loss 0.500001 at 3"))
    assert difference(one, other) == "out differs"
    assert difference(one, other, 1e-5) is None
    assert difference(one, Ran(0, 1, 1, 1, {}, {"out": b"gain 0.500000 at 3"}), 1e-5) == "out differs"
    assert difference(one, Ran(0, 1, 1, 1, {}, {}), 1e-5) == "out is written by one of them only"


def test_what_a_process_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "it").mkdir()
    code = "held = bytearray(60_000_000)\nfor _ in range(3_000_000): pass"
    ran = run(Program((sys.executable, "-c", code), Path()), tmp_path / "it", tmp_path / "run")
    assert ran.peak_rss > 60_000_000
    assert ran.cpu_s > 0
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("factors", "verdict"),
    [
        ([0.7, 0.72, 0.69, 0.71], "saves"),
        ([1.3, 1.32, 1.29, 1.31], "costs"),
        ([1.001, 0.999, 1.002, 0.998], "no-effect"),
        ([0.9, 1.1, 0.8, 1.05], "cannot-tell"),
        ([0.96, 0.95, 0.97, 0.98], "cannot-tell"),
    ],
)
def test_the_verdict_is_that_of_the_whole_interval(factors: list[float], verdict: str) -> None:
    original = [10.0, 11.0, 9.0, 10.5]
    pairs = [(Ran(0, 1, one, 1), Ran(0, 1, one * factor, 1)) for one, factor in zip(original, factors, strict=True)]
    metrics = {"CPU time": ([one.cpu_s for one, _ in pairs], [two.cpu_s for _, two in pairs])}
    proof = Proof({"a-rule": 1}, tuple(pairs), None, ("standard output",), ("no meter",), metrics)
    assert verdict_of(proof) == verdict
    assert f"{verdict}; outputs equal" in told(proof)
    assert "no energy was metered: no meter" in told(proof)


def test_a_package_installed_in_place_comes_from_the_copy(tmp_path: Path) -> None:
    """As setuptools installs a package of a layout that a path cannot express: by a finder of its own."""
    project, hook = tmp_path / "project", tmp_path / "hook"
    (project / "lib" / "nets").mkdir(parents=True)
    (project / "lib" / "nets" / "__init__.py").write_text("")
    hook.mkdir()
    (hook / "sitecustomize.py").write_text("import sys, finder\nsys.meta_path.append(finder.Finder)\n")
    (hook / "finder.py").write_text(
        f"MAPPING = {{'nets': {str(project / 'lib' / 'nets')!r}, 'other': {str(project / 'plain')!r}}}\n"
        "class Finder:\n    def find_spec(name, path=None, target=None):\n        return None\n"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={hook} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    assert module_paths(str(python), project) == (Path("lib"),)


def test_fixes_that_no_run_would_import_are_not_judged(project: Path, tmp_path: Path) -> None:
    """As where a package is installed in place under another name: no path leads to its copy."""
    hook, lib = tmp_path / "hook", project / "lib"
    hook.mkdir()
    lib.mkdir()
    (lib / "__init__.py").write_text("")
    (lib / "inner.py").write_text(SCRIPT)
    (project / "infer.py").write_text("import nets\nprint(nets.__file__)\n")
    (hook / "sitecustomize.py").write_text("import sys, finder\nsys.meta_path.append(finder.Finder)\n")
    (hook / "finder.py").write_text(
        "import importlib.util\n"
        f"MAPPING = {{'nets': {str(lib)!r}}}\n"
        "class Finder:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name in MAPPING:\n"
        "            return importlib.util.spec_from_file_location(name, MAPPING[name] + '/__init__.py',\n"
        "                submodule_search_locations=[MAPPING[name]])\n"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={hook}:$PYTHONPATH exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    with pytest.raises(RunError, match=r"`nets` is installed in place.*lib, without the fixes"):
        prove(Asked(Path("infer.py"), python=str(python)), Layer(), print)


PROGRAMS = Path(__file__).parents[2] / "docs" / "prove"


def test_what_the_programs_of_the_docs_are_fixed_by(tmp_path: Path) -> None:
    """No more and no less than what the page about measuring shows."""
    shutil.copytree(PROGRAMS, tmp_path / "programs")
    fixed = {folder.name: _fix(folder, True, Layer()) for folder in sorted((tmp_path / "programs").iterdir())}
    assert fixed == {
        "accuracy": {"missing-no-grad": 1},
        "finetune": {"unfrozen-backbone": 1},
        "label": {"missing-no-grad": 1, "unbatched-inference": 1},
        "ratings": {"float64-tensor": 3},
        "search": {"encode-in-loop": 1},
    }


def test_a_program_of_the_docs_from_beginning_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(PROGRAMS / "accuracy")
    before = tree(PROGRAMS)
    proof = prove(Asked(Path("train.py"), ("2",), project=Path(), pairs=3), Layer(), print)
    assert proof.differs is None
    assert len(proof.pairs) == 3
    assert verdict_of(proof) in ("saves", "costs", "no-effect", "cannot-tell")
    assert told(proof).splitlines()[1] == "  fixes: missing-no-grad 1"
    assert tree(PROGRAMS) == before
