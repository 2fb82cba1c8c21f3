"""Meters give joules, and where they cannot, the reason; which source of NVML is right is found out, not believed."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smellcheck.bench.meter import Meter, NoMeterError, open_meters
from smellcheck.bench.nvml import COUNTER, INTEGRAL, Nvml
from smellcheck.bench.probe import probe
from smellcheck.bench.rapl import Rapl
from smellcheck.bench.replay import FakeClock, Replay

_spec = importlib.util.spec_from_file_location("board", Path(__file__).with_name("board.py"))
assert _spec is not None and _spec.loader is not None
board_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(board_module)
MakeBoard = Callable[..., Any]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1000.0)


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> MakeBoard:
    def make(**about: Any) -> Any:
        made = board_module.Board(clock, **about)
        monkeypatch.setitem(sys.modules, "pynvml", made)
        return made

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return make


def spend(meter: Nvml, clock: FakeClock, seconds: float) -> None:
    for _ in range(round(seconds / 0.05)):
        clock.sleep(0.05)
        meter.sample()


def test_both_sources_of_a_good_board(board: MakeBoard, clock: FakeClock) -> None:
    made = board()
    with Nvml(interval=None, clock=clock) as meter:
        counter, integral, first = meter.counter(), meter.integral(), meter.read()
        spend(meter, clock, 5)
        assert meter.source == COUNTER
        assert meter.read() - first == pytest.approx(1500, rel=0.03)
        assert meter.counter() - counter == pytest.approx(1500, rel=0.03)
        assert meter.integral() - integral == pytest.approx(1500, rel=0.001)
        seen = meter.snapshot()
    assert (seen.temperature_c, seen.sm_mhz, seen.memory_mhz) == (41, 1980, 3201)
    assert seen.throttle_reasons is None
    assert made.open == 0


def test_the_power_is_sampled_in_the_background(board: MakeBoard) -> None:
    import time

    board()
    with Nvml(source=INTEGRAL, interval=0.005) as meter:
        before = meter.integral()
        time.sleep(0.05)
        with meter._lock:
            assert meter._summed > before
        assert meter.read() > before


def test_without_a_counter_the_integral_is_used(board: MakeBoard, clock: FakeClock) -> None:
    made = board(counter=False)
    with Nvml(interval=None, clock=clock) as meter:
        assert meter.source == INTEGRAL
    with pytest.raises(NoMeterError, match=COUNTER), Nvml(source=COUNTER, interval=None):
        pass
    assert made.open == 0


def test_a_board_that_tells_nothing_is_no_meter(board: MakeBoard) -> None:
    made = board(counter=False, power=False)
    opened = open_meters("cuda")
    assert [meter.source for meter in opened.meters if meter.name == "gpu-board"] == []
    assert any("GPU 0" in reason for reason in opened.reasons)
    assert made.open == 0


def test_a_gpu_that_is_not_there(board: MakeBoard) -> None:
    board()
    assert any("no GPU 3" in reason for reason in open_meters("cuda:3").reasons)


def test_without_nvidia_ml_py_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert any("not installed" in reason for reason in open_meters("cuda").reasons)


@pytest.mark.parametrize(
    ("about", "trusted"),
    [
        ({}, COUNTER),
        ({"share": 1.03}, COUNTER),
        ({"share": 0.25}, INTEGRAL),
        ({"counter": False}, INTEGRAL),
        ({"power": False}, None),
    ],
)
def test_the_probe_trusts_what_agrees(
    board: MakeBoard, clock: FakeClock, about: dict[str, Any], trusted: str | None
) -> None:
    made = board(**about)
    loads = {"matmul": lambda: clock.sleep(0.02), "tiny": lambda: clock.sleep(0.01)}
    result = probe("cuda", 8.0, loads=loads, clock=clock, sleep=clock.sleep)
    assert result["trusted"] == trusted
    assert bool(result["reasons"]) == (trusted != COUNTER)
    assert result["identity"]["name"] == "A board"
    assert result["identity"]["power_limit_w"] == 700
    assert set(result["loads"]) == {"matmul", "tiny"}
    if about.get("counter", True):
        assert result["ticks"]["median_ms"] == pytest.approx(100, rel=0.1)
    if about == {"share": 0.25}:
        assert result["loads"]["matmul"]["ratio"] == pytest.approx(0.25, rel=0.03)
    assert made.open == 0
    json.dumps(result)


def test_the_probe_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    result = probe("cuda")
    assert result["trusted"] is None
    assert result["reasons"]


def zone(root: Path, name: str, called: str, microjoules: int, limit: int = 999_999_999) -> Path:
    path = root / name
    path.mkdir()
    (path / "name").write_text(f"{called}\n")
    (path / "max_energy_range_uj").write_text(f"{limit}\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    return path / "energy_uj"


def test_rapl_adds_packages_and_their_memory_only(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    core = zone(tmp_path, "intel-rapl:0:0", "core", 1_000_000)
    memory = zone(tmp_path, "intel-rapl:0:1", "dram", 1_000_000)
    whole = zone(tmp_path, "intel-rapl:1", "psys", 1_000_000)
    with Rapl(tmp_path, interval=None) as meter:
        for counter in (package, core, memory, whole):
            counter.write_text("3000000")
        assert meter.read() == 4.0
        assert meter.read() == 4.0


def test_rapl_undoes_wrapping(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 9_000_000, limit=9_999_999)
    with Rapl(tmp_path, interval=None) as meter:
        for microjoules, joules in ((9_500_000, 0.5), (500_000, 1.5), (9_000_000, 10.0), (1_000_000, 12.0)):
            package.write_text(str(microjoules))
            assert meter.read() == pytest.approx(joules)


def test_rapl_that_cannot_be_read_is_a_reason(tmp_path: Path) -> None:
    with pytest.raises(NoMeterError, match="no RAPL counters"), Rapl(tmp_path / "none"):
        pass
    zone(tmp_path, "intel-rapl:0", "package-0", 0).unlink()
    with pytest.raises(NoMeterError, match="cannot be read"), Rapl(tmp_path):
        pass


def test_replay_follows_its_clock(tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    trace.write_text(json.dumps({"name": "gpu-board", "samples": [[0, 0], [10, 1000], [20, 1000]]}))
    clock = FakeClock()
    meter: Meter = Replay.load(trace, clock)
    with meter:
        assert (meter.name, meter.source, meter.read()) == ("gpu-board", "replay", 0.0)
        clock.sleep(5)
        assert meter.read() == 500
        clock.sleep(10)
        assert meter.read() == 1000
        clock.sleep(6)
        with pytest.raises(NoMeterError, match="the clock shows 21"):
            meter.read()


def test_replay_can_be_spent() -> None:
    meter = Replay([(0, 0)], FakeClock())
    meter.spend(2, 600)
    assert (meter.clock(), meter.read()) == (2, 600)
    meter.spend(3, 0)
    assert (meter.clock(), meter.read()) == (5, 600)


@pytest.mark.parametrize("samples", [[], [[0, 5], [1, 4]], [[1, 0], [0, 1]], None, "x"])
def test_a_broken_trace_is_a_reason(samples: object) -> None:
    with pytest.raises(NoMeterError):
        Replay.load({"samples": samples}, FakeClock())
