"""What a meter is, and which meters this machine has; where it has none, the reason is part of the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

Clock = Callable[[], float]


class NoMeterError(Exception):
    """A meter does not exist or cannot be read; the message is the reason."""


class Meter(Protocol):
    """Energy that has been used, in joules since some origin; what counts is the difference of two readings."""

    #: What is metered, such as `gpu-board`.
    name: str
    #: How: `nvml-counter`, `nvml-power-integral`, `rapl`, `replay`.
    source: str

    def __enter__(self) -> Meter: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def read(self) -> float:
        """Joules so far; never less than the reading before."""
        ...


@dataclass(frozen=True)
class Opened:
    """The meters that work, and why the others do not."""

    meters: tuple[Meter, ...]
    reasons: tuple[str, ...]


def open_meters(device: str, source: str | None = None) -> Opened:
    """The meters for what runs on `device`, each tried once and closed again: use them in a `with`.

    `source` says which of NVML's two ways the machine's probe has found to be right.
    """
    from .nvml import Nvml
    from .rapl import Rapl

    kind, _, index = device.partition(":")
    meters: list[Meter] = []
    reasons: list[str] = []
    wanted: list[Callable[[], Meter]] = [Rapl]
    if kind == "cuda":
        wanted.insert(0, lambda: Nvml(int(index or 0), source))
    for make in wanted:
        tried = _try(make)
        if isinstance(tried, NoMeterError):
            reasons.append(str(tried))
        else:
            meters.append(tried)
    return Opened(tuple(meters), tuple(reasons))


def _try(make: Callable[[], Meter]) -> Meter | NoMeterError:
    try:
        meter = make()
        with meter:
            meter.read()
    except NoMeterError as reason:
        return reason
    return meter
