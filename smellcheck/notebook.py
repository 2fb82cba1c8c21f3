"""A notebook as one module of many cells, and the way back: to a cell, to a line of the JSON, into the file."""

from __future__ import annotations

import codecs
import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from . import cells
from .edits import apply
from .finding import Finding, Physical, Problem, Range, TextEdit
from .linehash import LineHashes
from .magics import Masked, Unreadable, masked
from .source import LIMIT, Source, SourceError
from .splice import Written, differences, raw_offset, sources, splice

_NEWLINE = re.compile(r"\r\n|\r|\n")
_PYTHON = ("python", "ipython", "pypy")


@dataclass(frozen=True)
class Skipped:
    """A cell, or where none is named the whole notebook, that is not checked, and why."""

    cell: int | None
    message: str
    line: int | None


@dataclass(frozen=True)
class Notebook(Source):
    """The text is that of `cells.join`: Python cells only, magics masked."""

    #: The JSON, without byte order mark.
    raw: str = ""
    written: Mapping[int, Written] = field(default_factory=dict)
    #: What the masks of each cell hide.
    hidden: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()

    @classmethod
    def decode(cls, data: bytes, path: Path | None = None) -> Notebook:
        """The notebook in some bytes.

        Raises `SourceError` when they are no JSON, or no notebook of the format 4.
        """
        bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
        raw = _json_text(data[len(bom) :])
        content = _content(raw)
        written: dict[int, Written] = {}
        hidden: dict[int, tuple[str, ...]] = {}
        texts: dict[int, str] = {}
        skipped: list[Skipped] = []
        language = _language(content)
        python = language.lower().startswith(_PYTHON)
        if not python:
            skipped.append(Skipped(None, f"is written in {language}: nothing was checked", None))
        for number, (cell, source) in enumerate(zip(content["cells"], sources(raw), strict=True), 1):
            if source is None or not python or not _is_code(cell):
                continue
            found = masked(source.text)
            if isinstance(found, Unreadable):
                skipped.append(Skipped(number, f"skipped: {found.message}", found.line))
            elif isinstance(found, Masked):
                written[number], hidden[number], texts[number] = source, found.hidden, found.text
        text = cells.join(texts.items())
        if len(text) > LIMIT:
            raise SourceError("too-large", f"has {len(text):,} characters of code, more than the limit of {LIMIT:,}")
        return cls(path, text, "utf-8", bom, data, raw, written, hidden, tuple(skipped))

    def shown(self, text: str) -> dict[int, str]:
        """The cells of a text that was made of this notebook's, as a person wrote them."""
        return {number: cells.unmask(cell, self.hidden[number]) for number, cell in cells.split(text).items()}

    def encode(self, text: str) -> bytes:
        """The bytes with the cells of another text, all else as it is.

        Raises `SourceError` when they would not be read as that text again.
        """
        edits: list[TextEdit] = []
        for number, new in self.shown(text).items():
            edits += self.respelled(number, differences(self.written[number].text, new))
        try:
            data = self.bom + apply(self.raw, edits).encode()
        except UnicodeEncodeError as error:
            raise SourceError("encoding-error", f"cannot encode {error.object[error.start]!r} as utf-8") from None
        if data != self.data and not self._equals(data, text):
            raise SourceError("encoding-error", "cannot be written and read again")
        return data

    def respelled(self, number: int, edits: Sequence[TextEdit]) -> list[TextEdit]:
        """Edits of a cell's source as edits of the JSON, with the newlines of the cell."""
        source = self.written[number]
        if "\r\n" in source.text and not re.search(r"(?<!\r)\n", source.text):
            edits = [replace(edit, text=re.sub(r"(?<!\r)\n", "\r\n", edit.text)) for edit in edits]
        return splice(source, edits)

    def _equals(self, data: bytes, text: str) -> bool:
        """Whether other bytes are this notebook with nothing but its code changed, and that to a text."""
        try:
            other = Notebook.decode(data)
        except SourceError:
            return False
        old, new = _content(self.raw), _content(other.raw)
        for content in (old, new):
            for number in self.written:
                content["cells"][number - 1].pop("source", None)
        return _plain(other.text) == _plain(text) and repr(old) == repr(new)

    def holding(self, text: str) -> Notebook:
        """This notebook with the cells of another text; raises `SourceError` as `encode` does."""
        return Notebook.decode(self.encode(text), self.path)

    # -- places --------------------------------------------------------------------------------

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in _NEWLINE.finditer(self.raw))]

    @cached_property
    def _hashes(self) -> LineHashes:
        return LineHashes(self.raw)

    def _range(self, start: int, end: int) -> Range:
        first, last = bisect_right(self._starts, start), bisect_right(self._starts, end)
        return Range(first, start - self._starts[first - 1] + 1, last, end - self._starts[last - 1] + 1)

    def placed(self, finding: Finding, text: str) -> Finding:
        """A finding in this notebook's text as one in a cell, offsets and all."""
        spans = list(cells.spans(text))
        number, start = cells.place(spans, finding.start)
        size = next(end - begin for _, begin, end in spans if begin == start)
        above = len(_NEWLINE.findall(text[:start]))
        span = finding.range
        fix = finding.fix
        if fix is not None:
            fix = replace(fix, edits=tuple(cells.relative(fix.edits, start, size)))
        here = Range(span.line - above, span.column, span.end_line - above, span.end_column)
        first, last = finding.start - start, min(finding.end - start, size)
        return replace(
            finding,
            cell=number,
            range=here,
            start=first,
            end=last,
            fix=fix,
            physical=self._physical(number, first, last, fix.edits if fix else ()),
        )

    def _physical(self, number: int, start: int, end: int, edits: Sequence[TextEdit]) -> Physical:
        """Where in the JSON an empty edit at each end would be made."""
        at = [raw_offset(self.written[number], offset) for offset in (start, end)]
        made = tuple((self._range(edit.start, edit.end), edit.text) for edit in self.respelled(number, sorted(edits)))
        place = self._range(*at)
        return Physical(place, made, self._hashes.of(place.line))

    def located(self, problem: Problem, text: str) -> Problem:
        """A problem on a line of this notebook's text as one on a line of a cell."""
        if problem.line is None:
            return problem
        starts = [0, *(found.end() for found in _NEWLINE.finditer(text))]
        spans = list(cells.spans(text))
        if not spans or problem.line > len(starts):
            return replace(problem, line=None)
        number, start = cells.place(spans, starts[problem.line - 1])
        return replace(problem, cell=number, line=max(1, problem.line - len(_NEWLINE.findall(text[:start]))))


def _plain(text: str) -> dict[int, str]:
    return {number: cell.replace("\r\n", "\n") for number, cell in cells.split(text).items()}


def _json_text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(_NEWLINE.findall(data[: error.start].decode("latin-1"))) + 1
        message = f"cannot decode byte 0x{data[error.start : error.start + 1].hex()} as utf-8: {error.reason}"
        raise SourceError("encoding-error", message, line) from None


def _content(raw: str) -> dict[str, Any]:
    """The notebook as plain data, with a list of cells."""
    try:
        content = json.loads(raw)
    except json.JSONDecodeError as error:
        raise SourceError("syntax-error", f"is not JSON: {error.msg.lower()}", error.lineno) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError("syntax-error", f"is not JSON that can be read: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("nbformat"), int):
        raise SourceError("unsupported", "is not a notebook: `nbformat` is missing")
    if content["nbformat"] != 4:
        known = f"is a notebook of format {content['nbformat']}, and only format 4 can be read"
        raise SourceError("unsupported", f"{known}: `jupyter nbconvert --to notebook` converts it")
    if not isinstance(content.get("cells"), list):
        raise SourceError("unsupported", "is not a notebook: it has no list of cells")
    return content


def _language(content: dict[str, Any]) -> str:
    metadata = content.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    for holder, key in (("language_info", "name"), ("kernelspec", "language")):
        told = metadata.get(holder)
        if isinstance(told, dict) and isinstance(told.get(key), str) and told[key]:
            return str(told[key])
    return "python"


def _is_code(cell: Any) -> bool:
    """Whether a cell runs, as far as it says."""
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return False
    metadata = cell.get("metadata")
    editor = metadata.get("vscode") if isinstance(metadata, dict) else None
    language = editor.get("languageId") if isinstance(editor, dict) else None
    return not isinstance(language, str) or language == "python"
