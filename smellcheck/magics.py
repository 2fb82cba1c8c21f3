"""What in a cell is IPython's and not Python's: found where statements begin, hidden at equal length."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

from .cells import MASK, mask

#: Cell magics whose body is Python that runs in the notebook's own namespace.
_PYTHON = {"capture", "debug", "ipytest", "prun", "pypy", "px", "python", "python3", "time", "timeit"}
#: Line magics that people write without the percent sign.
_BARE = {
    "alias", "autoreload", "cat", "cd", "clear", "conda", "cp", "env", "git", "head", "less", "load_ext", "ls",
    "man", "matplotlib", "mkdir", "more", "mv", "nvidia-smi", "pip", "pip3", "pwd", "rm", "rmdir", "tail", "unzip",
    "wget",
}  # fmt: skip
_CELL_MAGIC = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*%%(\S*)")
_ASSIGNED = re.compile(r"[^\W\d][\w.,* \t\[\]'\"]*=[ \t]*(?=[!%])")
_HELP = re.compile(r"[%\w.*]+\?{1,2}[ \t]*(?:#.*)?$|\?{1,2}\S*$")
_TIMED = re.compile(r"%time[ \t]+(?=\S)(?![-%!])")
_WORD = re.compile(r"([\w-]+)(?:[ \t]+(?![=+*%&|^<>(\[,:])\S|$)")
#: Everything that may hide the beginning of a statement.
_TOKEN = re.compile(
    r"""#[^\r\n]*|[rRbBuUfFtT]{0,2}(?:\"\"\"(?:\\.|[^\\])*?(?:\"\"\"|\Z)|'''(?:\\.|[^\\])*?(?:'''|\Z)"""
    r"""|"(?:\\.|[^"\\\r\n])*"?|'(?:\\.|[^'\\\r\n])*'?)|\\\r?\n|\r?\n|[()\[\]{}]|[^\W]+|.""",
    re.DOTALL,
)


@dataclass(frozen=True)
class Masked:
    """A cell's text as Python of the same length, and in order what the masks hide."""

    text: str
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unreadable:
    """Why a cell is no Python, and on which of its lines."""

    message: str
    line: int | None


def masked(source: str) -> Masked | Unreadable | None:
    """A cell as Python; `None` when it is in another language."""
    if MASK in source:
        return Unreadable(f"holds {MASK!r}, by which masks are known", None)
    magic = _CELL_MAGIC.match(source)
    if magic is None and _error(source) is None:
        return Masked(source)
    if magic is not None and magic[1] not in _PYTHON:
        return None
    hiding = _Hiding(source)
    hidden = hiding.run()
    return _error(hidden.text) or hidden


def _error(text: str) -> Unreadable | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return Unreadable(error.msg or "invalid syntax", error.lineno)
    except (ValueError, RecursionError, MemoryError) as error:
        return Unreadable(str(error) or "too deeply nested", None)
    return None


class _Hiding:
    """One pass over the lines of a cell on which a statement begins."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.parts: list[str] = []
        self.hidden: list[str] = []
        self.at = 0

    def run(self) -> Masked:
        begin = 0
        while begin < len(self.source):
            end = self._line_end(begin)
            line = self.source[begin:end]
            indent = len(line) - len(line.lstrip(" \t"))
            how_far = _foreign(line[indent:])
            if how_far is not None:
                start, stop = begin + indent + how_far[0], begin + indent + how_far[1]
                end = self._hide_line(start, stop) if stop >= end else self._hide(start, stop, ";")
                begin = self._next_statement(end) if stop < len(line.rstrip()) + begin else self._after(end)
            else:
                begin = self._next_statement(begin)
        self.parts.append(self.source[self.at :])
        return Masked("".join(self.parts), tuple(self.hidden))

    def _line_end(self, begin: int) -> int:
        end = self.source.find("\n", begin)
        end = len(self.source) if end < 0 else end
        return end - 1 if self.source[end - 1 : end] == "\r" and end > begin else end

    def _after(self, end: int) -> int:
        return self.source.find("\n", end) + 1 or len(self.source)

    def _next_statement(self, begin: int) -> int:
        """The first line behind the statement that goes on at an offset."""
        depth = 0
        for token in _TOKEN.finditer(self.source, begin):
            if token[0] in "([{":
                depth += 1
            elif token[0] in ")]}":
                depth = max(0, depth - 1)
            elif token[0] in ("\n", "\r\n") and not depth:
                return token.end()
        return len(self.source)

    def _hide(self, start: int, stop: int, tail: str = "") -> int:
        self.parts.append(self.source[self.at : start])
        self.parts.append(mask(stop - start - len(tail), len(self.hidden)) + tail)
        self.hidden.append(self.source[start:stop])
        self.at = stop
        return stop

    def _hide_line(self, start: int, stop: int) -> int:
        """Hide a line, and those that backslashes join to it."""
        while self.source[stop - 1] == "\\" and stop - start > 2 and stop < len(self.source):
            self._hide(start, stop - 1, ".")
            start = self._after(stop)
            stop = self._line_end(start)
            start += len(self.source[start:stop]) - len(self.source[start:stop].lstrip(" \t"))
            if start >= stop:
                return stop
        return self._hide(start, stop)


def _foreign(line: str) -> tuple[int, int] | None:
    """From where to where a line on which a statement begins is not Python."""
    timed = _TIMED.match(line)
    if timed:
        return 0, timed.end()
    if line[:1] in ("%", "!", "?", ",", ";", "/") or _HELP.match(line):
        return 0, len(line)
    assigned = _ASSIGNED.match(line)
    if assigned:
        return assigned.end(), len(line)
    word = _WORD.match(line)
    return (0, len(line)) if word and word[1] in _BARE else None
