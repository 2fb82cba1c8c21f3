"""The words and the plain data in which a proof of fixes is told."""

from __future__ import annotations

from typing import Any

from .pairs import Ratio, ratio_of
from .prove import Proof, plain


def verdict_of(proof: Proof) -> str:
    """What the metric that decides says, where the outputs are equal."""
    if not proof.fixed:
        return "not-measured"
    if proof.differs is not None:
        return "invalid-outputs"
    return next((ratio.verdict for ratio in ratios(proof).values()), "not-measured")


def ratios(proof: Proof) -> dict[str, Ratio]:
    """Fixed over original by metric, the one that decides first."""
    return {name: ratio_of(*values) for name, values in proof.metrics.items()}


def told(proof: Proof) -> str:
    """The proof for a reader."""
    if not proof.fixed:
        return "nothing to prove: no fix applies to this project\n"
    count = sum(proof.fixed.values())
    these = "this fix" if count == 1 else f"these {count} fixes"
    names = ", ".join(f"{name} {times}" for name, times in proof.fixed.items())
    if proof.differs is not None:
        return f"{these}: invalid-outputs: {proof.differs}\n  fixes: {names}\n"
    found = ratios(proof)
    lead, first = next(iter(found.items()))
    outputs = f"outputs equal ({', '.join(proof.compared)})"
    lines = [f"{these}: {first.ratio:.2f}× {lead} {first}, {first.verdict}; {outputs}", f"  fixes: {names}"]
    lines += [f"  {name}: {ratio.ratio:.2f}× {ratio}, {ratio.verdict}" for name, ratio in found.items() if name != lead]
    lines.append(f"  {len(proof.pairs)} pairs of runs on this machine, intervals at 95 %")
    if not any(name.startswith("energy") for name in found):
        lines.append(f"  no energy was metered: {'; '.join(proof.reasons)}")
    return "".join(f"{line}\n" for line in lines)


def data_of(proof: Proof) -> dict[str, Any]:
    """The proof for a program."""
    found = {
        name: {"ratio": ratio.ratio, "low": ratio.low, "high": ratio.high, "verdict": ratio.verdict}
        for name, ratio in ratios(proof).items()
    }
    return {"verdict": verdict_of(proof), "ratios": found, **plain(proof)}
