"""The verdict is right as often as it says, and never sees a saving in drift."""

import math
import random
import statistics

import pytest

from smellcheck.bench.verdict import Ratio, ratio, t_quantile, verdict


@pytest.mark.parametrize(
    ("freedom", "wanted"), [(1, 12.706), (2, 4.303), (5, 2.571), (7, 2.365), (8, 2.306), (30, 2.042), (200, 1.972)]
)
def test_quantiles_are_those_of_the_tables(freedom: int, wanted: float) -> None:
    assert t_quantile(0.95, freedom) == pytest.approx(wanted, abs=6e-4)


def test_wider_confidence_is_a_wider_interval() -> None:
    assert t_quantile(0.975, 7) > t_quantile(0.95, 7) > t_quantile(0.9, 7)


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0.60, 0.70, "saves"),
        (0.60, 0.96, "saves"),
        (0.60, 0.98, "cannot-tell"),
        (0.98, 1.02, "no-effect"),
        (0.98, 1.05, "cannot-tell"),
        (0.90, 1.10, "cannot-tell"),
        (1.05, 1.20, "costs"),
        (1.02, 1.20, "cannot-tell"),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, wanted: str) -> None:
    assert verdict(Ratio(math.sqrt(low * high), low, high, 8)) == wanted


def test_nothing_measured_is_no_verdict_on_energy() -> None:
    assert verdict(None) == "not-measured"


@pytest.mark.parametrize(
    ("smelly", "clean"), [([1, 2], [1, 2]), ([1, 2, 3], [1, 2]), ([1, 2, 0], [1, 2, 3]), ([1, 2, 3], [1, -2, 3])]
)
def test_what_has_no_ratio_is_refused(smelly: list[float], clean: list[float]) -> None:
    with pytest.raises(ValueError, match=r"pairs|partner|zero"):
        ratio(smelly, clean)


def simulated(chance: random.Random, true: float, pairs: int, order: str, drift: float, noise: float) -> Ratio:
    """A trial on a device that warms up while it runs: `drift` more power at the end than at the beginning."""
    names = "".join(order if pair % 2 == 0 else order[::-1] for pair in range(pairs))
    found: dict[str, list[float]] = {"s": [], "c": []}
    for place, name in enumerate(names):
        power = 400 * (1 + drift * (1 - math.exp(-3 * place / len(names)))) * math.exp(chance.gauss(0, noise))
        found[name].append(power * (true if name == "c" else 1))
    return ratio(found["s"], found["c"])


@pytest.mark.parametrize("true", [0.8, 0.95, 1.0, 1.2])
@pytest.mark.parametrize("pairs", [6, 8])
def test_the_interval_covers_the_truth_as_often_as_it_says(true: float, pairs: int) -> None:
    chance = random.Random(pairs)
    found = [simulated(chance, true, pairs, "sc", 0.06, 0.01) for _ in range(1000)]
    covered = statistics.fmean(one.low <= true <= one.high for one in found)
    # Three standard errors of 1000 trials below 0.95; drift widens intervals, it does not bias them.
    assert covered > 0.93


@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02, 0.05])
def test_drift_and_noise_are_no_saving(noise: float) -> None:
    chance = random.Random(1)
    verdicts = [verdict(simulated(chance, 1.0, 6, "sc", 0.06, noise)) for _ in range(1000)]
    assert verdicts.count("saves") < 50
    assert verdicts.count("costs") < 50


def test_a_large_saving_is_seen() -> None:
    chance = random.Random(2)
    verdicts = [verdict(simulated(chance, 0.8, 6, "sc", 0.06, 0.01)) for _ in range(200)]
    assert verdicts.count("saves") > 190
