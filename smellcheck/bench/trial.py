"""One trial: two arms in ABBA order, windows of energy and time, and the pairs that declared reasons leave out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from .meter import Clock, Meter
from .verdict import FEWEST_PAIRS, Ratio, Verdict, ratio, verdict

ArmName = Literal["smelly", "clean"]

#: Part of what makes evidence stale: raise it when a number would come out differently.
PROTOCOL_VERSION = "1"
#: A pair is left out for these reasons alone, and a run that loses more than a quarter of its pairs is invalid.
MOST_DROPPED = 0.25
#: NVML's bits for an idle device, and for the power cap: no disturbance, the work itself reaches it.
_IDLE, _POWER_CAP = 0x1, 0x4
_CLOCK_APART, _DEGREES_APART, _SHORTEST = 0.05, 5.0, 0.9


@dataclass(frozen=True)
class Protocol:
    """How a trial goes. Seconds."""

    name: str
    pairs: int
    window: float
    #: Both arms run this long, and this often, before anything is measured.
    warm_up: float = 2.0
    warm_up_runs: int = 20
    #: The arm runs on for this long before its window: a counter that ticks every 100 ms lags behind.
    lead: float = 0.5
    confidence: float = 0.95

    @property
    def seconds(self) -> float:
        """About how long a trial takes."""
        return 2 * self.warm_up + 2 * self.pairs * (self.window + self.lead)


SCREEN = Protocol("screen", pairs=6, window=2.5)
CONFIRM = Protocol("confirm", pairs=8, window=5.0)


@dataclass(frozen=True)
class Window:
    """What was read around some runs of one arm."""

    arm: ArmName
    runs: int
    seconds: float
    joules: float | None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    @property
    def joules_a_run(self) -> float | None:
        """Energy of one run of the arm."""
        return None if self.joules is None else self.joules / self.runs


@dataclass(frozen=True)
class Trial:
    """The windows of a trial in the order in which they ran, two to a pair."""

    protocol: Protocol
    windows: tuple[Window, ...]

    def pairs(self) -> list[tuple[Window, Window, str | None]]:
        """Smelly window, clean window, and why the pair does not count, if so."""
        found = []
        for first, second in zip(self.windows[::2], self.windows[1::2], strict=True):
            smelly, clean = (first, second) if first.arm == "smelly" else (second, first)
            found.append((smelly, clean, dropped(smelly, clean, self.protocol)))
        return found

    def judge(self, quantity: Literal["energy", "time"] = "energy") -> tuple[Verdict, Ratio | None]:
        """The verdict on energy (or time) a run, and its ratio, from the pairs that count."""
        pairs = self.pairs()
        kept = [(smelly, clean) for smelly, clean, reason in pairs if reason is None]
        if quantity == "energy" and any(window.joules is None for window in self.windows):
            return "not-measured", None
        if len(kept) < FEWEST_PAIRS or len(pairs) - len(kept) > MOST_DROPPED * len(pairs):
            return "invalid-run", None
        before, after = ([_quantity(pair[place], quantity) for pair in kept] for place in (0, 1))
        if min(*before, *after) <= 0:
            return "invalid-run", None
        found = ratio(before, after, self.protocol.confidence)
        return verdict(found), found

    def to_json(self) -> dict[str, Any]:
        """The trial with all its raw samples."""
        return {"protocol": asdict(self.protocol), "windows": [asdict(window) for window in self.windows]}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Trial:
        """The trial that evidence holds."""
        return cls(Protocol(**stored["protocol"]), tuple(Window(**window) for window in stored["windows"]))


def _quantity(window: Window, quantity: str) -> float:
    return window.seconds / window.runs if quantity == "time" else (window.joules_a_run or 0.0)


def dropped(smelly: Window, clean: Window, protocol: Protocol) -> str | None:
    """Why a pair does not count; a difference that the arms themselves cause, as a reached power cap, is no reason."""
    both = (smelly, clean)
    if any(window.seconds < _SHORTEST * protocol.window for window in both):
        return "a window was cut short"
    states = [state for window in both for state in (window.before, window.after)]
    reasons = [state["throttle_reasons"] for state in states if state.get("throttle_reasons") is not None]
    if any(reason & ~(_IDLE | _POWER_CAP) for reason in reasons):
        return "the device was throttled"
    if any((state.get("processes") or 0) > 1 for state in states):
        return "another process ran on the device"
    clocks = [window.after["sm_mhz"] for window in both if window.after.get("sm_mhz")]
    capped = any(reason & _POWER_CAP for reason in reasons)
    if not capped and len(clocks) == 2 and abs(clocks[0] - clocks[1]) > _CLOCK_APART * max(clocks):
        return "the clocks of the two windows differ"
    degrees = [state["temperature_c"] for state in states if state.get("temperature_c") is not None]
    if degrees and max(degrees) - min(degrees) > _DEGREES_APART:
        return "the temperature changed within the pair"
    return None


def run(
    arms: dict[ArmName, Callable[[], object]],
    protocol: Protocol,
    meter: Meter | None,
    clock: Clock,
    synchronize: Callable[[], object] = lambda: None,
) -> Trial:
    """Runs both arms by the protocol. Whatever an arm raises goes through."""
    paces: dict[ArmName, float] = {}
    for name, work in arms.items():
        a_run = _warm(work, protocol, clock, synchronize)
        paces[name] = _pace(work, a_run, protocol, clock, synchronize)
    windows: list[Window] = []
    for pair in range(protocol.pairs):
        order: tuple[ArmName, ArmName] = ("smelly", "clean") if pair % 2 == 0 else ("clean", "smelly")
        windows += [_window(name, arms[name], paces[name], protocol, meter, clock, synchronize) for name in order]
    return Trial(protocol, tuple(windows))


def _warm(work: Callable[[], object], protocol: Protocol, clock: Clock, synchronize: Callable[[], object]) -> float:
    """Runs an arm until it is warm; the seconds that its quickest run took, each of them waited for."""
    start = previous = clock()
    a_run = math.inf
    done = 0
    while done < protocol.warm_up_runs or previous - start < protocol.warm_up:
        work()
        synchronize()
        done += 1
        now = clock()
        a_run, previous = min(a_run, now - previous), now
        if done >= 3 and previous - start > 5 * max(protocol.warm_up, protocol.window):
            break  # so slow that twenty runs would take minutes
    return max(a_run, 1e-6)


def _pace(
    work: Callable[[], object], a_run: float, protocol: Protocol, clock: Clock, synchronize: Callable[[], object]
) -> float:
    """The seconds of a run within a window, where runs queue up and only the last is waited for.

    A run that is waited for takes longer: windows calibrated by it would end too soon, and all of them be left out.
    """
    enough = min(protocol.lead, protocol.window)
    while True:
        runs = max(1, math.ceil(enough / a_run))
        seconds = _block(work, runs, clock, synchronize)
        pace = max(seconds / runs, 1e-6)
        if runs == 1 or seconds >= 0.9 * enough or pace >= a_run:
            return pace
        a_run = pace


def _block(work: Callable[[], object], runs: int, clock: Clock, synchronize: Callable[[], object]) -> float:
    """Seconds for some runs that are waited for together."""
    start = clock()
    for _ in range(runs):
        work()
    synchronize()
    return clock() - start


def _state(meter: Meter | None) -> dict[str, Any]:
    """Clocks, temperatures and what holds the clocks back, where the meter tells."""
    snapshot = getattr(meter, "snapshot", None)
    return snapshot().to_json() if snapshot is not None else {}


def _window(
    name: ArmName,
    work: Callable[[], object],
    a_run: float,
    protocol: Protocol,
    meter: Meter | None,
    clock: Clock,
    synchronize: Callable[[], object],
) -> Window:
    """A window, and before it the same arm at the same pace: a counter that lags is wrong by as much at both ends."""
    led = 0.0
    while led < protocol.lead:
        led += max(_block(work, max(1, math.ceil((protocol.lead - led) / a_run)), clock, synchronize), a_run)
    runs = max(1, math.ceil(protocol.window / a_run))
    before = _state(meter)
    joules = meter.read() if meter is not None else None
    seconds = _block(work, runs, clock, synchronize)
    spent = meter.read() - joules if meter is not None and joules is not None else None
    return Window(name, runs, seconds, spent, before, _state(meter))
