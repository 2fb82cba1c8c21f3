"""Asks a machine what its meters are worth, before anything is measured with them; it changes no setting.

NVML's energy counter is right on some machines and reads a fraction on others: it is trusted only where it agrees
with the power summed up over time under every load.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from statistics import median
from typing import Any

from .meter import Clock, NoMeterError, open_meters
from .nvml import COUNTER, INTEGRAL, INTERVAL, Nvml

#: How far the two sources may be apart.
TOLERANCE = 0.05

Load = Callable[[], object]
Sleep = Callable[[float], None]


def probe(
    device: str = "cuda",
    seconds: float = 8.0,
    *,
    loads: Mapping[str, Load] | None = None,
    settle: float = 2.5,
    clock: Clock = time.perf_counter,
    sleep: Sleep = time.sleep,
) -> dict[str, Any]:
    """What the machine's meters say, as plain data; `trusted` names the source to use, none with the `reasons`.

    Each load is called again and again while it is looked at; by default they are a matrix product, a large copy and
    a stream of tiny kernels.
    """
    result: dict[str, Any] = {"python": platform.python_version(), "platform": platform.platform(), "trusted": None}
    kind, _, index = device.partition(":")
    if kind != "cuda":
        opened = open_meters(device)
        found = [meter.source for meter in opened.meters]
        return {**result, "trusted": found[0] if found else None, "reasons": [*opened.reasons, "no GPU was asked for"]}
    look = _Look(seconds, settle, clock, sleep)
    try:
        with Nvml(int(index or 0), interval=None, clock=clock) as board:
            result["identity"] = identity(board)
            result["idle_cold"] = look.at(board, None)
            wanted = _torch_loads(device) if loads is None else loads
            result["idle"] = look.at(board, None)
            result["loads"] = {name: look.at(board, load) for name, load in wanted.items()}
            result["ticks"] = look.ticks(board, next(iter(wanted.values()), None))
    except NoMeterError as reason:
        return {**result, "reasons": [str(reason)]}
    return {**result, **judge(result["loads"])}


def judge(loads: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Which source to trust, from what both said under the loads."""
    watts = [(load["counter_watts"], load["integral_watts"]) for load in loads.values()]
    if not watts:
        return {"trusted": None, "reasons": ["no load was looked at"]}
    if any(integral is None for _, integral in watts):
        reason = "the board does not tell its power at the moment, so its counter cannot be checked"
        return {"trusted": None, "reasons": [reason]}
    if any(counter is None for counter, _ in watts):
        return {"trusted": INTEGRAL, "reasons": ["the board has no energy counter"]}
    apart = [f"{name}: {load['ratio']:.2f}" for name, load in loads.items() if abs(load["ratio"] - 1) > TOLERANCE]
    if apart:
        reason = f"counter over power differs from 1 by more than {TOLERANCE:.0%}: {', '.join(apart)}"
        return {"trusted": INTEGRAL, "reasons": [reason]}
    return {"trusted": COUNTER, "reasons": []}


def identity(board: Nvml) -> dict[str, Any]:
    """Which board this is and within which limits it works."""
    nvml = board.nvml

    def watts(function: str) -> float | None:
        limit = board.ask(function)
        return None if limit is None else limit / 1e3

    memory = board.ask("nvmlDeviceGetMemoryInfo")
    try:
        driver = _text(nvml.nvmlSystemGetDriverVersion())
    except nvml.NVMLError:
        driver = None
    return {
        "name": _text(board.ask("nvmlDeviceGetName")),
        "driver": driver,
        "vbios": _text(board.ask("nvmlDeviceGetVbiosVersion")),
        "power_limit_w": watts("nvmlDeviceGetEnforcedPowerLimit"),
        "default_power_limit_w": watts("nvmlDeviceGetPowerManagementDefaultLimit"),
        "persistence": board.ask("nvmlDeviceGetPersistenceMode"),
        "ecc": board.ask("nvmlDeviceGetEccMode"),
        "mig": board.ask("nvmlDeviceGetMigMode"),
        "sm_max_mhz": board.ask("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_SM),
        "memory_max_mhz": board.ask("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_MEM),
        "memory_bytes": getattr(memory, "total", None),
        "memory_used_bytes": getattr(memory, "used", None),
    }


def _text(value: Any) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


class _Look:
    """Looks at a board for a while, in one thread: the loads leave the host idle enough."""

    def __init__(self, seconds: float, settle: float, clock: Clock, sleep: Sleep) -> None:
        self._seconds, self._settle, self._clock, self._sleep = seconds, settle, clock, sleep

    def at(self, board: Nvml, load: Load | None) -> dict[str, Any]:
        """Mean power by both sources, and the state of the board."""
        self._keep(board, load, self._settle)
        # Both sources are read at the same two moments.
        counter, summed, begun = board.counter(), board.integral(), self._clock()
        self._keep(board, load, self._seconds)
        counted, sum_now, took = board.counter(), board.integral(), self._clock() - begun
        by_counter = None if counter is None or counted is None else (counted - counter) / took
        by_integral = None if summed is None or sum_now is None else (sum_now - summed) / took
        return {
            "seconds": took,
            "counter_watts": by_counter,
            "integral_watts": by_integral,
            "ratio": by_counter / by_integral if by_counter is not None and by_integral else None,
            "state": board.snapshot().to_json(),
        }

    def ticks(self, board: Nvml, load: Load | None, seconds: float = 3.0) -> dict[str, Any] | None:
        """How often the counter moves; asked quickly, but for a short time, and for nothing else."""
        changes: list[float] = []
        last, end = board.counter(), self._clock() + seconds
        if last is None:
            return None
        while (now := self._clock()) < end:
            if load is not None:
                load()
            if (value := board.counter()) != last:
                changes.append(now)
                last = value
            self._sleep(0.005)
        gaps = [after - before for before, after in pairwise(changes)]
        return {"changes": len(changes), "median_ms": 1e3 * median(gaps) if gaps else None}

    def _keep(self, board: Nvml, load: Load | None, seconds: float) -> None:
        end = self._clock() + seconds
        while self._clock() < end:
            if load is not None:
                load()
            board.sample()
            self._sleep(0.0 if load is not None else INTERVAL)


def _torch_loads(device: str) -> dict[str, Load]:
    try:
        import torch

        if not torch.cuda.is_available():
            raise NoMeterError(f"torch {torch.__version__} sees no CUDA device")
    except ImportError as error:
        raise NoMeterError(f"torch is not installed: {error}") from None
    free = torch.cuda.mem_get_info(device)[0]
    side, numbers = 8192, min(2**30, free // 16)
    left = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    right, source = torch.randn_like(left), torch.randn(numbers, device=device)
    target, few = torch.empty_like(source), torch.zeros(32, device=device)

    def batch(work: Callable[[], object], times: int) -> Load:
        def load() -> None:
            for _ in range(times):
                work()
            torch.cuda.synchronize(device)

        return load

    return {
        "matmul": batch(lambda: torch.mm(left, right), 16),
        "copy": batch(lambda: target.copy_(source), 12),
        "tiny": batch(lambda: few.add_(1), 4000),
    }
