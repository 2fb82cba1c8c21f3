"""Turns smells at nodes into findings at places: spans, edits as text, imports, fingerprints."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import libcst as cst

from . import evidence
from .cells import MASK, keeps
from .facts.cell import boundary, magic
from .facts.spans import Span
from .facts.tree import dotted
from .finding import LEVELS, Finding, Level, Problem, Range, TextEdit, TextFix
from .page import mechanism
from .smell import Safety

if TYPE_CHECKING:
    from .file import File
    from .rule import Rule
    from .smell import Anchor, Edit, Fix, Smell

# Packages that cannot be imported without another.
_BUILT_ON = {"torch": {"torchvision", "torchaudio", "timm", "sentence_transformers", "pytorch_lightning", "lightning"}}
_NEWLINE = re.compile(r"\r\n|\r|\n")


def resolve(file: File, smells: list[tuple[Rule, Smell]], problems: list[Problem]) -> list[Finding]:
    """The findings of a file's smells, with offsets, lines and the edits of their fixes.

    A fix whose edits overlap is a bug of its rule: it is left out and added to `problems`.
    """
    # A rule that comes by a place on several ways tells of it once.
    smells = list({(rule.name, smell.node, smell.message): (rule, smell) for rule, smell in reversed(smells)}.values())
    smells.reverse()
    wanted: set[cst.CSTNode] = set()
    for _, smell in smells:
        wanted.add(smell.node)
        for edit in smell.fix.edits if smell.fix else ():
            wanted |= {edit.start[0], edit.end[0]}
    found = file.spans(wanted)
    lines = Lines(file.text)
    if len(found) < len(wanted):
        # From some place on the tree does not spell the text: there, say where as well as can be, and change nothing.
        smells = [(rule, smell if _placed(smell, found) else _without_fix(smell)) for rule, smell in smells]
        found = dict.fromkeys(wanted, (0, 0)) | found
    findings, seen = [], Counter[tuple[str, str, str]]()
    for rule, smell in smells:
        start, end = found[smell.node]
        scope = scope_name(file, smell.node)
        fix = _checked_fix(file, rule, smell.fix, found, lines, problems) if smell.fix else None
        key = (rule.name, scope, " ".join(file.text[start:end].split()))
        seen[key] += 1
        findings.append(
            Finding(
                rule=rule.name,
                family=rule.family,
                practice=rule.practice,
                level=_level(rule, smell),
                message=smell.message,
                why=mechanism(rule.page),
                evidence=evidence.quoted(rule.page),
                range=lines.range(start, end),
                start=start,
                end=end,
                scope=scope,
                fix=fix if fix is None or keeps(file.text, start, fix.edits) else None,
                fingerprint=_fingerprint(*key, str(seen[key])),
            )
        )
    return findings


def _placed(smell: Smell, found: dict[cst.CSTNode, Span]) -> bool:
    """Whether the places of all edits of a fix are known."""
    edits = smell.fix.edits if smell.fix else ()
    return all(edit.start[0] in found and edit.end[0] in found for edit in edits)


def _level(rule: Rule, smell: Smell) -> Level:
    """The mildest of what the rule declares, what its evidence leaves of that, and the smell's own."""
    return max(evidence.level(rule.level, rule.page), smell.level or rule.level, key=LEVELS.index)


def _checked_fix(
    file: File, rule: Rule, fix: Fix, found: dict[cst.CSTNode, Span], lines: Lines, problems: list[Problem]
) -> TextFix | None:
    made = _text_fix(file, fix, found, lines)
    if any(first.end > second.start for first, second in zip(made.edits, made.edits[1:], strict=False)):
        problems.append(Problem(file.path, "rule-error", f"{rule.name}: the edits of {fix.title!r} overlap"))
        return None
    return made


def _without_fix(smell: Smell) -> Smell:
    from dataclasses import replace

    return replace(smell, fix=None)


def _text_fix(file: File, fix: Fix, found: dict[cst.CSTNode, Span], lines: Lines) -> TextFix:
    # Imports come first: of two insertions at one point the first stays in front.
    at = min((_offset(edit.start, found, lines) for edit in fix.edits), default=0)
    imports = {module: import_edit(file, module, lines, at) for module in fix.imports}
    edits = [edit for edit in imports.values() if edit is not None]
    unsure = fix.safety is Safety.SAFE and any(edit and not _present(file, module) for module, edit in imports.items())
    for edit in fix.edits:
        edits += _indents(edit, found, lines) if edit.kind == "indent" else [_text_edit(file, edit, found, lines)]
    ordered = sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end))
    return TextFix(fix.title, (Safety.UNSAFE if unsure else fix.safety).value, tuple(_joined(ordered)))


def _present(file: File, module: str) -> bool:
    """Whether the file could not be imported without the package of a module: a new import of it breaks nobody."""
    package = module.partition(".")[0]
    wanted = {package} | _BUILT_ON.get(package, set())
    lines = [statement for statement in file.module.body if isinstance(statement, cst.SimpleStatementLine)]
    names: list[cst.BaseExpression | None] = []
    for small in (small for line in lines for small in line.body):
        if isinstance(small, cst.Import):
            names += [alias.name for alias in small.names]
        elif isinstance(small, cst.ImportFrom) and not small.relative:
            names.append(small.module)
    return any((dotted(name) or [""])[0] in wanted for name in names if name is not None)


def _indents(edit: Edit, found: dict[cst.CSTNode, Span], lines: Lines) -> Iterator[TextEdit]:
    at, end = _offset(edit.start, found, lines), _offset(edit.end, found, lines)
    while at < end:
        following = lines.end_of(at)
        if lines.text[at:following].strip():
            yield TextEdit(at, at, edit.text)
        at = following


def _joined(edits: list[TextEdit]) -> Iterator[TextEdit]:
    """Insertions at one point made one, in their order."""
    for (start, end), several in groupby(edits, key=lambda edit: (edit.start, edit.end)):
        texts = [edit.text for edit in several]
        if start == end:
            yield TextEdit(start, end, "".join(texts))
        else:
            yield from (TextEdit(start, end, text) for text in texts)


def _text_edit(file: File, edit: Edit, found: dict[cst.CSTNode, Span], lines: Lines) -> TextEdit:
    text = edit.text.replace("\n", file.module.default_newline) if file.module.default_newline != "\n" else edit.text
    start, end = _offset(edit.start, found, lines), _offset(edit.end, found, lines)
    old = file.text[start:end]
    # What both texts share at their edges is left untouched.
    left = 0
    while left < min(len(old), len(text)) and old[left] == text[left]:
        left += 1
    right = 0
    while right < min(len(old), len(text)) - left and old[-1 - right] == text[-1 - right]:
        right += 1
    if start == end:
        left = right = 0
    return TextEdit(start + left, end - right, text[left : len(text) - right])


def _offset(anchor: Anchor, found: dict[cst.CSTNode, Span], lines: Lines) -> int:
    node, side = anchor
    start, end = found[node]
    if side == "start":
        return start
    if side == "end":
        return end
    if side == "line-start":
        return lines.start_of(start)
    if side == "indent":
        return lines.indent_of(start)
    return lines.behind(end)


def import_edit(file: File, module: str, lines: Lines, at: int = 0) -> TextEdit | None:
    """The edit that makes `import module` true at module level, behind the imports that are there.

    In a notebook it is made in the cell of the offset `at`, which may be run before any later one.
    """
    if MASK in file.text:
        return _import_in_cell(file, module, lines, at)
    if file.names.local_name(module, file.module) == module:
        return None
    last: cst.CSTNode | None = None
    for statement in file.module.body:
        if isinstance(statement, cst.SimpleStatementLine) and isinstance(
            statement.body[0], cst.Import | cst.ImportFrom
        ):
            last = statement
        elif last is not None or not _docstring(statement):
            break
    newline = file.module.default_newline
    if last is None:
        body = file.module.body
        first = file.begins_with(body[1] if len(body) > 1 and _docstring(body[0]) else body[0])
        span = file.spans([first])
        at = lines.start_of(span[first][0]) if first in span else 0
        return TextEdit(at, at, f"import {module}{newline}")
    span = file.spans([last])
    at = lines.behind(span[last][1]) if last in span else 0
    return TextEdit(at, at, f"import {module}{newline}")


def _import_in_cell(file: File, module: str, lines: Lines, at: int) -> TextEdit | None:
    """Behind the magics and imports that the cell begins with, unless it or an earlier one imports the module."""
    found = file.spans(file.module.body)
    above = [statement for statement in file.module.body if statement in found and found[statement][0] <= at]
    if any(_imports(statement, module) for statement in above):
        return None
    own: list[cst.CSTNode] = []
    for statement in reversed(above):
        if boundary(statement):
            break
        own.insert(0, statement)
    place = next((found[statement][0] for statement in own), at)
    for opening in own:
        if found[opening][1] > at or not _opens(opening):
            break
        place = lines.end_of(found[opening][1])
    place = lines.start_of(place)
    return TextEdit(place, place, f"import {module}\n")


def _imports(statement: cst.CSTNode, module: str) -> bool:
    match statement:
        case cst.SimpleStatementLine():
            spelled = cst.parse_expression(module)
            for small in statement.body:
                if isinstance(small, cst.Import):
                    return any(one.asname is None and one.name.deep_equals(spelled) for one in small.names)
    return False


def _opens(statement: cst.CSTNode) -> bool:
    """Whether a statement is what cells begin with: a magic or an import."""
    match statement:
        case cst.SimpleStatementLine(body=[cst.Import() | cst.ImportFrom(), *_]):
            return True
    return magic(statement)


def _docstring(statement: cst.CSTNode) -> bool:
    match statement:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString())]):
            return True
    return False


def scope_name(file: File, node: cst.CSTNode) -> str:
    """The functions and classes around a node, joined by dots."""
    parts: list[str] = []
    current: cst.CSTNode | None = node
    while current is not None:
        if isinstance(current, cst.FunctionDef | cst.ClassDef):
            parts.append(current.name.value)
        current = file.parent(current)
    return ".".join(reversed(parts))


def _fingerprint(*parts: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part.encode()).to_bytes(4, "big") + part.encode())
    return digest.hexdigest()


class Lines:
    """The lines of a text, as Python counts them: `\\n`, `\\r\\n` and a lone `\\r` end one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(match.end() for match in _NEWLINE.finditer(text))]

    def _index(self, offset: int) -> int:
        return bisect_right(self.starts, offset) - 1

    def range(self, start: int, end: int) -> Range:
        """Lines and columns from 1."""
        first, last = self._index(start), self._index(end)
        return Range(first + 1, start - self.starts[first] + 1, last + 1, end - self.starts[last] + 1)

    def start_of(self, offset: int) -> int:
        """The first character of the line."""
        return self.starts[self._index(offset)]

    def indent_of(self, offset: int) -> int:
        """The first character of the line that is not white space."""
        at = self.start_of(offset)
        while at < len(self.text) and self.text[at] in " \t":
            at += 1
        return at

    def end_of(self, offset: int) -> int:
        """The first character of the next line."""
        index = self._index(offset) + 1
        return self.starts[index] if index < len(self.starts) else len(self.text)

    def behind(self, offset: int) -> int:
        """The first character of the line behind a statement that ends at an offset: a backslash may add one."""
        end = self.end_of(offset)
        while self.text[offset:end].strip() == "\\" and end < len(self.text):
            offset, end = end, self.end_of(end)
        return end
