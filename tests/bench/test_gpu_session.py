"""The command for a machine with a GPU, from its probe to its last proof, on a board that a clock drives."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smellcheck.bench.replay import FakeClock
from smellcheck.page import Case

pytest.importorskip("torch")
_spec = importlib.util.spec_from_file_location("board", Path(__file__).with_name("board.py"))
assert _spec is not None and _spec.loader is not None
board_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(board_module)

PAGE = """# Waste

It wastes.

## Proof

Sizes: 16, 64.

Counter: operations.

```python proof
import torch

# What is asked of this device costs what the board of this test says.
place = device

def smelly():
    return sum([torch.ones(2) for _ in range(40)])  # smell

def clean():
    return sum([torch.ones(2) for _ in range({clean})])
```
"""
#: Seconds of a run of each arm, by the title of a control; those of the proofs are their numbers of additions.
CONTROLS = {
    "two equal arms": (0.04, 0.04),
    "half the work": (0.04, 0.02),
    "a loss that is detached after its backward pass": (0.04, 0.04),
}


class Machine:
    """A machine whose only clock is moved by the work done on it, with one board that draws 300 W."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, controls: dict[str, tuple[float, float]]) -> None:
        from smellcheck.bench import command, counts, devices, probe, session

        self.clock, self.probes, self.controls = FakeClock(1000.0), 0, controls
        self.lines: list[str] = []
        monkeypatch.setitem(sys.modules, "pynvml", board_module.Board(self.clock))
        time = SimpleNamespace(monotonic=self.clock, perf_counter=self.clock)
        monkeypatch.setattr(command, "time", time)
        monkeypatch.setattr(session, "time", time)
        monkeypatch.setattr(devices, "choose", lambda _wanted: [session.Device("cuda", "A board", "cuda")])
        monkeypatch.setattr(session, "build", self.build)
        monkeypatch.setattr(session, "difference", lambda *_asked: None)
        counted, probed = counts.count, probe.probe
        self.counting = False

        def count(work: Callable[[], object], _device: str, **given: Any) -> Any:
            self.counting = True
            try:
                return counted(work, "cpu", **given)
            finally:
                self.counting = False

        monkeypatch.setattr(counts, "count", count)

        def look(_device: str) -> dict[str, Any]:
            self.probes += 1
            loads = {"matmul": lambda: self.clock.sleep(0.01)}
            return probed("cuda", 8.0, loads=loads, clock=self.clock, sleep=self.clock.sleep)

        monkeypatch.setattr(probe, "probe", look)

    def build(self, proof: Case, arm: str, _device: str, _size: int) -> Callable[[], object]:
        """An arm that takes its time; what it computes is of no interest to the meter."""
        if proof.title in self.controls:
            seconds = self.controls[proof.title][arm == "clean"]
        else:
            smelly, clean = (int(part.partition(")")[0]) for part in proof.code.split("range(")[1:])
            seconds = (clean if arm == "clean" else smelly) / 1000

        def work() -> object:
            import torch

            self.clock.sleep(seconds)
            return [torch.ones(2) for _ in range(round(seconds * 1000))] if self.counting else None

        return work

    def bench(self, pages: list[Path], out: Path, limit: float, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
        """What the bundle's command line does, and how long by the machine's clock."""
        from smellcheck.bench import command

        code = command.main(["--device", "cuda", "--time-limit", str(limit), "--out", str(out)], pages)
        return code, capsys.readouterr().err


@pytest.fixture
def pages(tmp_path: Path) -> list[Path]:
    written = []
    for name, clean in (("no_waste", 40), ("some_waste", 30), ("much_waste", 10)):
        page = tmp_path / "pages" / "torch" / f"{name}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(PAGE.format(clean=clean), encoding="utf-8")
        written.append(page)
    return written


def verdicts(out: Path) -> dict[str, str]:
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))["entries"][0]["verdict"]
        for path in (out / "torch").glob("*.json")
    }


def test_the_command_keeps_its_limit_and_goes_on(
    pages: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine, out = Machine(monkeypatch, CONTROLS), tmp_path / "evidence"
    begun = machine.clock()
    code, said = machine.bench(pages, out, 300, capsys)
    assert code == 3
    assert machine.clock() - begun <= 300
    order = [
        "gpu-board by nvml-counter",
        "two equal arms: no-effect",
        "half the work: saves",
        "much-waste, Proof: saves",
    ]
    places = [said.rindex(one) for one in order]
    assert places == sorted(places)
    assert verdicts(out) == {"much_waste": "saves", "some_waste": "not-measured", "no_waste": "not-measured"}
    begun = machine.clock()
    code, said = machine.bench(pages, out, 300, capsys)
    assert code == 0
    assert machine.clock() - begun <= 300
    assert machine.probes == 1
    assert "two equal arms" not in said and "much-waste" not in said
    found = verdicts(out)
    # The counter moves every 100 ms, so that a window of two and a half seconds is some per cent uncertain.
    assert found.pop("no_waste") in ("no-effect", "cannot-tell")
    assert found == {"much_waste": "saves", "some_waste": "saves"}
    begun = machine.clock()
    assert machine.bench(pages, out, 300, capsys)[0] == 0
    assert machine.clock() == begun


def test_controls_that_fail_twice_end_it(
    pages: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(monkeypatch, {**CONTROLS, "half the work": (0.04, 0.04)})
    code, said = machine.bench(pages, tmp_path / "evidence", 4000, capsys)
    assert code == 3
    assert said.count("half the work: no-effect, not saves") == 2
    assert "nothing is measured" in said
    assert set(verdicts(tmp_path / "evidence").values()) == {"not-measured"}


def test_energy_is_metered_where_nothing_can_be_counted(
    pages: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from smellcheck import evidence
    from smellcheck.bench import counts

    def fails(*_given: object, **_named: object) -> None:
        raise AttributeError("another torch")

    machine, out = Machine(monkeypatch, CONTROLS), tmp_path / "evidence"
    monkeypatch.setattr(counts, "count", fails)
    code, said = machine.bench(pages[2:], out, 4000, capsys)
    assert code == 0
    assert "not counted: AttributeError: another torch" in said
    assert verdicts(out) == {"much_waste": "saves"}
    pages[2].with_suffix(".json").write_text((out / "torch" / "much_waste.json").read_text())
    (entry,) = evidence.entries(pages[2])
    assert entry.words.startswith("measured on A board: 0.25× energy")


@pytest.mark.parametrize("version", ["1.13.1", "2.0.1+cpu"])
def test_a_torch_that_is_too_old_is_told(
    version: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from smellcheck.bench import command

    monkeypatch.setattr(torch, "__version__", version)
    assert command.main(["--device", "cpu"], []) == 2
    assert f"torch {version} is too old, 2.1 is the least" in capsys.readouterr().err


def test_without_torch_the_bundle_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from smellcheck.bench import command

    monkeypatch.setitem(sys.modules, "torch", None)
    assert command.main(["--device", "cpu"], []) == 2
    assert "cannot import torch" in capsys.readouterr().err
