"""Checks one file against many rules: sieve, parse, walk once, dispatch, resolve; it never raises for bad code."""

from __future__ import annotations

import ast
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .finding import Finding, Problem
from .ignore import Suppressions
from .sieve import is_active, parses, surely_active, surely_idle
from .sieve import wanted as sifted

if TYPE_CHECKING:
    import libcst as cst

    from .facts.reader import Reader
    from .file import File
    from .rule import Rule
    from .smell import Smell
    from .view import View


@dataclass(frozen=True)
class Checked:
    """What one file gave: findings in order of place, how many were suppressed, and what went wrong."""

    findings: tuple[Finding, ...] = ()
    suppressed: int = 0
    problems: tuple[Problem, ...] = ()


def check(
    text: str,
    rules: Sequence[Rule],
    path: str = "",
    explicit: frozenset[str] = frozenset(),
    known: Mapping[str, str] | None = None,
    *,
    sieve: bool = True,
    reader: Reader | None = None,
    project: View | None = None,
) -> Checked:
    """The findings of `rules` in a module's text.

    `path` decides what is test code and appears in problems; `explicit` names the rules that were asked for by
    name, whose `advice` is shown too; `known` gives every installed rule's family, so that a suppression of a name
    that is none of them can be told. Without the `sieve` every rule looks at every file that names a framework of
    its own: the findings are the same. A `reader` may remember what it read before. `project` is what is known of
    other modules; without it they are out of sight.
    """
    wanted = sifted(text, rules, by_words=sieve)
    if wanted and sieve and surely_idle(text):
        wanted = []
    if (wanted and sieve and not surely_active(text)) or not parses(text):
        active, error = _looked_at(text, path)
        if error is not None:
            return Checked(problems=(error,))
        wanted = wanted if active or not sieve else []
    found: list[Finding] = []
    problems: list[Problem] = []
    if wanted:
        import libcst

        from .file import File

        try:
            file = File(text, path, reader, project)
        except libcst.ParserSyntaxError as failure:
            # CPython reads it: the limit is LibCST's.
            message = f"cannot be read by LibCST: {failure.message.partition(chr(10))[0]}"
            return Checked(problems=(Problem(path, "unsupported", message, failure.raw_line),))
        smells = _smells(file, wanted, problems)
        if smells:
            from .resolve import resolve

            found = resolve(file, smells, problems)
    # Before advice is left out: a comment that silences advice has its use, whether or not that is shown today.
    kept, suppressed, unused = Suppressions.read(text).apply(found, {rule.name: rule.family for rule in rules}, known)
    kept = [finding for finding in kept if finding.level != "advice" or finding.rule in explicit]
    ordered = sorted([*kept, *unused], key=lambda finding: (finding.start, finding.end, finding.rule))
    return Checked(tuple(ordered), suppressed, tuple(problems))


def _looked_at(text: str, path: str = "") -> tuple[bool, Problem | None]:
    """Whether a text does anything, or what is wrong with it; LibCST's own message rarely says where."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return is_active(ast.parse(text)), None
    except SyntaxError as error:
        if _newer_grammar(text):
            return True, None
        return True, Problem(path, "syntax-error", error.msg or "invalid syntax", error.lineno)
    except ValueError as error:
        return True, Problem(path, "syntax-error", str(error))


def _newer_grammar(text: str) -> bool:
    """Whether LibCST reads what the running Python cannot: code for a later version."""
    import libcst

    try:
        libcst.parse_module(text)
    except libcst.ParserSyntaxError:
        return False
    return True


def _weighed(smell: Smell, rule: Rule, file: File) -> Smell | None:
    """The smell, or nothing; no more than information where the project does not run it itself, though others might."""
    if not file.reach.earnest(smell.node):
        return None
    if (smell.level or rule.level) != "warning":
        return smell
    if file.reach.fails(smell.node):
        return None
    return smell if file.reach.used(smell.node) else replace(smell, level="info")


def _smells(file: File, rules: Iterable[Rule], problems: list[Problem]) -> list[tuple[Rule, Smell]]:
    found: list[tuple[Rule, Smell]] = []
    for rule in rules:
        nodes: Iterable[cst.CSTNode]
        if rule.methods:
            nodes = file.calls.named(rule.methods)
        elif rule.calls:
            nodes = [call for callee in sorted(rule.calls) for call in file.calls.of.get(callee, ())]
        else:
            nodes = file.all(*rule.nodes)
        try:
            smells = [smell for node in nodes for smell in rule.check(node, file)]
            # What nobody runs wastes nothing.
            found += [(rule, smell) for each in smells if (smell := _weighed(each, rule, file)) is not None]
        except RecursionError:
            raise
        except Exception as error:
            # A rule that raises must not hide what the others find.
            where = traceback.extract_tb(error.__traceback__)[-1]
            problems.append(
                Problem(
                    file.path,
                    "rule-error",
                    f"{rule.name} raised {type(error).__name__}: {error} ({where.filename}:{where.lineno})",
                )
            )

    return found
