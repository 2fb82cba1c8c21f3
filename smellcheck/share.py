"""The jobs of a run done: recalled, or shared out to processes, and done again where fixes of others change them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from .finding import Problem
from .single import Job, Outcome, analyse, recall

if TYPE_CHECKING:
    from .project import Project
    from .run import Plan

#: Below both, sharing out costs more than it saves.
SMALL_FILES, SMALL_BYTES = 32, 200_000
#: How often files are looked at again for what fixes of others have changed.
ROUNDS = 10

Progress = Callable[[int, int], None]


def settle(jobs: Sequence[Job], plan: Plan, progress: Progress) -> list[Outcome]:
    """The outcomes of jobs; what a fix in one file makes true of another is found, and fixed, there as well."""
    outcomes = do(jobs, plan, progress)
    mended = {at: outcome for at, outcome in enumerate(outcomes) if outcome.change}
    shown: dict[str, bytes] = {}
    rounds = 0
    while mended and rounds < ROUNDS:
        rounds += 1
        for at, outcome in mended.items():
            if not jobs[at].write and (data := _as_mended(jobs[at], outcome)) is not None:
                shown[os.path.abspath(jobs[at].path)] = data
        plan.project.renew(shown)
        stale = [at for at, outcome in enumerate(outcomes) if _is_stale(jobs[at], outcome, plan.project)]
        again = [replace(jobs[at], data=shown.get(os.path.abspath(jobs[at].path))) for at in stale]
        found = dict(zip(stale, do(again, plan, lambda _done, _of: None) if again else (), strict=True))
        mended = {at: outcome for at, outcome in found.items() if outcome.change}
        for at, outcome in found.items():
            outcomes[at] = outcome.after(outcomes[at])
    return outcomes


def _is_stale(job: Job, outcome: Outcome, project: Project) -> bool:
    """Whether other files say something else now than when a file was judged by them."""
    path = os.path.abspath(job.path)
    return any(project.answer(question, path) != answer for question, answer in outcome.asked)


def _as_mended(job: Job, outcome: Outcome) -> bytes | None:
    """What a file would hold if its fixes were written."""
    from .source import Source, SourceError

    assert outcome.change is not None
    try:
        return Source.read(job.path).encode(outcome.change[1])
    except SourceError:
        return None


def do(jobs: Sequence[Job], plan: Plan, progress: Progress) -> list[Outcome]:
    """What became of each job, in their order; what is remembered of a file that is as it was is taken from there."""
    finished, cached = 0, plan.cache
    fixing = any(job.safety for job in jobs)

    def done(outcome: Outcome) -> Outcome:
        nonlocal finished
        finished += 1
        progress(finished, len(jobs))
        if cached is not None:
            cached.put(outcome)
        # What only the cache and further fixes want to know of each file would add up.
        return replace(outcome, asked=outcome.asked if fixing else (), learned={}, consulted=())

    outcomes = [recall(job, cached, plan.project) if cached is not None else None for job in jobs]
    finished = len(jobs) - outcomes.count(None)
    if cached is not None:
        cached.learn(plan.project.learned)
    plan.project.learned.clear()
    missing = [job for job, outcome in zip(jobs, outcomes, strict=True) if outcome is None]
    found = iter(_share_out(missing, plan, done) if missing else ())
    whole = [next(found) if outcome is None else outcome for outcome in outcomes]
    if cached is not None:
        cached.save()
    return whole


def _share_out(jobs: Sequence[Job], plan: Plan, done: Callable[[Outcome], Outcome]) -> list[Outcome]:
    from . import pool

    work = partial(analyse, known=() if plan.loaded else plan.rules, project=plan.project)
    weights, workers = [_weight(job) for job in jobs], plan.settings.jobs
    crew = workers or pool.processors()
    if workers < 2 and len(jobs) < SMALL_FILES and sum(weights) < SMALL_BYTES:
        if not pool.FORKS:
            return pool.in_turn(jobs, work, done)
        # Even a single file may hang or end the process that checks it, and a fork costs milliseconds.
        crew = 1
    crew = min(crew, len(jobs))
    if plan.loaded or crew > 1:
        # Imported once here, parser, engine and rules need not be imported by every process that is forked.
        from . import file, mend, plugins  # noqa: F401

        plugins.rules()
    return pool.share_out(jobs, work, _died, workers=crew, weights=weights, done=done)


def _weight(job: Job) -> int:
    try:
        data = job.data if job.text is None else job.text
        return os.stat(job.path).st_size if data is None else len(data)
    except OSError:
        return 0


def _died(job: Job, kind: str, message: str) -> Outcome:
    return Outcome(problems=(Problem(job.shown, kind, message),))
