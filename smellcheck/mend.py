"""Applies the fixes of a text, each whole or not at all, round after round until nothing moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .edits import Fault, Sound, Taken, apply
from .engine import Checked
from .engine import check as check_text
from .finding import Finding, Problem, SafetyName, TextEdit, TextFix
from .ignore import RULE as UNUSED_SUPPRESSION

if TYPE_CHECKING:
    from .rule import Rule
    from .view import View

__all__ = ["ROUNDS", "SAFE", "Mended", "apply", "fix", "mend"]

ROUNDS = 10
SAFE: frozenset[SafetyName] = frozenset({"safe"})

Check = Callable[[str], Checked]
Wanted = Callable[[Finding], bool]


@dataclass(frozen=True)
class Mended:
    """A text with its fixes applied."""

    text: str
    #: How many fixes of each rule were applied.
    fixed: dict[str, int]
    #: What the check says of the new text.
    checked: Checked
    #: Fixes that are at fault and were left out.
    problems: tuple[Problem, ...] = ()
    #: Findings whose fix was left out because a comment would have been lost.
    refused: tuple[Finding, ...] = ()


def fix(
    text: str,
    rules: Sequence[Rule],
    path: str = "",
    explicit: frozenset[str] = frozenset(),
    safety: frozenset[SafetyName] = SAFE,
    wanted: Wanted = lambda _finding: True,
    known: Mapping[str, str] | None = None,
    project: View | None = None,
) -> Mended:
    """A module's text after the fixes of `rules` that are as safe as asked; a second call changes nothing.

    `wanted` says which findings may be fixed; `known` and `project` are as in `engine.check`.
    """
    return mend(text, lambda new: check_text(new, rules, path, explicit, known, project=project), path, safety, wanted)


def mend(
    text: str,
    check: Check,
    path: str = "",
    safety: frozenset[SafetyName] = SAFE,
    wanted: Wanted = lambda _finding: True,
) -> Mended:
    """As `fix`, with any check; it must say the same of the same text each time."""
    job = _Job(check, path, safety - {"suggestion"}, wanted)
    mended, without = job.settle(text)
    # Where rules were left out on the way, their fixes may move the result again.
    if without and job.settle(mended.text)[0].text != mended.text:
        problem = Problem(path, "fix-error", f"no fix was applied: those of {_names(without)} never settle")
        return Mended(text, {}, check(text), (*mended.problems, problem))
    return mended


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A finding with its fix."""

    finding: Finding
    fix: TextFix

    @property
    def order(self) -> tuple[int, int, str, str]:
        edits = self.fix.edits
        return (
            min(edit.start for edit in edits),
            max(edit.end for edit in edits),
            self.finding.rule,
            self.fix.title,
        )


@dataclass(frozen=True)
class _Step:
    """One round: the text that it found and the text that it made, and by which fixes."""

    checked: Checked
    text: str
    applied: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    refused: tuple[Finding, ...]


@dataclass(frozen=True)
class _Job:
    check: Check
    path: str
    safety: frozenset[SafetyName]
    wanted: Wanted

    def settle(self, text: str) -> tuple[Mended, frozenset[str]]:
        """The text after rounds that came to rest, and the rules that had to be left out for it."""
        without: frozenset[str] = frozenset()
        told: list[Problem] = []
        while True:
            steps, restless = self.rounds(text, without)
            if not restless:
                break
            rules = frozenset(finding.rule for finding in restless)
            without |= rules
            line = restless[0].range.line
            told.append(Problem(self.path, "fix-error", f"the fixes of {_names(rules)} never settle: left out", line))
        last = steps[-1]
        fixed = Counter(finding.rule for step in steps for finding in step.applied)
        return Mended(last.text, dict(fixed), last.checked, (*told, *last.problems), last.refused), without

    def rounds(self, text: str, without: frozenset[str]) -> tuple[list[_Step], tuple[Finding, ...]]:
        """Rounds up to the one that changes nothing; or the fixes that go in circles, or on and on."""
        seen = {text: 0}
        steps: list[_Step] = []
        while len(steps) <= ROUNDS:
            steps.append(self.round(text, without))
            if not steps[-1].applied:
                return steps, ()
            text = steps[-1].text
            if text in seen:
                return steps, tuple(finding for step in steps[seen[text] :] for finding in step.applied)
            seen[text] = len(steps)
        return steps, steps[-1].applied

    def round(self, text: str, without: frozenset[str]) -> _Step:
        """Apply what goes together and is sound. Nothing is remembered from the rounds before: where a round
        changes nothing, a second run does not either.
        """
        checked = self.check(text)
        candidates, problems = self.candidates(text, checked, without)
        sound, refused = Sound(text), []
        applied: list[_Candidate] = []
        # Suppressions come last: what one of them silences may be back when something else is mended.
        for last in (False, True):
            tier = [one for one in candidates if (one.finding.rule == UNUSED_SUPPRESSION) is last]
            applied, faults = (applied, []) if applied else _accepted(sound, tier)
            for one, fault in faults:
                if fault == "does not parse":
                    problems.append(self.problem(one, "leaves code that does not parse"))
                else:
                    refused.append(one.finding)
        new = apply(text, _edits(applied))
        return _Step(checked, new, tuple(one.finding for one in applied), tuple(problems), tuple(refused))

    def candidates(
        self, text: str, checked: Checked, without: frozenset[str]
    ) -> tuple[list[_Candidate], list[Problem]]:
        """The findings that may be fixed, and what is wrong with the fixes of the others."""
        found, problems = [], []
        for finding in checked.findings:
            if finding.fix is None or finding.fix.safety not in self.safety or finding.rule in without:
                continue
            if self.wanted(finding):
                one = _Candidate(finding, finding.fix)
                message = _invalid(text, finding.fix.edits)
                if message:
                    problems.append(self.problem(one, message))
                else:
                    found.append(one)
        return found, problems

    def problem(self, one: _Candidate, message: str) -> Problem:
        text = f"{one.finding.rule}: the fix “{one.fix.title}” {message}"
        return Problem(self.path, "fix-error", text, one.finding.range.line)


def _names(rules: frozenset[str]) -> str:
    return ", ".join(sorted(rules))


def _edits(candidates: Sequence[_Candidate]) -> list[TextEdit]:
    return [edit for one in candidates for edit in one.fix.edits]


def _invalid(text: str, edits: Sequence[TextEdit]) -> str | None:
    try:
        apply(text, edits)
    except ValueError:
        return "has edits that overlap or lie outside of the text"
    return None if any(text[edit.start : edit.end] != edit.text for edit in edits) else "changes nothing"


def _accepted(sound: Sound, candidates: list[_Candidate]) -> tuple[list[_Candidate], list[tuple[_Candidate, Fault]]]:
    """The fixes that go together and are sound, and those that are not."""
    candidates = sorted(candidates, key=lambda one: one.order)
    faults: list[tuple[_Candidate, Fault]] = []
    while True:
        taken = Taken()
        chosen = [one for one in candidates if taken.accept(one.fix.edits)]
        kept = _sift(chosen, [], lambda some: _fault(sound, some) is None)
        if len(kept) == len(chosen):
            return kept, faults
        culprits = [one for one in chosen if one not in kept]
        found = [(one, _fault(sound, [*kept, one])) for one in culprits]
        faults += [(one, fault) for one, fault in found if fault]
        # Those that stood back for a culprit get their turn.
        candidates = [one for one in candidates if one not in culprits]


def _fault(sound: Sound, candidates: Sequence[_Candidate]) -> Fault | None:
    # To remove a comment is the whole of what these were asked to do.
    forgiven = [one for one in candidates if one.finding.rule == UNUSED_SUPPRESSION]
    return sound.fault(_edits(candidates), _edits(forgiven))


def _sift(new: list[_Candidate], kept: list[_Candidate], fine: Callable[[list[_Candidate]], bool]) -> list[_Candidate]:
    """What is kept already and as much of the new as is fine together with it, found by halving."""
    if not new or fine([*kept, *new]):
        return [*kept, *new]
    if len(new) == 1:
        return kept
    half = len(new) // 2
    return _sift(new[half:], _sift(new[:half], kept, fine), fine)
