"""Where the comments of a module stand, and which statements they stand at."""

from __future__ import annotations

import io
import re
import tokenize
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Comment:
    """One comment: its line, the offset of its hash, and its text."""

    line: int
    start: int
    text: str
    #: Nothing but white space stands before it.
    own: bool
    #: It stands between the first and the last line of a statement.
    inside: bool


@dataclass(frozen=True)
class Lines:
    """Where a module's lines, comments, statements and code are."""

    text: str
    starts: tuple[int, ...]
    comments: tuple[Comment, ...]
    #: First and last line of each simple statement and each header, its decorators included.
    statements: tuple[tuple[int, int], ...]
    #: The lines on which a token of code begins.
    code: tuple[int, ...]

    @classmethod
    def read(cls, text: str) -> Lines:
        """The lines of a module's text; of one that cannot be read to its end, those before."""
        starts = (0, *(match.end() for match in _NEWLINE.finditer(text)))
        comments: list[Comment] = []
        statements: list[tuple[int, int]] = []
        code: list[int] = []
        first = decorated = 0
        decorator = False
        for kind, string, (line, column), _, _ in tokens(text):
            if kind == tokenize.COMMENT:
                start = starts[line - 1] + column
                own = not text[starts[line - 1] : start].strip()
                comments.append(Comment(line, start, string, own, bool(first)))
            elif kind == tokenize.NEWLINE:
                if decorator:
                    decorated = decorated or first
                elif first:
                    statements.append((decorated or first, line))
                    decorated = 0
                first, decorator = 0, False
            elif kind not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
                decorator = string == "@" if not first else decorator
                first = first or line
                code.append(line)
        return cls(text, starts, tuple(comments), tuple(statements), tuple(code))

    def reach(self, comment: Comment) -> tuple[int, int]:
        """The lines on which a finding must begin to be silenced by the comment."""
        at = bisect_left(self.statements, comment.line, key=lambda statement: statement[1])
        first, last = self.statements[at] if at < len(self.statements) else (comment.line, comment.line)
        if comment.own and comment.inside:
            following = bisect_right(self.code, comment.line)
            return comment.line, self.code[following] if following < len(self.code) else comment.line
        if comment.own:
            return comment.line, last
        return (first, last) if comment.line in (first, last) else (comment.line, comment.line)


def tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    """The tokens of a module's text up to the first that cannot be read; columns count code points."""
    # Whatever ends a line is spelled as a newline: tokenize takes a lone carriage return for an error.
    lines = io.StringIO("".join(f"{line}\n" for line in _NEWLINE.split(text)))
    try:
        yield from tokenize.generate_tokens(lines.readline)
    except (tokenize.TokenError, SyntaxError, ValueError):
        return
