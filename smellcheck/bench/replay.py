"""A meter that replays a recorded trace on a clock of its own, so that the harness runs where there is no meter."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from .meter import NoMeterError


class FakeClock:
    """A clock that stands still until it is moved; it can be called like `time.perf_counter`."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass, like `time.sleep`."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self.now += seconds


class Replay:
    """Joules as a trace tells them: pairs of seconds and joules, both rising; between two, a straight line."""

    source = "replay"

    def __init__(self, samples: Sequence[Sequence[float]], clock: FakeClock, name: str = "replayed") -> None:
        self.name, self.clock = name, clock
        self._seconds = [float(seconds) for seconds, _ in samples]
        self._joules = [float(joules) for _, joules in samples]
        for column in (self._seconds, self._joules):
            if not column or any(after < before for before, after in pairwise(column)):
                raise NoMeterError("a trace needs at least one sample, and neither time nor energy goes back in it")

    @classmethod
    def load(cls, trace: Path | Mapping[str, Any], clock: FakeClock) -> Replay:
        """Read a trace, `{"name": …, "samples": [[seconds, joules], …]}`, from a file or as it is."""
        try:
            told = json.loads(trace.read_text(encoding="utf-8")) if isinstance(trace, Path) else trace
            return cls(told["samples"], clock, str(told.get("name", "replayed")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise NoMeterError(f"not a trace: {error!r}") from error

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_failure: object) -> None:
        pass

    def read(self) -> float:
        """Joules at the moment that the clock shows."""
        now, seconds, joules = self.clock(), self._seconds, self._joules
        if not seconds[0] <= now <= seconds[-1]:
            raise NoMeterError(f"the trace runs from {seconds[0]} to {seconds[-1]} s, the clock shows {now} s")
        after = bisect_right(seconds, now)
        if after == len(seconds):
            return joules[-1]
        share = (now - seconds[after - 1]) / (seconds[after] - seconds[after - 1])
        return joules[after - 1] + share * (joules[after] - joules[after - 1])

    def spend(self, seconds: float, joules: float) -> None:
        """Do as if something ran: it takes time, and energy is added behind the end of the trace."""
        if joules < 0:
            raise ValueError("energy does not come back")
        self.clock.sleep(max(0.0, self._seconds[-1] - self.clock()))
        self.clock.sleep(seconds)
        self._seconds.append(self.clock())
        self._joules.append(self._joules[-1] + joules)
