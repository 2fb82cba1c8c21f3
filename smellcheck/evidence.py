"""A rule's evidence read back: what it says in words, and the level that it leaves the rule; needs no torch.

Evidence whose proof or protocol has changed is stale: it says nothing until the bench has run again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .bench.trial import PROTOCOL_VERSION
from .bench.verdict import SMALLEST_EFFECT
from .bench.workload import fingerprint
from .finding import LEVELS, Level
from .page import Case, read_page

SCHEMA_VERSION = 1
#: What pages call the counters, and where each stands in the counts.
COUNTERS = {
    "flops": "flops",
    "operations": "operations",
    "bytes read": "bytes_read",
    "bytes written": "bytes_written",
    "live peak": "live_peak",
    "copies to the device": "h2d_copies",
    "bytes to the device": "h2d_bytes",
    "copies to the host": "d2h_copies",
    "bytes to the host": "d2h_bytes",
    "synchronisations": "syncs",
    "python instructions": "instructions",
}
_SPELLED = {"flops": "FLOPs", "python instructions": "Python instructions", "live peak": "live peak memory"}
#: Counters that only mean something where there is a device to copy to.
TRANSFERS = (
    "copies to the device",
    "bytes to the device",
    "copies to the host",
    "bytes to the host",
    "synchronisations",
)
#: The verdicts that settle what a proof's energy does.
_KNOWN = ("saves", "costs", "no-effect")
#: What is worth a word when it grows: more memory and more arithmetic are what batches are paid with.
_PRICES = ("flops", "live peak")


@dataclass(frozen=True)
class Entry:
    """What one proof gave on one device."""

    proof: str
    device: str
    kind: str
    verdict: str
    #: clean / smelly of the energy a run, over all sizes: the widest interval, or nothing.
    energy: tuple[float, float, float] | None
    counter: str
    #: clean / smelly of the page's counter in each size; empty when it was not counted.
    counted: tuple[float, ...]
    #: Other counters that grow, with their greatest ratio.
    prices: tuple[tuple[str, float], ...]
    #: What each size says on its own.
    sizes: tuple[tuple[int, str], ...] = ()

    @property
    def lowers(self) -> bool:
        """Whether the counter falls, in every size, by more than the smallest effect."""
        return bool(self.counted) and all(ratio < 1 - SMALLEST_EFFECT for ratio in self.counted)

    @property
    def words(self) -> str:
        """What may be said of it: measured, counted, or an honest null."""
        if self.verdict == "invalid-outputs":
            return f"on {self.device} the rewrite gives other results, so nothing is said of its energy"
        said = []
        if (measured := self._measured) is not None:
            said.append(f"measured on {self.device}: {measured}")
        if self.counted:
            low, high = min(self.counted), max(self.counted)
            span = f"{low:.2g}×" if f"{low:.2g}" == f"{high:.2g}" else f"{low:.2g} to {high:.2g}×"
            count = f"{span} {_SPELLED.get(self.counter, self.counter)}"
            said.append(count if said else f"counted on {self.device}, not measured in joules: {count}")
        said += [f"{ratio:.2g}× {_SPELLED.get(name, name)}" for name, ratio in self.prices if said]
        return "; ".join(said)

    @property
    def _measured(self) -> str | None:
        if self.energy is not None and self.verdict in ("saves", "costs"):
            estimate, low, high = self.energy
            return f"{estimate:.2g}× energy ({low:.2g} to {high:.2g})"
        if self.verdict == "no-effect":
            return "no effect on energy"
        if self.verdict != "cannot-tell":
            return None
        if len({verdict for _, verdict in self.sizes}) < 2:
            return "the noise leaves open whether energy changes"
        return "energy depends on the size: " + ", ".join(f"{verdict} at {size}" for size, verdict in self.sizes)

    def to_json(self) -> dict[str, Any]:
        """The entry as findings quote it."""
        return {
            "proof": self.proof,
            "device": self.device,
            "verdict": self.verdict,
            "energy_ratio": None
            if self.energy is None
            else dict(zip(("estimate", "low", "high"), self.energy, strict=True)),
            "counter": self.counter or None,
            "counted_ratios": list(self.counted),
            "words": self.words,
        }


@cache
def entries(page: Path) -> tuple[Entry, ...]:
    """The evidence beside a rule's page that is not stale, measured before counted, in the order of the proofs.

    Evidence that cannot be read, or has another schema, is no evidence.
    """
    try:
        stored = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
        proofs = {fingerprint(proof, PROTOCOL_VERSION): proof for proof in read_page(page).proofs}
        if stored["schema_version"] != SCHEMA_VERSION:
            return ()
        found = [_entry(one, proofs[one["hash"]]) for one in stored["entries"] if one["hash"] in proofs]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    order = {proof.title: place for place, proof in enumerate(proofs.values())}
    return tuple(sorted(found, key=lambda entry: (entry.energy is None, order[entry.proof], entry.kind == "simulated")))


def quoted(page: Path) -> dict[str, Any] | None:
    """What a finding of the rule quotes: its best entry that says something; `None` without evidence."""
    return next((entry.to_json() for entry in entries(page) if entry.words), None)


def section(page: Path) -> str:
    """The evidence as a section of the page, one line a proof and device; empty without evidence."""
    lines = [f"- {entry.proof}: {entry.words}." for entry in entries(page) if entry.words]
    return "\n## Evidence\n\n" + "\n".join(lines) + "\n" if lines else ""


def level(declared: Level, page: Path) -> Level:
    """The level that the evidence leaves a rule: it can only lower what the check declares.

    A rule whose page claims memory is judged by the live peak, not by joules. Where the energy of a proof is known,
    mere counts of it from other devices no longer speak for the rule.
    """
    known = {entry.proof for entry in entries(page) if entry.verdict in _KNOWN}
    found = [entry for entry in entries(page) if entry.verdict in _KNOWN or entry.proof not in known]
    if not found:
        return declared
    left = min((_supported(entry) for entry in found), key=LEVELS.index)
    return max(declared, left, key=LEVELS.index)


def _supported(entry: Entry) -> Level:
    memory = entry.counter == "live peak" and entry.lowers
    match entry.verdict:
        case "saves":
            return "warning"
        case "costs":
            return "advice"
        case "no-effect":
            return "warning" if memory else "info"
        case "invalid-outputs":
            return "info"
    return "warning" if entry.lowers else "info"


def _entry(stored: dict[str, Any], proof: Case) -> Entry:
    sizes = stored["sizes"]
    energies = [size["energy"] for size in sizes if size.get("energy")]
    counted: tuple[float, ...] = ()
    prices: tuple[tuple[str, float], ...] = ()
    field = COUNTERS.get(proof.counter)
    if field is not None:
        counted = tuple(ratio for size in sizes if (ratio := counted_ratio(size["counts"], field)) is not None)
        grown = [
            (name, max(ratio for size in sizes if (ratio := counted_ratio(size["counts"], COUNTERS[name])) is not None))
            for name in _PRICES
            if name != proof.counter and any(counted_ratio(size["counts"], COUNTERS[name]) for size in sizes)
        ]
        prices = tuple((name, ratio) for name, ratio in grown if ratio > 1 + SMALLEST_EFFECT)
    return Entry(
        proof=proof.title,
        device=stored["device"]["name"],
        kind=stored["device"]["kind"],
        verdict=stored["verdict"],
        energy=_widest(energies) if energies and len(energies) == len(sizes) else None,
        counter=proof.counter,
        counted=counted,
        prices=prices,
        sizes=tuple((size["size"], size["verdict"]) for size in sizes),
    )


def counted_ratio(counts: dict[str, dict[str, Any]], field: str) -> float | None:
    """clean / smelly of one counter; `None` where the smelly arm has nothing to lower or it was not counted."""
    before, after = counts["smelly"].get(field), counts["clean"].get(field)
    return after / before if before and after is not None else None


def _widest(energies: list[dict[str, Any]]) -> tuple[float, float, float]:
    estimates = [one["estimate"] for one in energies]
    low, high = min(one["interval"][0] for one in energies), max(one["interval"][1] for one in energies)
    return (sum(estimates) / len(estimates), low, high)
