"""A GPU board as NVML meters it: its energy counter, and its power summed up over time, to be checked on each other."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

from .meter import Clock, NoMeterError

#: Seconds between samples of the power: NVML renews it about every 100 ms.
INTERVAL = 0.03
COUNTER, INTEGRAL = "nvml-counter", "nvml-power-integral"


@dataclass(frozen=True)
class Snapshot:
    """The state of a board at one moment; none is what it does not tell."""

    temperature_c: int | None
    memory_temperature_c: int | None
    sm_mhz: int | None
    memory_mhz: int | None
    #: NVML's bits for why the clocks are not higher.
    throttle_reasons: int | None
    processes: int | None

    def to_json(self) -> dict[str, int | None]:
        """Plain data."""
        return asdict(self)


class Nvml:
    """Joules of one board; `read` gives those of its source, `counter` and `integral` both.

    The counter is read only when asked, as fast polling is said to spoil it. The power is sampled in a thread of its
    own, but for an `interval` of none, where whoever holds the meter calls `sample`.
    """

    name = "gpu-board"

    def __init__(
        self,
        index: int = 0,
        source: str | None = None,
        *,
        interval: float | None = INTERVAL,
        clock: Clock = time.perf_counter,
    ) -> None:
        if source not in (None, COUNTER, INTEGRAL):
            raise ValueError(f"no such source of NVML: {source}")
        self._index, self._interval, self._clock = index, interval, clock
        self._wanted = source
        self.source = source or COUNTER
        self._lock = threading.Lock()

    def __enter__(self) -> Nvml:
        self.nvml, self.handle = _handle(self._index)
        self._summed = 0.0
        self._last: tuple[float, float] | None = None
        try:
            counts, tells = self.counter() is not None, self.watts() is not None
            works = {COUNTER: counts, INTEGRAL: tells}
            source = self._wanted or (COUNTER if counts else INTEGRAL)
            if not works[source]:
                raise NoMeterError(f"NVML gives no reading for {source} on GPU {self._index}")
        except BaseException:
            self.nvml.nvmlShutdown()
            raise
        self.source = source
        self._stop, self._thread = threading.Event(), None
        self.sample()
        if self._interval is not None and tells:
            self._thread = threading.Thread(target=self._watch, name="smellcheck-power", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.nvml.nvmlShutdown()

    def read(self) -> float:
        """Joules so far, of the source that is trusted."""
        joules = self.counter() if self.source == COUNTER else self.integral()
        if joules is None:
            raise NoMeterError(f"{self.source} stopped answering on GPU {self._index}")
        return joules

    def counter(self) -> float | None:
        """Joules of the board's own counter."""
        millijoules = self.ask("nvmlDeviceGetTotalEnergyConsumption")
        return None if millijoules is None else millijoules / 1e3

    def integral(self) -> float | None:
        """Joules of the power samples since the meter was opened."""
        self.sample()
        with self._lock:
            return None if self._last is None else self._summed

    def watts(self) -> float | None:
        """The power at this moment, not averaged."""
        return self.field("NVML_FI_DEV_POWER_INSTANT")

    def sample(self) -> None:
        """Add what was used since the last sample."""
        with self._lock:
            watts, now = self.watts(), self._clock()
            if watts is None:
                return
            if self._last is not None:
                then, before = self._last
                self._summed += (now - then) * (watts + before) / 2
            self._last = (now, watts)

    def snapshot(self) -> Snapshot:
        """Temperatures, clocks, and what holds the clocks back."""
        nvml = self.nvml
        memory = self.field("NVML_FI_DEV_MEMORY_TEMP", scale=1)
        running = self.ask("nvmlDeviceGetComputeRunningProcesses")
        return Snapshot(
            temperature_c=self.ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
            memory_temperature_c=None if memory is None else int(memory),
            sm_mhz=self.ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
            memory_mhz=self.ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_MEM),
            throttle_reasons=self.ask("nvmlDeviceGetCurrentClocksEventReasons")
            if hasattr(nvml, "nvmlDeviceGetCurrentClocksEventReasons")
            else self.ask("nvmlDeviceGetCurrentClocksThrottleReasons"),
            processes=None if running is None else len(running),
        )

    def ask(self, function: str, *args: Any) -> Any:
        """What NVML says of the board, none where it does not."""
        try:
            return getattr(self.nvml, function)(self.handle, *args)
        except self.nvml.NVMLError:
            return None

    def field(self, name: str, scale: float = 1e3) -> float | None:
        """A field value by its name, divided by `scale`."""
        number = getattr(self.nvml, name, None)
        values = None if number is None else self.ask("nvmlDeviceGetFieldValues", [(number, 0)])
        if not values or values[0].nvmlReturn != self.nvml.NVML_SUCCESS:
            return None
        return float(values[0].value.uiVal) / scale

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            self.sample()


def _handle(index: int) -> tuple[Any, Any]:
    try:
        import pynvml
    except ImportError:
        raise NoMeterError("nvidia-ml-py is not installed: `pip install smellcheck-ai[bench]`") from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise NoMeterError(f"NVML does not start: {error}") from None
    try:
        visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
        name = visible[index] if index < len(visible) else str(index)
        if name.isdigit():
            return pynvml, pynvml.nvmlDeviceGetHandleByIndex(int(name))
        return pynvml, pynvml.nvmlDeviceGetHandleByUUID(name)
    except pynvml.NVMLError as error:
        pynvml.nvmlShutdown()
        raise NoMeterError(f"NVML knows no GPU {index}: {error}") from None
