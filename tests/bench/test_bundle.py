"""The bundle runs where nothing of ours is installed but Python and torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from smellcheck import plugins
from smellcheck.bench.bundle import write

ALONE = """
import runpy, sys
for name in ("libcst", "click", "rich", "astroid", "pytest", "smellcheck_rules"):
    sys.modules[name] = None
sys.argv = ["bundle", "missing-no-grad", "--device", "cpu", "--out", "evidence"]
runpy.run_path(BUNDLE, run_name="__main__")
"""


def test_a_bundle_needs_torch_alone(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    bundle = tmp_path / "bench.pyz"
    write(bundle, [rule.page for rule in plugins.rules()])
    script = tmp_path / "alone.py"
    script.write_text(ALONE.replace("BUNDLE", repr(str(bundle))), encoding="utf-8")
    ran = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    (written,) = (tmp_path / "evidence").rglob("*.json")
    assert written.relative_to(tmp_path / "evidence") == Path("torch/missing_no_grad.json")
    entries = json.loads(written.read_text(encoding="utf-8"))["entries"]
    assert [entry["device"]["kind"] for entry in entries] == ["cpu"]
    assert str(tmp_path) not in written.read_text(encoding="utf-8")
