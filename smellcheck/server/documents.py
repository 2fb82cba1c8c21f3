"""The documents that are open, modules and notebooks, their newest state, and what is known of that state."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls import uris

from .ask import Findings
from .positions import Text

LANGUAGES = ("python",)
#: Stubs hold no code that runs.
_NO_CODE = (".pyi",)


@dataclass(eq=False)
class Cell:
    """A text that the editor shows by itself: one cell of a notebook, or the whole of a module."""

    uri: str
    text: Text
    version: int | None
    #: Prose and other languages keep their place in a notebook, and no text.
    python: bool = True

    def change(self, changes: Sequence[lsp.TextDocumentContentChangeEvent], version: int | None) -> None:
        """Take over changes, each in terms of what the one before it left."""
        for change in changes:
            self.text = self.text.changed(change)
        self.version = version


@dataclass(eq=False)
class Document:
    """One open document, checked as a whole; each change makes it another state of the same."""

    uri: str
    cells: list[Cell]
    notebook: bool = False
    #: Grows with every change of a text, of the settings or of a configuration file.
    state: int = 0
    #: What was found, and in which state.
    findings: Findings | None = None
    found_in: int = -1
    #: The push that is waiting for the typing to pause.
    push: asyncio.Task[None] | None = field(default=None, repr=False)
    #: The result that the editor was last told of each cell, for one that asks for them.
    told: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def path(self) -> Path | None:
        """Where the document is saved; None when it never was."""
        path = uris.to_fs_path(self.uri)
        return Path(path) if path else None

    @property
    def text(self) -> str:
        """What is to be checked: the text of a module, or the JSON of a notebook as far as a check reads it."""
        if not self.notebook:
            return self.cells[0].text.text
        cells: list[dict[str, Any]] = [
            {"cell_type": "code", "source": cell.text.text} if cell.python else {"cell_type": "raw", "source": ""}
            for cell in self.cells
        ]
        return json.dumps({"nbformat": 4, "metadata": {}, "cells": cells})

    @property
    def current(self) -> Findings | None:
        """What was found, when it was found in this very state."""
        return self.findings if self.found_in == self.state else None

    @property
    def version(self) -> tuple[int | None, ...]:
        """The versions of all that the editor shows of it."""
        return tuple(cell.version for cell in self.cells)

    def shown(self) -> Iterator[tuple[int | None, Cell]]:
        """The cells in Python with their numbers, from 1 as in a saved notebook; that of a module has none."""
        for number, cell in enumerate(self.cells, 1):
            if cell.python:
                yield number if self.notebook else None, cell

    def within(self, found: Findings, cell: Cell) -> Findings:
        """What was found in one of the cells."""
        number = next((number for number, one in self.shown() if one is cell), 0)
        return Findings(
            tuple(finding for finding in found.findings if finding.cell == number),
            tuple(problem for problem in found.problems if problem.cell == number),
            notes=tuple(note for note in found.notes if note.cell == number),
        )


class Documents:
    """The open documents that are Python."""

    def __init__(self) -> None:
        self.encoding = "utf-16"
        self._open: dict[str, Document] = {}

    def open(self, item: lsp.TextDocumentItem) -> Document | None:
        """A module that was opened; None for a text in another language."""
        if item.language_id not in LANGUAGES or item.uri.endswith(_NO_CODE):
            return None
        return self.add(Document(item.uri, [Cell(item.uri, Text(item.text, self.encoding), item.version)]))

    def add(self, document: Document) -> Document:
        """Keep a document that was opened."""
        self._open[document.uri] = document
        return document

    def close(self, uri: str) -> Document | None:
        """Forget a document."""
        return self._open.pop(uri, None)

    def get(self, uri: str) -> Document | None:
        """The open document of this name."""
        return self._open.get(uri)

    def holding(self, uri: str) -> tuple[Document, Cell] | None:
        """The cell of this name in Python, and the document that it is a part of."""
        document = self._open.get(uri)
        candidates = self._open.values() if document is None else [document]
        return next(
            ((one, cell) for one in candidates for _, cell in one.shown() if cell.uri == uri),
            None,
        )

    def all(self) -> list[Document]:
        """All that are open."""
        return list(self._open.values())

    def beside(self, document: Document) -> tuple[tuple[Path, str], ...]:
        """The other open documents that have a path, with their texts."""
        others = (other for other in self._open.values() if other is not document)
        return tuple((path, other.text) for other in others if (path := other.path) is not None)

    def outdate_by(self, paths: set[str]) -> list[Document]:
        """The documents that were judged by what these files said: nothing that was found there holds any longer."""
        outdated = []
        for document in self._open.values():
            found = document.current
            own = document.path is not None and os.path.abspath(document.path) in paths and len(paths) == 1
            if found is not None and not own and (found.anywhere or found.consulted & paths):
                document.state += 1
                outdated.append(document)
        return outdated

    def outdate(self) -> None:
        """Nothing that was found holds any longer: settings have changed."""
        for document in self._open.values():
            document.state += 1
