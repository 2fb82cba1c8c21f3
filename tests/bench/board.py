"""A board that follows a clock, behind the functions of `pynvml` that are used."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

from smellcheck.bench.replay import FakeClock


class Board(ModuleType):
    """Stands in `sys.modules` for `pynvml`: draws `power` watts, and its counter shows `share` of the joules."""

    NVML_SUCCESS, NVML_TEMPERATURE_GPU, NVML_CLOCK_SM, NVML_CLOCK_MEM = 0, 0, 1, 2
    NVML_FI_DEV_POWER_INSTANT, NVML_FI_DEV_MEMORY_TEMP = 186, 82

    class NVMLError(Exception):
        pass

    def __init__(self, clock: FakeClock, share: float = 1.0, *, counter: bool = True, power: bool = True) -> None:
        super().__init__("pynvml")
        self.clock, self.share, self.has_counter, self.has_power = clock, share, counter, power
        self.power, self.open = 300.0, 0

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index:
            raise self.NVMLError("Invalid Argument")
        return index

    def nvmlDeviceGetTotalEnergyConsumption(self, _handle: int) -> int:
        if not self.has_counter:
            raise self.NVMLError("Not Supported")
        tick = int(self.clock() / 0.1) * 0.1
        return int(self.power * self.share * tick * 1e3)

    def nvmlDeviceGetFieldValues(self, _handle: int, wanted: list[Any]) -> list[Any]:
        ((number, _scope),) = wanted
        known = {186: int(self.power * 1e3)} if self.has_power else {}
        return [SimpleNamespace(nvmlReturn=0 if number in known else 3, value=SimpleNamespace(uiVal=known.get(number)))]

    def nvmlDeviceGetTemperature(self, _handle: int, _sensor: int) -> int:
        return 41

    def nvmlDeviceGetClockInfo(self, _handle: int, kind: int) -> int:
        return {1: 1980, 2: 3201}[kind]

    def nvmlDeviceGetName(self, _handle: int) -> bytes:
        return b"A board"

    def nvmlSystemGetDriverVersion(self) -> str:
        return "580.1"

    def nvmlDeviceGetEnforcedPowerLimit(self, _handle: int) -> int:
        return 700_000

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("nvmlDevice"):
            raise AttributeError(name)

        def unsupported(*_args: object) -> None:
            raise self.NVMLError("Not Supported")

        return unsupported
