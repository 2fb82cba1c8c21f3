"""A whole trial on a replayed meter and a clock that stands still until something runs."""

from collections.abc import Callable
from typing import Any

import pytest

from smellcheck.bench.replay import FakeClock, Replay
from smellcheck.bench.trial import CONFIRM, SCREEN, Protocol, Trial, Window, dropped, run
from smellcheck.bench.verdict import FEWEST_PAIRS

SHORT = Protocol("test", pairs=6, window=2.0, warm_up=1.0, warm_up_runs=3, lead=0.5)


def board() -> tuple[Replay, FakeClock]:
    clock = FakeClock()
    return Replay([(0.0, 0.0)], clock), clock


def arm(meter: Replay, seconds: float, joules: float, log: list[str], name: str) -> Callable[[], object]:
    def work() -> None:
        log.append(name)
        meter.spend(seconds, joules)

    return work


def trial(smelly: tuple[float, float], clean: tuple[float, float]) -> tuple[Trial, list[str]]:
    meter, clock = board()
    log: list[str] = []
    arms: Any = {"smelly": arm(meter, *smelly, log, "s"), "clean": arm(meter, *clean, log, "c")}
    return run(arms, SHORT, meter, clock), log


@pytest.mark.parametrize(
    ("smelly", "clean", "energy", "time"),
    [
        ((0.1, 40.0), (0.1, 20.0), "saves", "no-effect"),
        ((0.1, 40.0), (0.1, 40.0), "no-effect", "no-effect"),
        ((0.1, 40.0), (0.05, 60.0), "costs", "saves"),
    ],
)
def test_the_verdict_of_a_trial(
    smelly: tuple[float, float], clean: tuple[float, float], energy: str, time: str
) -> None:
    found, _ = trial(smelly, clean)
    verdict, ratio = found.judge("energy")
    assert verdict == energy
    assert ratio is not None
    assert ratio.estimate == pytest.approx(clean[1] / smelly[1])
    assert found.judge("time")[0] == time


def test_the_order_is_smelly_clean_clean_smelly() -> None:
    found, _ = trial((0.1, 1.0), (0.1, 1.0))
    arms = [window.arm for window in found.windows]
    assert arms[:4] == ["smelly", "clean", "clean", "smelly"]
    assert len(arms) == 2 * SHORT.pairs


def test_a_window_is_long_enough_and_led_by_its_own_arm() -> None:
    found, log = trial((0.3, 1.0), (0.7, 1.0))
    assert all(window.seconds >= SHORT.window for window in found.windows)
    # Both arms have run before the first window, and the first window belongs to the smelly one.
    assert log.index("c") < len(log) - 1
    assert found.windows[0].runs == 7


def test_without_a_meter_there_is_time_and_no_energy() -> None:
    meter, clock = board()
    arms: Any = {"smelly": arm(meter, 0.1, 1.0, [], "s"), "clean": arm(meter, 0.1, 1.0, [], "c")}
    found = run(arms, SHORT, None, clock)
    assert found.judge("energy") == ("not-measured", None)
    assert found.judge("time")[0] == "no-effect"


def test_what_is_stored_says_the_same() -> None:
    found, _ = trial((0.1, 40.0), (0.1, 20.0))
    again = Trial.from_json(found.to_json())
    assert again == found
    assert again.judge() == found.judge()


def window(name: Any = "smelly", **state: Any) -> Window:
    calm = {"temperature_c": 50, "sm_mhz": 1980, "throttle_reasons": 0, "processes": 1}
    return Window(name, 10, 2.0, 100.0, dict(calm), {**calm, **state})


@pytest.mark.parametrize(
    ("smelly", "clean", "reason"),
    [
        (window(), window("clean"), None),
        (window(throttle_reasons=0x1), window("clean"), None),
        (window(throttle_reasons=0x4, sm_mhz=1500), window("clean"), None),
        (window(throttle_reasons=0x20), window("clean"), "throttled"),
        (window(processes=2), window("clean"), "another process"),
        (window(sm_mhz=1500), window("clean"), "clocks"),
        (window(temperature_c=58), window("clean"), "temperature"),
        (window(), Window("clean", 10, 1.0, 100.0), "cut short"),
        (Window("smelly", 1, 2.0, 1.0), Window("clean", 1, 2.0, 1.0), None),
    ],
)
def test_pairs_are_left_out_for_declared_reasons_alone(smelly: Window, clean: Window, reason: str | None) -> None:
    found = dropped(smelly, clean, SHORT)
    assert found is None if reason is None else reason in (found or "")


def test_a_run_that_loses_too_many_pairs_is_invalid() -> None:
    calm = [window(), window("clean")]
    hot = [window(temperature_c=70), window("clean")]
    assert Trial(SHORT, tuple(calm * 5 + hot)).judge()[0] == "no-effect"
    assert Trial(SHORT, tuple(calm * 4 + hot * 2)).judge()[0] == "invalid-run"
    assert Trial(SHORT, tuple(calm * (FEWEST_PAIRS - 1))).judge()[0] == "invalid-run"


def test_an_arm_that_fails_is_heard() -> None:
    meter, clock = board()

    def broken() -> None:
        raise RuntimeError("no memory")

    arms: Any = {"smelly": broken, "clean": arm(meter, 0.1, 1.0, [], "c")}
    with pytest.raises(RuntimeError, match="no memory"):
        run(arms, SHORT, meter, clock)


def test_the_protocols_are_those_of_the_documentation() -> None:
    assert (SCREEN.pairs, SCREEN.window, CONFIRM.pairs, CONFIRM.window) == (6, 2.5, 8, 5.0)
    assert 30 < SCREEN.seconds < 45
    assert 85 < CONFIRM.seconds < 100


def test_windows_are_full_where_waiting_for_the_device_costs_more_than_the_work() -> None:
    """Runs are queued; a window waits once, so that a run in it takes less than one that is waited for."""
    meter, clock = board()
    queued: list[float] = []

    def wait() -> None:
        meter.spend(sum(queued) + 0.003, 300 * sum(queued))
        queued.clear()

    arms: Any = {"smelly": lambda: queued.append(0.001), "clean": lambda: queued.append(0.0005)}
    found = run(arms, SHORT, meter, clock, wait)
    assert [reason for _, _, reason in found.pairs() if reason] == []
    assert found.judge("energy")[0] == "saves"


def test_a_stutter_of_the_last_warm_run_does_not_shorten_the_windows() -> None:
    meter, clock = board()
    ran = iter(range(10**6))

    def work() -> None:
        meter.spend(1.0 if next(ran) == 9 else 0.1, 1.0)

    arms: Any = {"smelly": work, "clean": arm(meter, 0.1, 1.0, [], "c")}
    found = run(arms, Protocol("test", pairs=6, window=2.0, warm_up=1.9, warm_up_runs=3), meter, clock)
    assert [reason for _, _, reason in found.pairs() if reason] == []
