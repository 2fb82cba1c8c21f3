"""The words and the plain data in which a proof of fixes is told."""

from __future__ import annotations

from typing import Any

from .prove import Proof, plain
from .verdict import Ratio, Verdict, ratio, verdict


def verdict_of(proof: Proof) -> Verdict:
    """What the metric that decides says, where the outputs are equal."""
    if not proof.fixed:
        return "not-measured"
    if proof.differs is not None:
        return "invalid-outputs"
    return verdict(next(iter(ratios(proof).values()), None))


def ratios(proof: Proof) -> dict[str, Ratio]:
    """Fixed over original by metric, the one that decides first."""
    return {name: ratio(*values) for name, values in proof.metrics.items()}


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
    lines = [
        f"{these}: {first.estimate:.2f}× {lead} {_interval(first)}, {verdict(first)}; {outputs}",
        f"  fixes: {names}",
    ]
    lines += [
        f"  {name}: {each.estimate:.2f}× {_interval(each)}, {verdict(each)}"
        for name, each in found.items()
        if name != lead
    ]
    lines.append(f"  {len(proof.pairs)} pairs of runs on this machine, intervals at 95 %")
    if not any(name.startswith("energy") for name in found):
        lines.append(f"  no energy was metered: {'; '.join(proof.reasons)}")
    return "".join(f"{line}\n" for line in lines)


def data_of(proof: Proof) -> dict[str, Any]:
    """The proof for a program."""
    found = {name: {**each.to_json(), "verdict": verdict(each)} for name, each in ratios(proof).items()}
    return {"verdict": verdict_of(proof), "ratios": found, **plain(proof)}


def _interval(found: Ratio) -> str:
    return f"({found.low:.2f}–{found.high:.2f})"
