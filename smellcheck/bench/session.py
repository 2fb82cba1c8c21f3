"""One run of the bench: the machine is probed, the controls are run, then every proof; what is done is kept at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..evidence import COUNTERS, TRANSFERS, counted_ratio
from ..page import Case, read_page
from . import record
from .controls import CONTRADICTED, CONTROLS, EQUAL, EXPECTED
from .meter import Clock, Meter
from .trial import PROTOCOL_VERSION, Protocol, Trial, run
from .verdict import SMALLEST_EFFECT
from .workload import build, difference, fingerprint

#: What a trial takes with everything around it, in terms of the trial alone.
_AROUND = 1.25


@dataclass(frozen=True)
class Target:
    """A rule to measure."""

    rule: str
    page: Path
    #: Where its evidence is written.
    file: Path


@dataclass(frozen=True)
class Device:
    """Where the arms run, and what it is called in evidence."""

    kind: str
    name: str
    #: What the proofs are given as `device`.
    torch: str
    synchronize: Callable[[], object] = lambda: None


@dataclass
class Session:
    """What stays the same from proof to proof."""

    device: Device
    protocol: Protocol
    meter: Meter | None
    clock: Clock
    tell: Callable[[str], None]
    #: Seconds that the whole run may take; nothing is begun that would not end in time.
    time_limit: float = math.inf
    control: dict[str, Any] | None = None
    #: What was counted before, by hash of the proof and size: exact counts need not be counted twice.
    counted: dict[tuple[str, int], dict[str, dict[str, Any]]] = field(default_factory=dict)
    probe: dict[str, Any] | None = None
    started: float = 0.0

    def __post_init__(self) -> None:
        self.started = time.monotonic()

    def left(self) -> float:
        """Seconds that are left of the limit."""
        return self.time_limit - (time.monotonic() - self.started)

    # -- one proof -------------------------------------------------------------------------------

    def entry(self, proof: Case, trials: dict[int, Trial]) -> dict[str, Any]:
        """The evidence of one proof on this device: outputs compared, counted, and measured where there is a trial."""
        sizes = [self._size(proof, size, trials.get(size)) for size in proof.sizes]
        found: dict[str, Any] = {
            "proof": proof.title,
            "hash": fingerprint(proof, PROTOCOL_VERSION),
            "recorded_at": record.now(),
            "device": {"kind": self.device.kind, "name": self.device.name},
            "environment": record.environment(),
            "protocol": {"version": PROTOCOL_VERSION, "smallest_effect": SMALLEST_EFFECT},
            "meter": None if self.meter is None else {"name": self.meter.name, "source": self.meter.source},
            "control": self.control,
            "probe": self.probe,
            "sizes": sizes,
            "verdict": overall([size["verdict"] for size in sizes]),
        }
        return found

    def _size(self, proof: Case, size: int, trial: Trial | None) -> dict[str, Any]:
        apart = difference(proof, self.device.torch, size)
        found: dict[str, Any] = {"size": size, "outputs": apart, "counts": self.counts(proof, size)}
        if apart is not None:
            return {**found, "trial": None, "energy": None, "time": None, "verdict": "invalid-outputs"}
        if trial is None:
            return {**found, "trial": None, "energy": None, "time": None, "verdict": "not-measured"}
        verdict, energy = trial.judge("energy")
        _, seconds = trial.judge("time")
        return {
            **found,
            "trial": trial.to_json(),
            "energy": energy.to_json() if energy else None,
            "time": seconds.to_json() if seconds else None,
            "verdict": verdict,
        }

    def counts(self, proof: Case, size: int) -> dict[str, dict[str, Any]]:
        """The exact counts of both arms."""
        from .counts import count

        known = self.counted.get((fingerprint(proof, PROTOCOL_VERSION), size))
        if known is not None:
            return known
        # Tracing makes Python a hundred times slower: only where its instructions are what the page claims.
        stepped, place = proof.counter == "python instructions", self.device.torch
        try:
            found = {
                arm: count(build(proof, arm, place, size), place, instructions=stepped).to_json()
                for arm in ("smelly", "clean")
            }
        except Exception as error:  # with a torch that hooks in otherwise, energy can be metered all the same
            self.tell(f"{proof.title}: not counted: {type(error).__name__}: {error}")
            return {"smelly": {}, "clean": {}}
        self.counted[fingerprint(proof, PROTOCOL_VERSION), size] = found
        return found

    def measure(self, proof: Case, size: int) -> Trial:
        """A trial of both arms in one size."""
        arms = {arm: build(proof, arm, self.device.torch, size) for arm in ("smelly", "clean")}
        return run(arms, self.protocol, self.meter, self.clock, self.device.synchronize)  # type: ignore[arg-type]

    # -- the whole run ---------------------------------------------------------------------------

    def run_controls(self) -> None:
        """Runs the pairs whose answer is known; the verdict on two equal arms goes into every entry."""
        found = {}
        for control in CONTROLS:
            verdict, ratio = self.measure(control, control.sizes[0]).judge("energy")
            found[control.title] = {"verdict": verdict, "energy": ratio.to_json() if ratio else None}
            expected = EXPECTED[control.title]
            self.tell(f"control, {control.title}: {verdict}" + ("" if verdict == expected else f", not {expected}"))
        self.control = found

    @property
    def trusted(self) -> bool:
        """Whether no control contradicts what is known of it: otherwise no number of this run is one."""
        found = {title: one["verdict"] for title, one in (self.control or {}).items()}
        if any(verdict in CONTRADICTED[title] for title, verdict in found.items() if title in CONTRADICTED):
            return False
        low, high = ((self.control or {}).get(EQUAL.title, {}).get("energy") or {}).get("interval", (1.0, 1.0))
        return found.get(EQUAL.title) != "cannot-tell" or bool(low <= 1 <= high)

    def run(self, targets: Iterable[Target], *, again: bool = False) -> bool:
        """Counts every proof, then measures them, greatest expected effect first. Whether all of them are done."""
        targets = list(targets)
        todo = [
            (target, proof)
            for target in targets
            for proof in read_page(target.page).proofs
            if (again or not self.done(target, proof)) and self.concerns(proof)
        ]
        known: list[tuple[float, Target, Case]] = []
        # What is done knows the controls, too.
        for target in targets:
            self._remember(target)
        for target, proof in todo:
            if self.left() <= 0:
                return False
            entry = self._kept(target, proof)
            if entry is not None and entry["verdict"] != "invalid-outputs":
                known.append((expected(entry, proof), target, proof))
        if self.meter is None:
            return True
        if self.control is None and known:
            if self.left() < self._takes(len(CONTROLS)):
                self.tell("the time limit is reached before the controls")
                return False
            self.run_controls()
            if not self.trusted:
                self.tell("a control contradicts what is known of it: all of them once more")
                self.run_controls()
            if not self.trusted:
                self.tell("a control contradicts it again: nothing is measured on this machine as it is now")
                return False
        for _, target, proof in sorted(known, key=lambda one: one[0]):
            if self.left() < self._takes(len(proof.sizes)):
                self.tell("the time limit is reached; the same command goes on from here")
                return False
            self._kept(target, proof, measured=True)
        return True

    def _takes(self, trials: int) -> float:
        """Seconds for some trials, and for what is set up and compared around them."""
        return _AROUND * trials * self.protocol.seconds

    def _remember(self, target: Target) -> None:
        """Takes over what an earlier run on this device has counted, and the controls of the last hour."""
        for one in record.read(target.file, target.rule)["entries"]:
            if one["device"] != {"kind": self.device.kind, "name": self.device.name}:
                continue
            if one["environment"] == record.environment():
                counted = {(one["hash"], size["size"]): size["counts"] for size in one["sizes"]}
                self.counted |= {key: counts for key, counts in counted.items() if all(counts.values())}
                if one["control"] is not None and one["verdict"] != "invalid-run" and record.recent(one["recorded_at"]):
                    self.control = one["control"]

    def concerns(self, proof: Case) -> bool:
        """Whether the device can show what the proof claims.

        The simulated one is there for transfers alone, and a GPU for what is put on it.
        """
        if self.device.kind == "simulated":
            return proof.counter in TRANSFERS
        return self.device.kind == "cpu" or "device" in proof.code

    def done(self, target: Target, proof: Case) -> bool:
        """Whether the file holds an entry of this proof and device that is not stale, and measured if it can be."""
        wanted = {"proof": proof.title, "device": {"kind": self.device.kind, "name": self.device.name}}
        return any(
            record.same_place(one, wanted)
            and one["hash"] == fingerprint(proof, PROTOCOL_VERSION)
            and (self.meter is None or one["verdict"] not in ("not-measured", "invalid-run"))
            for one in record.read(target.file, target.rule)["entries"]
        )

    def _kept(self, target: Target, proof: Case, *, measured: bool = False) -> dict[str, Any] | None:
        """The entry of a proof, kept unless it would put mere counts in the place of what was measured before."""
        try:
            trials = {size: self.measure(proof, size) for size in proof.sizes} if measured else {}
            entry = self.entry(proof, trials)
        except Exception as error:  # a proof runs what it likes: one that fails must not end the others
            self.tell(f"{target.rule}, {proof.title}: {type(error).__name__}: {error}")
            return None
        if trials and not self.trusted:
            entry["verdict"] = "invalid-run"
        if self.meter is not None and not measured and self.done(target, proof):
            return entry
        beside = target.page.with_suffix(".json")
        record.store(target.file, target.rule, entry, base=beside if beside.exists() else None)
        self.tell(f"{target.rule}, {proof.title}: {said(entry, proof)}")
        return entry


def overall(verdicts: list[str]) -> str:
    """One verdict for all sizes: what they agree on, the worst defect, or that it cannot be told."""
    for defect in ("invalid-outputs", "invalid-run", "not-measured"):
        if defect in verdicts:
            return defect
    return verdicts[0] if len(set(verdicts)) == 1 else "cannot-tell"


def expected(entry: dict[str, Any], proof: Case) -> float:
    """What the counters let expect, the least first: the product of time-like ratios where none is claimed."""
    field = COUNTERS.get(proof.counter, "operations")
    ratios = [counted_ratio(size["counts"], field) for size in entry["sizes"]]
    return min((ratio for ratio in ratios if ratio is not None), default=1.0)


def said(entry: dict[str, Any], proof: Case) -> str:
    """One line for the progress: the verdict, and the counter that the page claims."""
    field = COUNTERS.get(proof.counter)
    ratios = [counted_ratio(size["counts"], field) for size in entry["sizes"]] if field else []
    spelled = ", ".join("-" if ratio is None else f"{ratio:.3g}×" for ratio in ratios)
    return str(entry["verdict"]) + (f" ({proof.counter} {spelled})" if ratios else "")
