"""Notebooks as an editor tells of them: one document of many cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer

from .documents import LANGUAGES, Cell, Document
from .positions import Text
from .session import Session

#: Notebooks of every type; a filter that leaves the type out is one that not every client can read.
SYNC = lsp.NotebookDocumentSyncOptions(
    [lsp.NotebookDocumentFilterWithNotebook("*", [lsp.NotebookCellLanguage(language) for language in LANGUAGES])],
    save=True,
)


def attach(server: LanguageServer, session: Session) -> None:
    """Answer what an editor tells of its notebooks."""

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_OPEN)
    async def opened(params: lsp.DidOpenNotebookDocumentParams) -> None:
        notebook = params.notebook_document
        cells = made(notebook.cells, params.cell_text_documents, session.documents.encoding)
        session.push(session.documents.add(Document(notebook.uri, cells, notebook=True)), 0)

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_CHANGE)
    async def changed(params: lsp.DidChangeNotebookDocumentParams) -> None:
        document = session.documents.get(params.notebook_document.uri)
        if document is not None and params.change.cells is not None:
            gone = change(document, params.change.cells, session.documents.encoding)
            session.vanished(gone)
            session.push(document)

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_SAVE)
    async def saved(_: lsp.DidSaveNotebookDocumentParams) -> None:
        """Nothing depends on what is on the disk."""

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_CLOSE)
    async def closed(params: lsp.DidCloseNotebookDocumentParams) -> None:
        document = session.documents.close(params.notebook_document.uri)
        if document is not None:
            session.left(document)


def made(
    listed: Sequence[lsp.NotebookCell],
    texts: Sequence[lsp.TextDocumentItem],
    encoding: str,
    known: Iterable[Cell] = (),
) -> list[Cell]:
    """The cells that an editor lists, with the texts that it sends and those that were known."""
    items = {item.uri: item for item in texts}
    older = {cell.uri: cell for cell in known}
    cells: list[Cell] = []
    for one in listed:
        item = items.get(one.document)
        if item is not None:
            python = one.kind is lsp.NotebookCellKind.Code and item.language_id in LANGUAGES
            cells.append(Cell(item.uri, Text(item.text if python else "", encoding), item.version, python))
        else:
            cells.append(older.get(one.document) or Cell(one.document, Text("", encoding), None, python=False))
    return cells


def change(document: Document, cells: lsp.NotebookDocumentCellChanges, encoding: str) -> list[str]:
    """Take over what changed in a notebook's cells; the names of those in Python that are gone."""
    before = {cell.uri for _, cell in document.shown()}
    if cells.structure is not None:
        array, items = cells.structure.array, cells.structure.did_open or []
        here = made(array.cells or [], items, encoding, document.cells)
        document.cells[array.start : array.start + array.delete_count] = here
    for each in cells.text_content or []:
        for cell in document.cells:
            if cell.uri == each.document.uri and cell.python:
                cell.change(each.changes, each.document.version)
    document.state += 1
    return sorted(before - {cell.uri for _, cell in document.shown()})
