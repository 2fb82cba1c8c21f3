"""What `# smellcheck: ignore[...]` and `file-ignore[...]` silence, and which of them silence nothing."""

from __future__ import annotations

import hashlib
import re
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .comments import Comment, Lines
from .finding import Finding, Range, TextEdit, TextFix

#: The rule and the family that diagnostics about suppressions are told under.
RULE, FAMILY = "unused-suppression", "smellcheck"

_TRIGGER = "smellcheck:"
_WHY = "A suppression that silences nothing silences the next smell that appears on its line, unread."
_OPENING = re.compile(r"(?:^|(?<=\s))#\s*smellcheck:\s*")
_FORM = re.compile(r"(ignore|file-ignore)\s*\[([^\[\]#]*)\]")
_NAME = re.compile(r"[^\s,](?:[^,]*[^\s,])?")
# A hash before a digit is the number of an issue, not another tool's comment.
_NEXT_COMMENT = re.compile(r"^\s*(?=#)|\s+(?=#(?!\d))")


@dataclass(frozen=True)
class Selector:
    """One name between the brackets, with its offsets."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Suppression:
    """A comment that suppresses: it stands on `line`, and silences what begins on `first` to `last`."""

    verb: Literal["ignore", "file-ignore"]
    selectors: tuple[Selector, ...]
    line: int
    first: int
    last: int
    #: Takes the whole comment away, with the white space before it or its line.
    removal: TextEdit

    def covers(self, place: Range) -> bool:
        """Whether a finding at this place is within reach."""
        # A range that ends at the first column holds nothing of that line.
        end = place.end_line - (place.end_column == 1 and place.end_line > place.line)
        return self.first <= place.line <= self.last or place.line <= self.line <= end


@dataclass(frozen=True)
class Mistake:
    """A comment that was meant to suppress and cannot be read."""

    start: int
    end: int
    message: str


class Applied(NamedTuple):
    """The findings that stay, how many were silenced, and the diagnostics about the comments themselves."""

    kept: list[Finding]
    suppressed: int
    unused: list[Finding]


@dataclass(frozen=True)
class Suppressions:
    """Every suppression of one file."""

    comments: tuple[Suppression, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    #: The offsets at which the lines begin.
    starts: tuple[int, ...] = field(default=(0,), repr=False)

    @classmethod
    def read(cls, text: str) -> Suppressions:
        """The suppressions of a module's text; of one that is cut short, those before the cut."""
        if _TRIGGER not in text:
            return cls()
        lines = Lines.read(text)
        found = [part for comment in lines.comments if _TRIGGER in comment.text for part in _parts(comment, lines)]
        return cls(
            tuple(part for part in found if isinstance(part, Suppression)),
            tuple(part for part in found if isinstance(part, Mistake)),
            lines.starts,
        )

    def apply(
        self, findings: Iterable[Finding], ran: Mapping[str, str], known: Mapping[str, str] | None = None
    ) -> Applied:
        """Part the findings, and judge the comments by them.

        `ran` holds the rules that looked at this file, name → family, and `known` all that are installed:
        only with it can a name be called unknown, and a family or `all` be called unused.
        """
        found = list(findings)
        if not self.comments and not self.mistakes:
            return Applied(found, 0, [])
        used: set[Selector] = set()
        kept = [finding for finding in found if not self._silence(finding, used)]
        told = self._unused(used, ran, known)
        unused = [finding for finding in told if not self._silence(finding, used)]
        return Applied(kept, len(found) - len(kept) + len(told) - len(unused), unused)

    def _silence(self, finding: Finding, used: set[Selector]) -> bool:
        names = {finding.rule, finding.family} | ({"all"} if finding.rule != RULE else set())
        hits = {
            selector
            for comment in self.comments
            if comment.covers(finding.range)
            for selector in comment.selectors
            if selector.name in names
        }
        used |= hits
        return bool(hits)

    def _unused(self, used: set[Selector], ran: Mapping[str, str], known: Mapping[str, str] | None) -> list[Finding]:
        told: list[tuple[int, int, str, TextFix | None]] = [
            (mistake.start, mistake.end, mistake.message, None) for mistake in self.mistakes
        ]
        for comment in self.comments:
            dead: dict[Selector, str] = {}
            earlier: set[str] = set()
            for selector in comment.selectors:
                fault = "is named twice" if selector.name in earlier else _fault(selector, used, ran, known)
                earlier.add(selector.name)
                if fault:
                    dead[selector] = f"`{comment.verb}[{selector.name}]` {fault}"
            told += [
                (selector.start, selector.end, message, _removal(comment, selector, dead))
                for selector, message in dead.items()
            ]
        seen = Counter[str]()
        return [self._finding(*entry, seen) for entry in sorted(told, key=lambda entry: entry[:2])]

    def _finding(self, start: int, end: int, message: str, fix: TextFix | None, seen: Counter[str]) -> Finding:
        seen[message] += 1
        identity = f"{RULE}\0{message}\0{seen[message]}".encode()
        line = bisect_right(self.starts, start)
        first = self.starts[line - 1] - 1
        return Finding(
            rule=RULE,
            family=FAMILY,
            practice="refactoring",
            level="info",
            message=message,
            why=_WHY,
            range=Range(line, start - first, line, end - first),
            start=start,
            end=end,
            fix=fix,
            fingerprint=hashlib.blake2b(identity, digest_size=16).hexdigest(),
        )


def _fault(
    selector: Selector, used: set[Selector], ran: Mapping[str, str], known: Mapping[str, str] | None
) -> str | None:
    """What is wrong with a name that silences nothing; a rule that did not run may yet need it."""
    name, nothing = selector.name, "suppresses nothing"
    if selector in used or name in (RULE, FAMILY):
        return None
    if name in ran:
        return nothing
    if known is None or name in known:
        return None
    if name == "all" or name in known.values():
        members = {rule for rule, family in known.items() if name in ("all", family)}
        return nothing if members <= ran.keys() else None
    from .config import did_you_mean

    return "names no rule" + did_you_mean(name, {"all", *known, *known.values()})


def _removal(comment: Suppression, selector: Selector, dead: Mapping[Selector, str]) -> TextFix:
    """The fix that takes one name out, or the whole comment when no name of it is of use."""
    at = comment.selectors.index(selector)
    alive = [index for index, other in enumerate(comment.selectors) if other not in dead]
    if not alive:
        return TextFix("Remove the unused suppression", "safe", (comment.removal,))
    # A name goes with the separator on the side of one that stays, so that removals never overlap.
    if at < alive[-1]:
        edit = TextEdit(selector.start, comment.selectors[at + 1].start, "")
    else:
        edit = TextEdit(comment.selectors[at - 1].end, selector.end, "")
    return TextFix(f"Remove `{selector.name}` from the suppression", "safe", (edit,))


def _parts(comment: Comment, lines: Lines) -> Iterator[Suppression | Mistake]:
    openings = list(_OPENING.finditer(comment.text))
    ends = [*(opening.start() for opening in openings[1:]), len(comment.text)]
    for opening, limit in zip(openings, ends, strict=False):
        form = _FORM.match(comment.text, opening.end(), limit)
        after = form.end() if form else opening.end()
        following = _NEXT_COMMENT.search(comment.text[after:limit])
        end = after + following.end() if following else limit
        start, shown = comment.start + opening.start(), comment.text[opening.start() : end].strip()
        names = list(_NAME.finditer(form[2])) if form else []
        if form is None or not names:
            message = f"cannot read `{shown}`: write `# smellcheck: ignore[rule-name]`"
            yield Mistake(start, start + len(shown), message)
        elif form[1] == "file-ignore" and not comment.own:
            yield Mistake(start, start + len(shown), "`file-ignore` must stand on a line of its own")
        else:
            offset = comment.start + form.start(2)
            selectors = tuple(Selector(name[0], offset + name.start(), offset + name.end()) for name in names)
            verb: Literal["ignore", "file-ignore"] = "ignore" if form[1] == "ignore" else "file-ignore"
            first, last = lines.reach(comment) if verb == "ignore" else (1, sys.maxsize)
            removal = _deletion(comment, lines, start, comment.start + end)
            yield Suppression(verb, selectors, comment.line, first, last, removal)


def _deletion(comment: Comment, lines: Lines, start: int, end: int) -> TextEdit:
    """The edit that takes out a comment from `start` to `end`, and the space that it leaves empty."""
    text, opening, closing = lines.text, comment.start, comment.start + len(comment.text)
    if comment.own and (start, end) == (opening, closing):
        above = text[lines.starts[comment.line - 2] : lines.starts[comment.line - 1]] if comment.line > 1 else ""
        # Behind a hash a backslash continues nothing.
        commented = any(other.line == comment.line - 1 for other in lines.comments)
        if above.rstrip().endswith("\\") and not commented:
            # A statement that is continued to nothing but the comment ends where it did.
            code = above.rstrip()[:-1].rstrip()
            return TextEdit(lines.starts[comment.line - 2] + len(code), closing, "")
        below = lines.starts[comment.line] if comment.line < len(lines.starts) else len(text)
        return TextEdit(lines.starts[comment.line - 1], below, "")
    if end == closing:
        start = len(text[lines.starts[comment.line - 1] : start].rstrip()) + lines.starts[comment.line - 1]
    return TextEdit(start, end, "")
