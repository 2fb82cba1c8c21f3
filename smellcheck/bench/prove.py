"""Proves fixes on a whole program: the original and the fixed copy run in turn, and what they use is compared."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .meter import Meter, Opened, open_meters
from .nvml import INTEGRAL
from .process import Program, Ran, RunError, contents, copy_project, difference, module_paths, run, strays

if TYPE_CHECKING:
    from ..selection import Layer

#: As the verdict wants them.
LEAST_PAIRS = 3
#: What tells the project that a script belongs to.
ROOTS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What is to be proved, and how."""

    script: Path
    args: tuple[str, ...] = ()
    #: Files and directories that the program writes and that must be the same, relative to the current directory.
    compare: tuple[Path, ...] = ()
    project: Path | None = None
    pairs: int = 6
    tolerance: float = 0.0
    time_limit: float | None = None
    unsafe: bool = False
    python: str = sys.executable


@dataclass(frozen=True)
class Proof:
    """What came of it; the runs are kept as they were, in the order in which they ran."""

    fixed: dict[str, int]
    #: Pairs of a run of the original and one of the fixed program.
    pairs: tuple[tuple[Ran, Ran], ...] = ()
    #: How the outputs differ, none when they are equal.
    differs: str | None = None
    compared: tuple[str, ...] = ()
    #: Why there are no meters.
    reasons: tuple[str, ...] = ()
    metrics: dict[str, tuple[list[float], list[float]]] = field(default_factory=dict)


def prove(asked: Asked, selectors: Layer, tell: Tell, opened: Opened | None = None) -> Proof:
    """Copy the project, fix the copy, run both in turn; nothing but copies is ever written to.

    Raises `RunError` where there is nothing to compare, and what `smellcheck.run.run` raises.
    """
    script = asked.script.resolve()
    project = (asked.project or _project_of(script)).resolve()
    if not script.is_relative_to(project):
        raise RunError(f"{asked.script} is not inside the project {project}")
    if not hasattr(os, "wait4"):
        raise RunError("this system does not tell what a process used: `prove` needs Linux or macOS")
    program = _program(asked, script, project)
    with _ended_like_an_interrupt(), tempfile.TemporaryDirectory(prefix="smellcheck-prove-") as scratch:
        original, mended = Path(scratch, "original"), Path(scratch, "mended")
        copy_project(project, original)
        copy_project(project, mended)
        fixed = _fix(mended, asked.unsafe, selectors)
        if not fixed:
            return Proof({})
        _refuse_strays(program, original, mended, project)
        opened = opened or _meters()
        return _race(asked, program, (original, mended), Path(scratch, "run"), fixed, opened, tell)


def _refuse_strays(program: Program, original: Path, mended: Path, project: Path) -> None:
    """Raise `RunError` where the fixes are in modules that the runs would not take from the copy."""
    for name, place in strays(program, mended, project).items():
        if contents(original / place) != contents(mended / place):
            raise RunError(
                f"`{name}` is installed in place, so that every run imports it from {project / place}, without the "
                "fixes: use an interpreter (--python) where it is not, or fix other files (--select, --project)"
            )


@contextmanager
def _ended_like_an_interrupt() -> Iterator[None]:
    """Whoever ends us from outside wants no copies and no running script left behind either."""
    wanted = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = [(each, signal.signal(each, end)) for each in wanted]
    try:
        yield
    finally:
        for each, handler in before:
            signal.signal(each, handler)


def _race(
    asked: Asked,
    program: Program,
    arms: tuple[Path, Path],
    place: Path,
    fixed: dict[str, int],
    opened: Opened,
    tell: Tell,
) -> Proof:
    tell("warming up: the original")
    first = run(program, arms[0], place)
    if first.code != 0:
        raise RunError(f"the program fails as it is (exit code {first.code}):\n{_last_lines(first.complaint)}")
    missing = [str(path) for path in program.compare if not any(_below(each, path) for each in first.outputs)]
    if missing:
        raise RunError(f"the program does not write {', '.join(missing)}")
    tell("warming up: with the fixes")
    other = run(program, arms[1], place)
    compared = tuple(sorted(first.outputs))
    if other.code != 0:
        told = f"with the fixes the program fails (exit code {other.code}):\n{_last_lines(other.complaint)}"
        return Proof(fixed, (), told, compared, opened.reasons)
    pairs: list[tuple[Ran, Ran]] = []
    wanted = _affordable(asked, first.wall_s + other.wall_s)
    for number in range(wanted):
        tell(f"pair {number + 1} of {wanted}")
        # Original first, then last: what drifts over time falls on both alike.
        order = arms if number % 2 == 0 else arms[::-1]
        one, two = (run(program, arm, place, opened.meters) for arm in order)
        pairs.append((one, two) if number % 2 == 0 else (two, one))
    differs = _differs([first, *(pair[0] for pair in pairs)], [other, *(pair[1] for pair in pairs)], asked.tolerance)
    return Proof(fixed, tuple(pairs), differs, compared, opened.reasons, dict(_metrics(pairs, opened.meters)))


def _differs(originals: Sequence[Ran], mended: Sequence[Ran], tolerance: float) -> str | None:
    for again in originals[1:]:
        if (how := difference(originals[0], again, tolerance)) is not None:
            return f"the original does not do the same twice: {how}"
    return next(filter(None, (difference(originals[0], each, tolerance) for each in mended)), None)


def _metrics(
    pairs: Sequence[tuple[Ran, Ran]], meters: Sequence[Meter]
) -> Iterator[tuple[str, tuple[list[float], list[float]]]]:
    """The metric that decides comes first: energy where it is metered, else CPU time."""
    asks: dict[str, Callable[[Ran], float]] = {}
    for meter in meters:
        asks[f"energy ({meter.name})"] = lambda ran, name=meter.name: ran.joules[name]  # type: ignore[misc]
    asks["CPU time"] = lambda ran: ran.cpu_s
    asks["wall time"] = lambda ran: ran.wall_s
    asks["peak memory"] = lambda ran: float(ran.peak_rss)
    for name, ask in asks.items():
        values = [ask(one) for one, _ in pairs], [ask(two) for _, two in pairs]
        if all(value > 0 for arm in values for value in arm):
            yield name, values


def _fix(copy: Path, unsafe: bool, selectors: Layer) -> dict[str, int]:
    from ..config import Chosen
    from ..run import Options
    from ..run import run as check

    chosen = Chosen(copy, overrides={"fix": True, "unsafe_fixes": unsafe})
    report = check([str(copy)], Options(chosen, selectors))
    broken = [problem for problem in report.problems if problem.kind in ("fix-error", "io-error", "crash")]
    if broken:
        raise RunError(f"{broken[0].path}: {broken[0].message}")
    return dict(report.fixed)


def _program(asked: Asked, script: Path, project: Path) -> Program:
    here = Path.cwd()
    directory = here.relative_to(project) if here.is_relative_to(project) else Path()
    # From the directory that it runs in, so that it is the copy that runs.
    named = os.path.relpath(script, project / directory)
    for path in asked.compare:
        if path.is_absolute():
            raise RunError(f"{path}: name what to compare relative to the current directory")
    return Program((asked.python, named, *asked.args), directory, asked.compare, module_paths(asked.python, project))


def _project_of(script: Path) -> Path:
    for directory in script.parents:
        if any((directory / name).exists() for name in ROOTS):
            return directory
    return script.parent


def _meters() -> Opened:
    # Power summed up is right on every board that is known; the counter is not, and without a probe nobody can tell.
    return open_meters("cuda", INTEGRAL)


def _affordable(asked: Asked, pair_s: float) -> int:
    """As many pairs as are asked for, fewer where time is short; settled before the first is seen."""
    if asked.time_limit is None:
        return asked.pairs
    return max(LEAST_PAIRS, min(asked.pairs, int(asked.time_limit / max(pair_s, 1e-3))))


def _below(shown: str, path: Path) -> bool:
    return shown == str(path) or shown.startswith(f"{path}/")


def _last_lines(text: str, count: int = 8) -> str:
    return "\n".join(text.rstrip().splitlines()[-count:])


def plain(proof: Proof) -> dict[str, Any]:
    """The proof as plain data, without what the programs printed."""

    def used(ran: Ran) -> dict[str, Any]:
        return {"wall_s": ran.wall_s, "cpu_s": ran.cpu_s, "peak_rss": ran.peak_rss, "joules": ran.joules}

    return {
        "fixed": proof.fixed,
        "compared": list(proof.compared),
        "differs": proof.differs,
        "no_meter": list(proof.reasons),
        "pairs": [{"original": used(one), "fixed": used(two)} for one, two in proof.pairs],
    }
