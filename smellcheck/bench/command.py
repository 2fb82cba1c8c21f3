"""The bench as a program of its own: what `smellcheck bench` and a bundle run, with nothing but torch beside it."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from . import record
from .session import Session, Target
from .trial import CONFIRM, SCREEN, Protocol

#: The first with counters of FLOPs and storages that can be told apart.
OLDEST_TORCH = (2, 1)


def run(
    targets: Sequence[Target],
    *,
    device: str,
    protocol: Protocol,
    time_limit: float | None = None,
    again: bool = False,
) -> int:
    """Runs the bench and prints its progress. Exit 0 when everything is done, 3 when the time limit came first."""
    begun = time.monotonic()

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    if (reason := _unfit_torch()) is not None:
        tell(f"error: {reason}")
        return 2
    from .devices import NoDevice, choose, meter_of
    from .probe import probe

    try:
        devices = choose(device)
    except NoDevice as error:
        tell(f"error: {error}")
        return 2
    finished = True
    for place in devices:
        with ExitStack() as stack:
            limit = (time_limit or math.inf) - (time.monotonic() - begun)
            session = Session(place, protocol, None, time.perf_counter, tell, limit)
            found = None
            if place.kind == "cuda":
                files = [(target.file, target.rule) for target in targets]
                named = {"kind": place.kind, "name": place.name}
                found = record.recent_probe(files, named) or probe(place.torch)
            session.probe = found
            meter, reason = meter_of(place, found["trusted"] if found else None)
            if found is not None and found["trusted"] is None:
                meter, reason = None, "; ".join(found["reasons"])
            said = f"{meter.name} by {meter.source}" if meter else f"no energy, only counts: {reason}"
            tell(f"{place.name}: {said}")
            session.meter = stack.enter_context(meter) if meter is not None else None
            finished = session.run(targets, again=again) and finished
    return 0 if finished else 3


def _unfit_torch() -> str | None:
    try:
        import torch
    except (ImportError, OSError) as error:
        return f"{sys.executable} cannot import torch: {error}"
    numbers = tuple(int(number) for number in torch.__version__.split(".")[:2])
    oldest = ".".join(map(str, OLDEST_TORCH))
    return None if numbers >= OLDEST_TORCH else f"torch {torch.__version__} is too old, {oldest} is the least"


def targets(pages: Iterable[Path], out: Path | None) -> list[Target]:
    """The rules of some pages; evidence goes beside them, or to the folder of their family under `out`."""
    return [
        Target(
            page.stem.replace("_", "-"),
            page,
            (out / page.parent.name / page.name if out else page).with_suffix(".json"),
        )
        for page in pages
    ]


def main(arguments: Sequence[str] | None = None, pages: Iterable[Path] = ()) -> int:
    """The command line of a bundle."""
    parser = argparse.ArgumentParser(prog="smellcheck-bench", description="Run the proofs and write their evidence.")
    parser.add_argument("rules", nargs="*", metavar="RULE")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--confirm", action="store_true", help="eight pairs of 5 s instead of six of 2.5 s")
    parser.add_argument("--out", type=Path, default=Path("evidence"))
    parser.add_argument("--time-limit", type=float, metavar="SECONDS")
    parser.add_argument("--again", action="store_true", help="measure what is measured already, too")
    given = parser.parse_args(arguments)
    found = targets(pages, given.out)
    chosen = [target for target in found if not given.rules or target.rule in given.rules]
    protocol = CONFIRM if given.confirm else SCREEN
    return run(chosen, device=given.device, protocol=protocol, time_limit=given.time_limit, again=given.again)
