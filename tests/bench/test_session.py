"""A session keeps what is measured and goes on when one proof fails, on a replayed meter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smellcheck.bench.replay import FakeClock, Replay
from smellcheck.bench.session import Device, Session, Target
from smellcheck.bench.trial import Protocol, Trial, Window
from smellcheck.bench.workload import difference
from smellcheck.page import Case, read_page

PAGE = """# Adding one by one wastes steps

It adds one number at a time.

## Proof
Counter: none.

```python proof
def smelly():
    return {smelly}  # smell

def clean():
    return {clean}
```
"""
PROTOCOL = Protocol("test", pairs=4, window=1.0)


class Measured(Session):
    """Takes the windows of its trials from here; what runs is the rest of the session."""

    def measure(self, proof: Case, size: int) -> Trial:
        if "failing" in proof.code:
            raise RuntimeError("out of memory")
        pairs = (Window("smelly", 1, 1.0, 10.0), Window("clean", 1, 1.0, 5.0), Window("clean", 1, 1.0, 5.0))
        return Trial(self.protocol, (*pairs, Window("smelly", 1, 1.0, 10.1)) * 2)


def session(lines: list[str], limit: float = 1e6) -> Measured:
    meter = Replay([(0, 0)], FakeClock())
    control: dict[str, Any] = {"two equal arms": {"verdict": "no-effect", "energy": None}}
    return Measured(Device("cpu", "a CPU", "cpu"), PROTOCOL, meter, FakeClock(), lines.append, limit, control)


def target(folder: Path, name: str, smelly: str = "1 + 1", clean: str = "2") -> Target:
    page = folder / f"{name}.md"
    page.write_text(PAGE.format(smelly=smelly, clean=clean), encoding="utf-8")
    return Target(name, page, page.with_suffix(".json"))


def verdicts(of: Target) -> list[str]:
    return [entry["verdict"] for entry in json.loads(of.file.read_text(encoding="utf-8"))["entries"]]


def test_a_proof_that_fails_under_the_meter_does_not_end_the_others(tmp_path: Path) -> None:
    lines: list[str] = []
    failing, working = target(tmp_path, "first-one", clean="len('failing') - 5"), target(tmp_path, "second-one")
    session(lines).run([failing, working])
    assert verdicts(working) == ["saves"]
    assert verdicts(failing) == ["not-measured"]
    assert any("first-one" in line and "out of memory" in line for line in lines)


def test_measuring_again_within_a_limit_loses_nothing(tmp_path: Path) -> None:
    rule = target(tmp_path, "some-smell")
    assert session([]).run([rule])
    assert verdicts(rule) == ["saves"]
    assert not session([], limit=PROTOCOL.seconds).run([rule], again=True)
    assert verdicts(rule) == ["saves"]


@pytest.mark.parametrize(
    ("equal", "half", "verdict"),
    [
        ("no-effect", "saves", "saves"),
        ("cannot-tell", "cannot-tell", "saves"),
        ("costs", "saves", "invalid-run"),
        ("no-effect", "no-effect", "invalid-run"),
    ],
)
def test_controls_that_contradict_what_is_known(tmp_path: Path, equal: str, half: str, verdict: str) -> None:
    rule = target(tmp_path, "some-smell")
    measured = session([])
    measured.control = {
        "two equal arms": {"verdict": equal, "energy": None},
        "half the work": {"verdict": half, "energy": None},
        "a loss that is detached after its backward pass": {"verdict": "costs", "energy": None},
    }
    measured.run([rule])
    assert verdicts(rule) == [verdict]


def test_what_gives_other_results_is_not_metered(tmp_path: Path) -> None:
    lines: list[str] = []
    rule = target(tmp_path, "some-smell", clean="'failing'")
    session(lines).run([rule])
    assert verdicts(rule) == ["invalid-outputs"]
    assert not any("out of memory" in line for line in lines)


@pytest.mark.parametrize(
    ("smelly", "clean", "differ"),
    [
        ("torch.ones(2)", "torch.ones(2)", False),
        ("torch.ones(2) / 0 * 0", "torch.ones(2) / 0 * 0", True),
        ("[float('nan')]", "[float('nan')]", True),
        ("torch.ones(2)", "torch.ones(2) + 1e-3", True),
    ],
)
def test_not_a_number_is_no_result(tmp_path: Path, smelly: str, clean: str, differ: bool) -> None:
    proof = read_page(target(tmp_path, "some-smell", smelly, clean).page).proofs[0]
    proof = Case(proof.title, 0, "import torch\n" + proof.code)
    assert (difference(proof, "cpu", 16) is not None) is differ


@pytest.mark.parametrize(
    ("dtype", "apart", "differ"),
    [("bfloat16", 0.0078125, False), ("float32", 1e-3, True), ("float64", 1e-6, True), ("int64", 1, True)],
)
def test_a_device_may_round_as_its_dtype_does(tmp_path: Path, dtype: str, apart: float, differ: bool) -> None:
    """Where sums come in another order; `meta` would hold no numbers, so the name of the device alone says so."""
    made = f"torch.ones(2, dtype=torch.{dtype})"
    proof = read_page(target(tmp_path, "some-smell", made, f"{made} + {apart}").page).proofs[0]
    proof = Case(proof.title, 0, "import torch\n" + proof.code)
    assert (difference(proof, "cuda", 16) is not None) is differ
