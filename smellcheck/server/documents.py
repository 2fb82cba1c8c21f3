"""The documents that are open, their newest state, and what is known of that state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from lsprotocol import types as lsp
from pygls import uris

from .ask import Findings
from .positions import Text

LANGUAGES = ("python",)
#: Stubs hold no code that runs.
_NO_CODE = (".pyi",)


@dataclass(eq=False)
class Document:
    """One open document; each change makes it another state of the same."""

    uri: str
    text: Text
    version: int | None
    #: Grows with every change of the text, of the settings or of a configuration file.
    state: int = 0
    #: What was found, and in which state.
    findings: Findings | None = None
    found_in: int = -1
    #: The push that is waiting for the typing to pause.
    push: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def path(self) -> Path | None:
        """Where the document is saved; None when it never was."""
        path = uris.to_fs_path(self.uri)
        return Path(path) if path else None

    @property
    def current(self) -> Findings | None:
        """What was found, when it was found in this very state."""
        return self.findings if self.found_in == self.state else None

    def change(self, changes: list[lsp.TextDocumentContentChangeEvent], version: int | None) -> None:
        """Take over changes, each in terms of what the one before it left."""
        for change in changes:
            self.text = self.text.changed(change)
        self.version = version
        self.state += 1


class Documents:
    """The open documents that are Python."""

    def __init__(self) -> None:
        self.encoding = "utf-16"
        self._open: dict[str, Document] = {}
        self._states = 0

    def open(self, item: lsp.TextDocumentItem) -> Document | None:
        """A document that was opened; None for one in another language."""
        if item.language_id not in LANGUAGES or item.uri.endswith(_NO_CODE):
            return None
        document = Document(item.uri, Text(item.text, self.encoding), item.version)
        self._open[item.uri] = document
        return document

    def close(self, uri: str) -> Document | None:
        """Forget a document."""
        return self._open.pop(uri, None)

    def get(self, uri: str) -> Document | None:
        """The open document of this name."""
        return self._open.get(uri)

    def all(self) -> list[Document]:
        """All that are open."""
        return list(self._open.values())

    def outdate(self) -> None:
        """Nothing that was found holds any longer: settings have changed."""
        for document in self._open.values():
            document.state += 1
