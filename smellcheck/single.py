"""One file of a run: read, checked or fixed, written; whatever happens is an outcome, never an exception."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from .finding import Finding, Problem, SafetyName
from .packed import NO_TEXT, Packed
from .sieve import parses, wanted

if TYPE_CHECKING:
    from .cache import Cache
    from .engine import Checked
    from .facts.reader import Reader
    from .manifest import Known
    from .project import Project
    from .rule import Rule
    from .source import Source, SourceError
    from .view import View


#: What every comment that suppresses holds; all such comments are judged.
TRIGGER = "smellcheck:"


@dataclass(frozen=True, slots=True)
class Job:
    """One file as a worker is told of it."""

    path: Path
    shown: str
    #: The names of the rules to run, and of those among them that were asked for.
    names: frozenset[str]
    explicit: frozenset[str]
    #: Which fixes to apply; none for a mere check.
    safety: frozenset[SafetyName] = frozenset()
    write: bool = True
    #: The text itself, or the bytes of a notebook, when they stand in no file.
    text: str | None = None
    data: bytes | None = None

    def key(self, data: bytes, others: Iterable[bytes] = ()) -> str:
        """A digest of all that a check of a file with these bytes depends on, beside the rules and ourselves.

        `others` are digests of what other files of the project say, where this one is judged by it.
        """
        digest = blake2b(digest_size=16)
        parts = (self.shown, "\0".join(sorted(self.names)), "\0".join(sorted(self.explicit)))
        for part in (*(text.encode("utf-8", "surrogatepass") for text in parts), data, *others):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file."""

    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    suppressed: int = 0
    fixed: dict[str, int] = field(default_factory=dict)
    #: The text that the findings point into, when there are any.
    text: Packed = NO_TEXT
    #: The texts before and after fixing, when they differ.
    change: tuple[str, str] | None = None
    #: What it may be remembered by: the key of the very bytes that were looked at.
    key: str = ""
    #: The same together with what other modules said.
    judged: str = ""
    #: What was left out without being wrong: cells that are no Python.
    notes: tuple[Problem, ...] = ()
    #: Of a notebook: the cells that the findings point into, and those that fixing changes.
    cells: dict[int, str] = field(default_factory=dict)
    changes: dict[int, tuple[str, str]] = field(default_factory=dict)
    #: What was asked of other files of the project, with the answers, and what they turned out to say.
    asked: tuple[tuple[str, str], ...] = ()
    learned: dict[str, str] = field(default_factory=dict)
    #: The files that had a say.
    consulted: tuple[str, ...] = ()

    def after(self, earlier: Outcome) -> Outcome:
        """What became, in all, of a file that had been fixed before."""
        if earlier.change is None:
            return self
        change = (earlier.change[0], self.change[1] if self.change else earlier.change[1])
        changes = dict(earlier.changes)
        for number, (before, now) in self.changes.items():
            changes[number] = (changes.get(number, (before, now))[0], now)
        fixed = {
            rule: earlier.fixed.get(rule, 0) + self.fixed.get(rule, 0)
            for rule in sorted(earlier.fixed.keys() | self.fixed.keys())
        }
        return replace(self, change=change, changes=changes, fixed=fixed)


def analyse(job: Job, known: Sequence[Rule | Known] = (), project: Project | None = None) -> Outcome:
    """Check or fix one file; never raises. Without a `project` other modules are out of sight.

    With what is `known` of the installed rules, they are loaded only for a file that one of them may smell in.
    """
    from .source import Source, SourceError

    if job.text is not None:
        return examine(job.text, job, known, project=project)
    try:
        source = Source.read(job.path) if job.data is None else Source.decode(job.data, job.path)
    except SourceError as error:
        return Outcome(problems=(told(error, job.shown),))
    key = job.key(source.data) if job.data is None else ""
    outcome = inspect(source, job, known, project)
    if key:
        outcome = replace(outcome, key=key, judged=job.key(source.data, _told_of(outcome.asked)))
    if job.data is not None or outcome.change is None or not job.write:
        return outcome
    try:
        source.write(outcome.change[1])
    except SourceError as error:
        return unfixed(source, job, error)
    return outcome


def recall(job: Job, cache: Cache, project: Project) -> Outcome | None:
    """What an earlier run found in a file, if it is as it was and there is nothing to fix in it."""
    from .source import NOTEBOOK, Source, SourceError, bytes_of

    if job.text is not None or job.data is not None:
        return None
    try:
        data = bytes_of(job.path)
        path = os.path.abspath(job.path)
        key = job.key(data)
        outcome = cache.get(key)
        for asked in cache.asked(key) if outcome is None else ():
            # What it was judged by: where all of it says the same, nothing else can have been found.
            answers = tuple((question, project.answer(question, path)) for question in asked)
            if outcome is None and (outcome := cache.get(job.key(data, _told_of(answers)))) is not None:
                outcome = replace(outcome, asked=answers)
        if outcome is None or any(found.fix and found.fix.safety in job.safety for found in outcome.findings):
            return None
        if not outcome.findings:
            return outcome
        source = Source.decode(data, job.path)
        if job.path.suffix == NOTEBOOK:
            return replace(outcome, cells=_cells(source, outcome.findings))
        return replace(outcome, text=Packed.of(source.text))
    except SourceError:
        return None


def _told_of(asked: Sequence[tuple[str, str]]) -> Iterator[bytes]:
    """Questions and answers, as they go into a key."""
    return (f"{question} {answer}".encode("utf-8", "surrogatepass") for question, answer in asked)


def inspect(source: Source, job: Job, known: Sequence[Rule | Known] = (), project: Project | None = None) -> Outcome:
    """Check or fix what was read, and tell of a notebook by its cells; never raises."""
    from .source import NOTEBOOK, SourceError

    outcome = examine(source.text, job, known, project=project)
    if source.path is None or source.path.suffix != NOTEBOOK:
        return outcome
    try:
        return by_cell(source, outcome, job.shown)
    except SourceError as error:
        return unfixed(source, job, error)
    except Exception as error:
        message = f"smellcheck failed: {type(error).__name__}: {error}"
    return Outcome(problems=(Problem(job.shown, "crash", message),))


def by_cell(notebook: Source, outcome: Outcome, shown: str) -> Outcome:
    """The outcome of a notebook's whole text with every place told by its cell.

    Raises `SourceError` when the notebook cannot be written as it was mended.
    """
    from .cells import changed
    from .notebook import Notebook

    assert isinstance(notebook, Notebook)
    before, after = outcome.change or (notebook.text, notebook.text)
    now = notebook if after == before else notebook.holding(after)
    findings = tuple(now.placed(finding, after) for finding in outcome.findings)
    new, old = now.shown(after), notebook.shown(before)
    return replace(
        outcome,
        findings=findings,
        problems=tuple(now.located(problem, after) for problem in outcome.problems),
        notes=tuple(Problem(shown, "skipped-cell", one.message, one.line, one.cell) for one in notebook.skipped),
        text=NO_TEXT,
        cells=_cells(now, findings),
        changes={number: (old[number], new[number]) for number in changed(before, after)},
    )


def _cells(notebook: Source, findings: Sequence[Finding]) -> dict[int, str]:
    from .notebook import Notebook

    assert isinstance(notebook, Notebook)
    texts = notebook.shown(notebook.text)
    return {found.cell: texts[found.cell] for found in findings if found.cell is not None}


def unfixed(source: Source, job: Job, error: SourceError) -> Outcome:
    """What to say of a text that could not be written as mended: it is as it was."""
    outcome = inspect(source, replace(job, safety=frozenset()))
    return replace(outcome, problems=(*outcome.problems, told(error, job.shown)))


def told(error: SourceError, shown: str) -> Problem:
    """The problem of a file that could not be read or written."""
    return Problem(shown, error.kind, error.message, error.line)


def examine(
    text: str,
    job: Job,
    known: Sequence[Rule | Known] = (),
    reader: Reader | None = None,
    project: Project | None = None,
) -> Outcome:
    """Check or fix a text; never raises. A reader of texts to be checked may be given, as to `engine.check`."""
    # Where the rules are there already, the engine asks the same.
    if known and TRIGGER not in text and f"{__package__}.plugins" not in sys.modules:
        selected = [rule for rule in known if rule.name in job.names]
        if not wanted(text, selected) and parses(text):
            return Outcome()
    if project is None:
        return _examine(text, job, reader, None)
    view = project.view(job.path)
    outcome = _examine(text, job, reader, view)
    learned, project.learned = project.learned, {}
    return replace(outcome, asked=view.asked, learned=learned, consulted=view.consulted)


def _examine(text: str, job: Job, reader: Reader | None, view: View | None) -> Outcome:
    from . import plugins
    from .engine import check
    from .mend import fix

    families = {rule.name: rule.family for rule in plugins.rules()}
    rules = [rule for rule in plugins.rules() if rule.name in job.names]
    try:
        if not job.safety:
            return _outcome(
                check(text, rules, job.shown, job.explicit, families, reader=reader, project=view), text, job
            )
        mended = fix(
            text,
            rules,
            job.shown,
            job.explicit,
            job.safety,
            lambda found: found.rule in job.names,
            known=families,
            project=view,
        )
        outcome = _outcome(mended.checked, mended.text, job)
        problems = tuple(dict.fromkeys((*outcome.problems, *_located(mended.problems, job))))
        change = (text, mended.text) if mended.text != text else None
        return replace(outcome, problems=problems, fixed=mended.fixed, change=change)
    except (RecursionError, MemoryError) as error:
        message = f"too large or too deeply nested to be checked ({type(error).__name__})"
    except Exception as error:
        message = f"smellcheck failed: {type(error).__name__}: {error}"
    return Outcome(problems=(Problem(job.shown, "crash", message),))


def _outcome(checked: Checked, text: str, job: Job) -> Outcome:
    findings = tuple(replace(finding, path=job.shown) for finding in checked.findings if finding.rule in job.names)
    packed = Packed.of(text) if findings else NO_TEXT
    return Outcome(findings, _located(checked.problems, job), checked.suppressed, text=packed)


def _located(problems: Sequence[Problem], job: Job) -> tuple[Problem, ...]:
    return tuple(replace(problem, path=job.shown) for problem in problems)
