"""The process that parses and checks for the server: it may be slow, or die of a text, and typing goes on."""

from __future__ import annotations

import difflib
import gc
import os
import re
from dataclasses import replace
from multiprocessing import connection
from typing import Any

from .. import plugins, pool
from ..config import Chosen, ConfigError, Resolve, Settings, resolver
from ..discover import Target, left_out, show
from ..edits import Sound, apply, common_end, common_start
from ..finding import Finding, Problem, SafetyName, TextEdit
from ..ignore import RULE as UNUSED_SUPPRESSION
from ..magics import Masked, masked
from ..notebook import Notebook
from ..project import Project
from ..reparse import Reparser
from ..run import Options, Plan
from ..selection import Layer, SelectorError
from ..silence import Silencer
from ..single import Job, by_cell, examine, told
from ..source import LIMIT, Source, SourceError
from .ask import (
    Answer,
    Ask,
    Catalogue,
    Check,
    Failed,
    Findings,
    Forget,
    Mend,
    Mended,
    Offer,
    Remedies,
    RulePage,
    Wishes,
)

#: Of a document without a path, as of standard input.
_NAMELESS = "-"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
#: As many trees are kept as one may type in at a time.
_TREES = 8


def serve(pipe: connection.Connection[Any, Any]) -> None:
    """Answer until the other end is gone."""
    # What a library prints must not be taken for an answer to the editor.
    os.dup2(2, 1)

    def body() -> None:
        desk = Desk()
        try:
            while True:
                pipe.send(desk.answer(pipe.recv()))
        except (EOFError, OSError, KeyboardInterrupt):
            return

    pool.deeply(body)


class Desk:
    """Answers what is asked, and keeps what makes the next answer fast."""

    def __init__(self) -> None:
        self._plans: dict[Wishes, tuple[Resolve, Plan]] = {}
        self._trees: dict[str, Reparser] = {}
        self._project = Project()

    def answer(self, ask: Ask) -> Answer:
        """The answer to one ask; an ask that cannot be answered is told, never raised."""
        try:
            return self._answer(ask)
        except (ConfigError, SelectorError) as error:
            path = getattr(error, "path", "the editor's settings")
            return Failed("config-error", f"{path}: {error.message}")
        except plugins.PluginError as error:
            return Failed("crash", str(error))
        except (RecursionError, MemoryError) as error:
            return Failed("crash", f"too large or too deeply nested ({type(error).__name__})")
        except Exception as error:
            return Failed("crash", f"smellcheck failed: {type(error).__name__}: {error}")

    def _answer(self, ask: Ask) -> Answer:
        match ask:
            case Check():
                return self.check(ask)
            case Mend():
                return self.mend(ask)
            case Offer():
                return tuple(_remedies(ask))
            case Catalogue():
                return _catalogue()
            case Forget():
                self._forget(ask)
                return ()

    def check(self, ask: Check) -> Findings:
        """The findings of a text."""
        job = self._job(ask)
        if job is None:
            return Findings(left_out=True)
        source = _source(ask, job)
        if isinstance(source, Problem):
            return Findings(problems=(source,))
        reparser = self._trees.pop(ask.uri, None) or Reparser()
        self._trees[ask.uri] = reparser
        if len(self._trees) > _TREES:
            del self._trees[next(iter(self._trees))]
        reparser.parsed = 0
        # The trees are freed by counting; a collection in between would walk all that are kept.
        gc.disable()
        try:
            project = self._seen(ask)
            outcome = examine(source.text, replace(job, safety=frozenset()), reader=reparser, project=project)
            if ask.notebook:
                outcome = by_cell(source, outcome, job.shown)
        finally:
            gc.enable()
        return Findings(
            outcome.findings,
            outcome.problems,
            parsed=reparser.parsed,
            consulted=frozenset(outcome.consulted),
            anywhere=any(question.startswith("callers ") for question, _ in outcome.asked),
            notes=outcome.notes,
        )

    def mend(self, ask: Mend) -> Mended:
        """The edits that `--fix` would make."""
        job = self._job(ask)
        if job is None:
            return Mended()
        source = _source(ask, job)
        if isinstance(source, Problem):
            return Mended()
        unsafe: frozenset[SafetyName] = frozenset({"unsafe"} if ask.unsafe else ())
        outcome = examine(source.text, replace(job, safety=job.safety | unsafe), project=self._seen(ask))
        if outcome.change is None:
            return Mended(problems=outcome.problems)
        changes: dict[int | None, tuple[str, str]] = {None: outcome.change}
        if ask.notebook:
            try:
                changes = dict(by_cell(source, outcome, job.shown).changes.items())
            except SourceError as error:
                return Mended(problems=(told(error, job.shown),))
        edits = {cell: tuple(difference(*change)) for cell, change in changes.items()}
        return Mended(edits, outcome.fixed, outcome.problems)

    def _seen(self, ask: Check | Mend) -> Project:
        """The project as it is now, with what is open in the place of what is saved."""
        texts = [*ask.others, *([(ask.path, ask.text)] if ask.path is not None else [])]
        self._project.renew({os.path.abspath(path): text.encode("utf-8", "surrogatepass") for path, text in texts})
        return self._project

    def _job(self, ask: Check | Mend) -> Job | None:
        """What a run in the folder would do with the file; None when it would pass it by."""
        resolve, plan = self._plan(ask.wishes)
        folder = ask.wishes.folder
        path = ask.path or folder / _NAMELESS
        settings = resolve(path.parent)
        if ask.path is not None and left_out(path, folder, settings, ask.wishes.exclude):
            return None
        if ask.wishes.yields and settings.source is not None:
            plan = self._plan(Wishes(folder, ask.wishes.configuration))[1]
            settings = resolver(plan.options.chosen)(path.parent)
        shown = show(path, folder) if ask.path is not None else _NAMELESS
        job = plan.settled_job(Target(path, shown, _fixing(settings)))
        return replace(job, text=ask.text, write=False)

    def _plan(self, wishes: Wishes) -> tuple[Resolve, Plan]:
        if wishes not in self._plans:
            overrides = {"preview": wishes.preview, "unsafe_fixes": wishes.unsafe_fixes}
            given = {name: value for name, value in overrides.items() if value is not None}
            chosen = Chosen(wishes.folder, wishes.configuration, wishes.isolated, given)
            layer = Layer(wishes.select, wishes.extend_select, wishes.ignore)
            self._plans[wishes] = resolver(chosen), Plan.make(Options(chosen, layer, exclude=wishes.exclude))
        return self._plans[wishes]

    def _forget(self, ask: Forget) -> None:
        if ask.closed is None:
            self._plans.clear()
        else:
            self._trees.pop(ask.closed, None)


def _fixing(settings: Settings) -> Settings:
    return replace(settings, fix=True)


def _source(ask: Check | Mend, job: Job) -> Source | Problem:
    """What would be read from a file with this text, or why it would not."""
    text, shown = ask.text, job.shown
    if ask.notebook:
        try:
            return Notebook.decode(text.encode(), job.path)
        except SourceError as error:
            return told(error, shown)
    if len(text) > LIMIT:
        return Problem(shown, "too-large", f"has more than the limit of {LIMIT:,} characters")
    if "\0" in text:
        return Problem(shown, "encoding-error", "contains a NUL byte", text.count("\n", 0, text.index("\0")) + 1)
    return Source(job.path, text, "utf-8", b"", b"")


def _remedies(ask: Offer) -> list[Remedies]:
    read = masked(ask.text) if ask.cell else None
    # Masks are as long as what they hide: what is written between them is written into the cell as well.
    text = read.text if isinstance(read, Masked) else ask.text
    sound, silencer = Sound(text), Silencer(text)
    return [
        Remedies(finding, _fault(sound, finding), silencer.on_line(finding), silencer.in_file(finding))
        for finding in ask.findings
    ]


def _fault(sound: Sound, finding: Finding) -> str | None:
    if finding.fix is None:
        return None
    edits = finding.fix.edits
    try:
        fault = sound.fault(edits, edits if finding.rule == UNUSED_SUPPRESSION else ())
    except ValueError:
        return "its edits overlap"
    return None if fault is None else f"the code that it leaves {fault}"


def _catalogue() -> tuple[RulePage, ...]:
    return tuple(
        RulePage(rule.name, rule.family, rule.practice, rule.level, rule.page, rule.page.read_text(encoding="utf-8"))
        for rule in plugins.rules()
    )


def difference(old: str, new: str) -> list[TextEdit]:
    """The edits, line by line and trimmed, that make one text the other."""
    before, after = _LINE.findall(old), _LINE.findall(new)
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line))
    edits = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            edits.append(_trimmed(old[starts[a] : starts[b]], "".join(after[c:d]), starts[a]))
    assert apply(old, edits) == new
    return edits


def _trimmed(old: str, new: str, at: int) -> TextEdit:
    left = common_start(old, new)
    right = common_end(old[left:], new[left:])
    return TextEdit(at + left, at + len(old) - right, new[left : len(new) - right])
