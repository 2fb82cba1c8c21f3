"""The processor's own energy counters, where Linux shows them, with their wrapping around undone."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from pathlib import Path

from .meter import NoMeterError

POWERCAP = Path("/sys/class/powercap")
#: Seconds between looks at the counters, well below what the smallest of them takes to wrap around.
INTERVAL = 10.0


class Rapl:
    """Joules of all processor packages, and of their memory where it is counted apart."""

    name = "cpu-package"
    source = "rapl"

    def __init__(self, root: Path = POWERCAP, interval: float | None = INTERVAL) -> None:
        self._root, self._interval = root, interval
        self._lock = threading.Lock()

    def __enter__(self) -> Rapl:
        self._zones = [_Zone(path) for path in _zones(self._root)]
        if not self._zones:
            raise NoMeterError(f"no RAPL counters under {self._root}")
        self._joules, self._stop, self._thread = 0.0, threading.Event(), None
        if self._interval is not None:
            self._thread = threading.Thread(target=self._watch, name="smellcheck-rapl", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def read(self) -> float:
        """Joules since the meter was opened."""
        with self._lock:
            self._joules += sum(zone.used() for zone in self._zones)
            return self._joules

    def _watch(self) -> None:
        # A counter that cannot be read any more is told to whoever reads next.
        with suppress(NoMeterError):
            while not self._stop.wait(self._interval):
                self.read()


class _Zone:
    def __init__(self, path: Path) -> None:
        self._counter = path / "energy_uj"
        self._range = _number(path / "max_energy_range_uj")
        self._last = _number(self._counter)

    def used(self) -> float:
        """Joules since the last call."""
        now = _number(self._counter)
        # The counter runs to its range, and the next step is zero.
        used = now - self._last if now >= self._last else now + self._range + 1 - self._last
        self._last = now
        return used / 1e6


def _zones(root: Path) -> list[Path]:
    """Packages, and the memory beside them: cores are part of their package, and `psys` holds all of it again."""
    if not root.is_dir():
        return []
    zones = []
    for path in sorted(root.iterdir()):
        depth = re.fullmatch(r"(?:intel|amd)-rapl:\d+(:\d+)?", path.name)
        if depth is None:
            continue
        try:
            name = (path / "name").read_text(encoding="ascii").strip()
        except OSError as error:
            raise NoMeterError(f"RAPL cannot be read: {path}: {error.strerror}") from None
        if name == "dram" if depth[1] else name.startswith("package"):
            zones.append(path)
    return zones


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except PermissionError:
        raise NoMeterError(f"RAPL is for root only here: {path} cannot be read") from None
    except (OSError, ValueError) as error:
        raise NoMeterError(f"RAPL cannot be read: {path}: {error}") from None
