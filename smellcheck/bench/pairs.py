"""What pairs of runs say of the ratio between them: an interval, and a verdict from the whole of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

#: The smallest effect that counts, settled before anything ran.
SMALLEST = 0.03
#: Student's t at 97.5 %, by degrees of freedom; beyond the last, the last is on the safe side.
_T: tuple[float, ...] = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.160,
    2.145,
)
_T += (2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042)


@dataclass(frozen=True)
class Ratio:
    """Fixed over original, with its 95 % interval."""

    ratio: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Nothing is claimed that a part of the interval denies."""
        if self.high < 1 - SMALLEST:
            return "saves"
        if self.low > 1 + SMALLEST:
            return "costs"
        return "no-effect" if self.low >= 1 - SMALLEST and self.high <= 1 + SMALLEST else "cannot-tell"

    def __str__(self) -> str:
        return f"({self.low:.2f}–{self.high:.2f})"


def ratio_of(original: Sequence[float], fixed: Sequence[float]) -> Ratio:
    """The geometric mean of the ratios of pairs, and the t interval of their logarithms."""
    logs = [math.log(after / before) for before, after in zip(original, fixed, strict=True)]
    if len(logs) < 3:
        raise ValueError("an interval needs three pairs")
    middle = fmean(logs)
    half = _T[min(len(logs) - 2, len(_T) - 1)] * stdev(logs) / math.sqrt(len(logs))
    return Ratio(math.exp(middle), math.exp(middle - half), math.exp(middle + half))
