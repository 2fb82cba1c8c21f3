"""Many files: found, each checked or fixed on its own, told in one order whatever happened."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .config import Chosen, ConfigError, Settings, locate, resolver
from .discover import Target, covers, discover, is_excluded, show
from .finding import LEVELS, Finding, Problem, SafetyName
from .packed import Packed, Texts
from .report import Card, Place, Report
from .selection import NOTHING, Layer, Selection, SelectorError, choose, ignored
from .share import Progress, do, settle
from .single import Job, Outcome, told, unfixed

if TYPE_CHECKING:
    from .cache import Cache
    from .manifest import Known
    from .project import Project
    from .rule import Rule

CACHE_NAME = ".smellcheck_cache"


@dataclass(frozen=True)
class Options:
    """What the command line says of a run, beside the paths."""

    chosen: Chosen
    selectors: Layer = NOTHING
    #: Patterns relative to the current directory.
    exclude: tuple[str, ...] = ()
    #: Compute fixes, but write none.
    diff: bool = False
    #: Whether the report is to carry the rules' pages.
    pages: bool = False
    #: Where to remember what was found; only a place that the command line names may be a link.
    cache: Path | None = None
    cache_named: bool = False
    progress: Progress = field(default=lambda _done, _of: None)


def run(paths: Sequence[str], options: Options) -> Report:
    """Check, and where asked fix, all files that the paths name.

    Raises `ConfigError` and `SelectorError` when the run as a whole is set up wrongly, `plugins.PluginError`
    when a rule cannot be loaded. A single bad file or nested configuration is a problem in the report.
    """
    plan = Plan.make(options)
    found = discover(paths, options.chosen.cwd, resolver(options.chosen), options.exclude)
    problems = dict.fromkeys(found.problems)
    tasks = [(target, plan.job(target, problems)) for target in found.targets]
    targets = [target for target, job in tasks if job is not None]
    outcomes = settle([job for _, job in tasks if job is not None], plan, options.progress)
    return plan.report(targets, outcomes, problems)


def run_text(data: bytes, name: str, options: Options) -> tuple[Report, bytes]:
    """Check or fix a text that stands in no file, as if it were called `name`; the mended text comes too."""
    from .source import Source, SourceError

    plan = Plan.make(options)
    cwd = options.chosen.cwd
    path = cwd / name
    settings = resolver(options.chosen)(path.parent)
    if settings.force_exclude and is_excluded(path, cwd, settings, options.exclude):
        return plan.report([], [], {}), data
    target = Target(path, show(path, cwd) if name != "-" else "-", settings)
    try:
        source = Source.decode(data, path)
    except SourceError as error:
        return plan.report([target], [Outcome(problems=(told(error, target.shown),))], {}), data
    if name != "-":
        # What others import from it is what it holds now.
        plan.project.renew({os.path.abspath(path): data})
    job = replace(plan.settled_job(target), data=data)
    (outcome,) = do([job], plan, options.progress)
    try:
        mended = source.encode(outcome.change[1]) if outcome.change else data
    except SourceError as error:
        mended, outcome = data, unfixed(source, job, error)
    return plan.report([target], [outcome], {}), mended


@dataclass(frozen=True)
class Plan:
    """What is settled before the first file is opened."""

    options: Options
    rules: Sequence[Rule | Known]
    #: Of the current directory: they say how the run as a whole goes.
    settings: Settings
    select: Callable[[Settings], Selection]
    cache: Cache | None
    project: Project

    @property
    def loaded(self) -> bool:
        """Whether these are the rules themselves, and not just what is known of them."""
        from .manifest import Known

        return not any(isinstance(rule, Known) for rule in self.rules)

    @classmethod
    def make(cls, options: Options) -> Plan:
        """The plan of a run.

        Raises `ConfigError`, `SelectorError` and `plugins.PluginError` when the run as a whole is set up wrongly.
        """
        from .project import Project

        settings = resolver(options.chosen)(options.chosen.cwd)
        cached, rules = _rules(options)
        # Whatever is wrong here, the command line said.
        choose(NOTHING, options.selectors, rules, preview=True)

        @cache
        def select(settings: Settings) -> Selection:
            config = Layer(settings.select, settings.extend_select, settings.ignore)
            try:
                return choose(config, options.selectors, rules, preview=settings.preview)
            except SelectorError as error:
                raise _located(error, settings) from error

        select(settings)
        return cls(options, rules, settings, select, cached, Project(cached))

    def job(self, target: Target, problems: dict[Problem, None]) -> Job | None:
        """What to do with a file; nothing, and a problem, when its configuration is wrong."""
        try:
            return self.settled_job(target)
        except ConfigError as error:
            shown = show(error.path, self.options.chosen.cwd)
            problems[Problem(shown, "config-error", error.message, error.line)] = None
            return None

    def settled_job(self, target: Target) -> Job:
        """What to do with a file.

        Raises `ConfigError` when its configuration is wrong.
        """
        settings = target.settings
        selection = self.select(settings)
        off: set[str] = set()
        for pattern, selectors in settings.per_file_ignores:
            try:
                names = ignored("per-file-ignores", selectors, self.rules)
            except SelectorError as error:
                raise _located(error, settings) from error
            if covers(target.path, settings.root, pattern):
                off |= names
        safety: set[SafetyName] = set()
        if settings.fix or self.options.diff:
            safety = {"safe", "unsafe"} if settings.unsafe_fixes else {"safe"}
        names, explicit = _without(selection.names, frozenset(off)), _without(selection.explicit, frozenset(off))
        return Job(target.path, target.shown, names, explicit, frozenset(safety), not self.options.diff)

    def report(self, targets: Sequence[Target], outcomes: Sequence[Outcome], problems: dict[Problem, None]) -> Report:
        """What is told of the files that were done."""
        findings: list[Finding] = []
        fixed, failing = Counter[str](), 0
        for target, outcome in zip(targets, outcomes, strict=True):
            findings += outcome.findings
            fixed.update(outcome.fixed)
            problems |= dict.fromkeys(outcome.problems)
            failing += sum(_fails(finding, target.settings.fail_on) for finding in outcome.findings)
        settings = {self.settings, *(target.settings for target in targets)}
        return Report(
            findings=tuple(sorted(findings, key=_order)),
            problems=tuple(
                sorted(
                    problems, key=lambda problem: (problem.path, problem.cell or 0, problem.line or 0, problem.message)
                )
            ),
            files=len(targets),
            fixed=dict(sorted(fixed.items())),
            suppressed=sum(outcome.suppressed for outcome in outcomes),
            failing=failing,
            notes=tuple(note for outcome in outcomes for note in outcome.notes),
            texts=_texts(targets, outcomes),
            changes=_changes(targets, outcomes),
            unsafe=self.settings.unsafe_fixes,
            cards=tuple(self.cards(frozenset().union(*(self.select(each).names for each in settings)))),
            root=f"{self.options.chosen.cwd.as_uri()}/",
            withheld=tuple(sorted({name for each in settings for name in self.select(each).withheld})),
        )

    def cards(self, names: frozenset[str]) -> Iterator[Card]:
        """The pages of some rules, where the report wants them."""
        if not self.options.pages:
            return
        from . import evidence
        from .manifest import Known

        for rule in self.rules:
            if not isinstance(rule, Known) and rule.name in names:
                page = rule.page.read_text(encoding="utf-8") + evidence.section(rule.page)
                level = evidence.level(rule.level, rule.page)
                yield Card(rule.name, rule.family, rule.practice, level, rule.summary, page)


@cache
def _without(names: frozenset[str], off: frozenset[str]) -> frozenset[str]:
    """The same set for as many files as it holds for."""
    return names - off


def _rules(options: Options) -> tuple[Cache | None, Sequence[Rule | Known]]:
    """The cache, if there is to be one, and the installed rules: loaded only where nobody has noted them."""
    cached, known = None, None
    if options.cache is not None:
        from .cache import Cache

        cached = Cache.at(options.cache, follow=options.cache_named)
        known = cached.rules() if cached is not None and not options.pages else None
    if known is not None:
        return cached, known
    from . import plugins

    rules = plugins.rules()
    if cached is not None:
        cached.keep_rules(rules)
    return cached, rules


def _texts(targets: Sequence[Target], outcomes: Sequence[Outcome]) -> Texts[Place]:
    texts: dict[Place, Packed] = {}
    for target, outcome in zip(targets, outcomes, strict=True):
        for number, text in outcome.cells.items():
            texts[target.shown, number] = Packed.of(text)
        if outcome.findings and outcome.text:
            texts[target.shown, None] = outcome.text
    return Texts(texts)


def _changes(targets: Sequence[Target], outcomes: Sequence[Outcome]) -> dict[Place, tuple[str, str]]:
    changes: dict[Place, tuple[str, str]] = {}
    for target, outcome in zip(targets, outcomes, strict=True):
        changes |= {(target.shown, number): texts for number, texts in outcome.changes.items()}
        if outcome.change and not outcome.changes:
            changes[target.shown, None] = outcome.change
    return changes


def _located(error: SelectorError, settings: Settings) -> ConfigError:
    path = settings.source or settings.root
    try:
        line = locate(path.read_text(encoding="utf-8-sig"), error.option, error.selector)
    except OSError:
        line = None
    return ConfigError(path, f"`{error.option}`: {error.message}", line)


def _fails(finding: Finding, fail_on: str) -> bool:
    levels: list[str] = [*LEVELS]
    return fail_on != "never" and levels.index(finding.level) <= levels.index(fail_on)


def _order(finding: Finding) -> tuple[str, int, int, int, str, int]:
    return finding.path, finding.cell or 0, finding.range.line, finding.range.column, finding.rule, finding.end
