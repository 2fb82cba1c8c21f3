"""What a paired comparison says: a ratio with its interval, and one of seven verdicts."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["saves", "costs", "no-effect", "cannot-tell", "invalid-outputs", "invalid-run", "not-measured"]

#: The smallest effect of interest, set before any run: three parts in a hundred.
SMALLEST_EFFECT = 0.03
#: With fewer pairs the interval says more of the formula than of the machine.
FEWEST_PAIRS = 3


@dataclass(frozen=True)
class Ratio:
    """The geometric mean of clean / smelly over pairs of windows, and its confidence interval."""

    estimate: float
    low: float
    high: float
    pairs: int
    confidence: float = 0.95

    def to_json(self) -> dict[str, float | int | list[float]]:
        """The ratio as it stands in evidence."""
        return {
            "estimate": self.estimate,
            "interval": [self.low, self.high],
            "confidence": self.confidence,
            "pairs": self.pairs,
        }


def ratio(smelly: Sequence[float], clean: Sequence[float], confidence: float = 0.95) -> Ratio:
    """The ratio clean / smelly of paired measurements, with a t interval on the logarithms of the pairs' ratios.

    A percentile bootstrap covers too little with so few pairs. Raises `ValueError` for fewer than three pairs, for
    sequences of different lengths, and for what is not above zero.
    """
    if len(smelly) != len(clean):
        raise ValueError("each window of one arm needs its partner")
    if len(smelly) < FEWEST_PAIRS:
        raise ValueError(f"{len(smelly)} pairs are too few, {FEWEST_PAIRS} are the least")
    if min(*smelly, *clean) <= 0:
        raise ValueError("what is not above zero has no ratio")
    logs = [math.log(after / before) for before, after in zip(smelly, clean, strict=True)]
    centre = statistics.fmean(logs)
    half = t_quantile(confidence, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return Ratio(math.exp(centre), math.exp(centre - half), math.exp(centre + half), len(logs), confidence)


def verdict(found: Ratio | None, smallest: float = SMALLEST_EFFECT) -> Verdict:
    """What a ratio says, whole interval and all; without one nothing was measured."""
    if found is None:
        return "not-measured"
    if found.high < 1 - smallest:
        return "saves"
    if found.low > 1 + smallest:
        return "costs"
    if found.low >= 1 - smallest and found.high <= 1 + smallest:
        return "no-effect"
    return "cannot-tell"


def t_quantile(confidence: float, freedom: int) -> float:
    """The t for which a share `confidence` of Student's distribution lies within -t and t."""
    low, high = 0.0, 1e4
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < confidence else (low, middle)
    return (low + high) / 2


def _within(t: float, freedom: int) -> float:
    """The probability of [-t, t], by the finite sums of Abramowitz and Stegun 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    if freedom == 1:
        return 2 * angle / math.pi
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = term
    for k in range(2 + odd, freedom - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
