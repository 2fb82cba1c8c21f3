"""Notebooks in an editor: one document of many cells, and what the command line says of the saved file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from . import editor as editors
from .conftest import Play
from .editor import PATIENCE, Editor, applied, editing, lsp, place

#: What editors with notebooks can do, and the encodings that they ask for.
EDITORS = [
    ("visual_studio_code", (), False),
    ("visual_studio_code", ("utf-16",), True),
    ("neovim@0.11", ("utf-8", "utf-16", "utf-32"), True),
    ("bare", ("utf-32",), False),
]

PROSE = "# Training"
IMPORTS = "%matplotlib inline\n!pip install -q torch\nimport torch\nfrom torch import nn"
NET = "net = nn.Linear(4, 2)\nloader, device = ready('😀é')"
TRAIN = """\
def train(model: nn.Module, criterion, epochs):
    optimizer = torch.optim.Adadelta(model.parameters())
    for epoch in range(epochs):
        model.to(device)
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            criterion(model(x.to(device)), y.to(device)).backward()
            optimizer.step()


train(net, nn.CrossEntropyLoss(), 3)
"""
SHELL = "%%bash\nfor f in *; do echo $f; done"
BROKEN = "for x in :\n    pass"
EVALUATE = """\
%%time
net.eval()
correct = 0
for images, labels in loader:
    "😀é"; logits = net(images.to(device))
    correct += (logits.argmax(1) == labels.to(device)).sum().item()
print(correct)
"""
SQL = "SELECT 1"

#: Kind, language and text.
CELLS = [
    ("markdown", "markdown", PROSE),
    ("code", "python", IMPORTS),
    ("code", "python", NET),
    ("code", "python", TRAIN),
    ("code", "python", SHELL),
    ("code", "sql", SQL),
    ("code", "python", BROKEN),
    ("code", "python", EVALUATE),
]


def abilities(name: str, encodings: Sequence[str] = (), *, pulls: bool = False) -> lsp.ClientCapabilities:
    """What an editor of this name says of itself, and that it knows notebooks."""
    client = editors.abilities(name, encodings, pulls=pulls)
    client.notebook_document = lsp.NotebookDocumentClientCapabilities(lsp.NotebookDocumentSyncClientCapabilities())
    return client


def saved(cells: Sequence[tuple[str, str, str]] = CELLS) -> str:
    """The notebook as Jupyter writes it."""
    written = []
    for kind, language, text in cells:
        metadata = {"vscode": {"languageId": language}} if language == "sql" else {}
        cell: dict[str, Any] = {"cell_type": kind, "metadata": metadata, "source": text.splitlines(keepends=True)}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        written.append(cell)
    return json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}, indent=1) + "\n"


def sources(path: Path) -> list[str]:
    """The texts of a saved notebook's cells."""
    return ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]


def uri_of(name: str, key: object) -> str:
    return f"vscode-notebook-cell:/{name}#{key}"


def listed(name: str, key: object, kind: str) -> lsp.NotebookCell:
    code = lsp.NotebookCellKind.Code if kind == "code" else lsp.NotebookCellKind.Markup
    return lsp.NotebookCell(code, uri_of(name, key))


def show(editor: Editor, name: str, cells: Sequence[tuple[str, str, str]] = CELLS) -> list[str]:
    """Open a notebook; as the protocol has it, the texts of cells in other languages are not sent."""
    uris = [uri_of(name, key) for key in range(len(cells))]
    items = []
    for uri, (kind, language, text) in zip(uris, cells, strict=True):
        if kind == "code" and language == "python":
            editor.buffers[uri], editor.versions[uri] = text, 1
            items.append(lsp.TextDocumentItem(uri, language, 1, text))
    notebook = lsp.NotebookDocument(
        editor.uri(name), "jupyter-notebook", 1, [listed(name, key, kind) for key, (kind, _, _) in enumerate(cells)]
    )
    editor.client.notebook_document_did_open(lsp.DidOpenNotebookDocumentParams(notebook, items))
    return uris


def changed(editor: Editor, name: str, cells: lsp.NotebookDocumentCellChanges) -> None:
    identifier = lsp.VersionedNotebookDocumentIdentifier(2, editor.uri(name))
    event = lsp.NotebookDocumentChangeEvent(cells=cells)
    editor.client.notebook_document_did_change(lsp.DidChangeNotebookDocumentParams(identifier, event))


def type_in(editor: Editor, name: str, uri: str, start: int, end: int, new: str) -> None:
    old = editor.buffers[uri]
    where = lsp.Range(place(old, start, editor.encoding), place(old, end, editor.encoding))
    editor.buffers[uri] = old[:start] + new + old[end:]
    editor.versions[uri] += 1
    document = lsp.VersionedTextDocumentIdentifier(editor.versions[uri], uri)
    content = lsp.NotebookDocumentCellContentChanges(document, [lsp.TextDocumentContentChangePartial(where, new)])
    changed(editor, name, lsp.NotebookDocumentCellChanges(text_content=[content]))


async def told(editor: Editor, uri: str, *, pulls: bool, notes: bool = False) -> list[lsp.Diagnostic]:
    """The findings of a cell, or what else is said of it."""
    items = list((await editor.pull(uri)).items) if pulls else list(await editor.pushed(uri, lambda _: True))
    return [each for each in items if (each.code == "skipped-cell") is notes]


def whole(editor: Editor, uri: str) -> lsp.Range:
    text = editor.buffers[uri]
    return lsp.Range(lsp.Position(0, 0), place(text, len(text), editor.encoding))


def mended(editor: Editor, edit: lsp.WorkspaceEdit) -> dict[str, str]:
    """The cells that an edit changes, as it leaves them."""
    if edit.document_changes:
        for each in edit.document_changes:
            assert each.text_document.version == editor.versions[each.text_document.uri]
        changes = {each.text_document.uri: each.edits for each in edit.document_changes}
    else:
        changes = dict(edit.changes or {})
    return {uri: applied(editor.buffers[uri], edits, editor.encoding) for uri, edits in changes.items()}


@pytest.mark.parametrize(("name", "encodings", "pulls"), EDITORS)
def test_cells_show_and_mend_what_the_command_line_does(
    name: str, encodings: tuple[str, ...], pulls: bool, folder: Path, play: Play, smellcheck: Any
) -> None:
    path = folder / "a.ipynb"
    path.write_text(saved(), encoding="utf-8")
    expected = smellcheck("a.ipynb", "--output-format", "json")["findings"]
    assert {(one["rule"], one["cell"]) for one in expected} == {
        ("redundant-device-transfer", 4),
        ("missing-no-grad", 8),
    }

    async def session() -> None:
        async with editing(folder, abilities(name, encodings, pulls=pulls)) as editor:
            uris = show(editor, "a.ipynb")
            assert editor.capabilities.capabilities.notebook_document_sync is not None
            if not pulls:
                await editor.pushed(uris[3])
            found = {
                number: await told(editor, uri, pulls=pulls)
                for number, uri in enumerate(uris, 1)
                if uri in editor.buffers
            }
            shown = [(number, each.code, each.message) for number, some in found.items() for each in some]
            assert shown == [(one["cell"], one["rule"], one["message"]) for one in expected]
            for one in expected:
                (each,) = found[one["cell"]]
                start, end = one["range"]["start"], one["range"]["end"]
                line = CELLS[one["cell"] - 1][2].split("\n")[start["line"] - 1]
                assert (
                    editor.text_at(uris[one["cell"] - 1], each.range) == line[start["column"] - 1 : end["column"] - 1]
                )
            (note,) = await told(editor, uris[6], pulls=pulls, notes=True)
            assert (note.severity, note.range.start.line) == (lsp.DiagnosticSeverity.Information, 0)
            assert await editor.actions(uris[7], whole(editor, uris[7]), "source.fixAll") == []
            (action,) = await editor.actions(uris[1], whole(editor, uris[1]), "notebook.source.fixAll")
            if action.edit is None:
                action = await asyncio.wait_for(editor.client.code_action_resolve_async(action), PATIENCE)
            after = mended(editor, action.edit)
            smellcheck("a.ipynb", "--fix")
            before = [text for _, _, text in CELLS]
            now = [after.get(uri, text) for uri, text in zip(uris, before, strict=True)]
            assert now == sources(path) != before

    play(session())


def test_a_finding_of_a_cell_is_fixed_ignored_and_explained_in_it(folder: Path, play: Play) -> None:
    async def session() -> None:
        async with editing(folder, abilities("visual_studio_code", pulls=True)) as editor:
            uri = show(editor, "a.ipynb")[7]
            (finding,) = await told(editor, uri, pulls=True)
            actions = {each.title: each for each in await editor.actions(uri, finding.range, "quickfix")}
            (fix,) = [each for title, each in actions.items() if "(missing-no-grad" in title]
            assert "with torch.no_grad():\n    for images" in mended(editor, fix.edit)[uri]
            silent = []
            for place_of in ("line", "file"):
                text = mended(
                    editor,
                    actions[f"Ignore missing-no-grad on this {place_of}".replace("on this file", "in this file")].edit,
                )[uri]
                assert text.startswith("%%time\n")
                silent.append(text)
            said = await editor.hover(uri, editor.buffers[uri].index("net(images"))
            assert said is not None
            assert "# Missing no_grad" in said
            assert await editor.hover(uri, editor.buffers[uri].index("print")) is None
            for text in silent:
                type_in(editor, "a.ipynb", uri, 0, len(editor.buffers[uri]), text)
                assert await told(editor, uri, pulls=True) == []

    play(session())


def test_what_is_typed_in_one_cell_changes_what_is_found_in_another(folder: Path, play: Play) -> None:
    async def session(pulls: bool, relates: bool) -> None:
        capabilities = abilities("visual_studio_code", pulls=pulls)
        if relates:
            capabilities.text_document.diagnostic = lsp.DiagnosticClientCapabilities(related_document_support=True)
        async with editing(folder, capabilities) as editor:
            uris = show(editor, "a.ipynb")
            if not pulls:
                await editor.pushed(uris[7])
            assert len(await told(editor, uris[7], pulls=pulls)) == 1
            known = await told(editor, uris[2], pulls=pulls)
            assert known == []
            # A network whose parameters nobody trains records no graph.
            type_in(editor, "a.ipynb", uris[2], 0, 0, "torch.set_grad_enabled(False)\n")
            if pulls:
                answer = await editor.pull(uris[2])
                if relates:
                    assert list(answer.related_documents) == [uris[7]]
                    assert list(answer.related_documents[uris[7]].items) == []
                else:
                    for _ in range(PATIENCE * 20):
                        if editor.client.diagnostic_refresh_count:
                            break
                        await asyncio.sleep(0.05)
                    assert editor.client.diagnostic_refresh_count == 1
                assert list((await editor.pull(uris[7])).items) == []
            else:
                await editor.pushed(uris[7], lambda items: not items)

    for pulls, relates in ((False, False), (True, False), (True, True)):
        play(session(pulls, relates))


def test_cells_come_go_and_move(folder: Path, play: Play) -> None:
    async def session() -> None:
        async with editing(folder, abilities("visual_studio_code")) as editor:
            uris = show(editor, "a.ipynb")
            await editor.pushed(uris[7])
            # The broken cell is taken out, and the last one is put in its place.
            array = lsp.NotebookCellArrayChange(6, 2, [listed("a.ipynb", 7, "code")])
            closed = [lsp.TextDocumentIdentifier(uris[6])]
            structure = lsp.NotebookDocumentCellChangeStructure(array, did_close=closed)
            changed(editor, "a.ipynb", lsp.NotebookDocumentCellChanges(structure=structure))
            await editor.pushed(uris[6], lambda items: not items)
            type_in(editor, "a.ipynb", uris[7], 7, 7, "# a comment\n")
            await editor.pushed(uris[7], lambda items: [each.range.start.line for each in items] == [5])
            # A copy of it comes behind.
            copy = uri_of("a.ipynb", "new")
            item = lsp.TextDocumentItem(copy, "python", 1, EVALUATE)
            array = lsp.NotebookCellArrayChange(7, 0, [listed("a.ipynb", "new", "code")])
            structure = lsp.NotebookDocumentCellChangeStructure(array, did_open=[item])
            changed(editor, "a.ipynb", lsp.NotebookDocumentCellChanges(structure=structure))
            await editor.pushed(copy, lambda items: [each.range.start.line for each in items] == [4])
            cells = [lsp.TextDocumentIdentifier(uri) for uri in (uris[3], uris[7], copy)]
            notebook = lsp.NotebookDocumentIdentifier(editor.uri("a.ipynb"))
            editor.client.notebook_document_did_save(lsp.DidSaveNotebookDocumentParams(notebook))
            editor.client.notebook_document_did_close(lsp.DidCloseNotebookDocumentParams(notebook, cells))
            for uri in (uris[3], uris[7], copy):
                await editor.pushed(uri, lambda items: not items)

    play(session())


def test_an_unsaved_notebook_is_checked_and_one_that_is_left_out_is_not(folder: Path, play: Play) -> None:
    async def session() -> None:
        async with editing(folder, abilities("visual_studio_code", pulls=True)) as editor:
            uris = show(editor, "build/a.ipynb")
            assert await told(editor, uris[7], pulls=True) == []
            untitled = "untitled:Untitled-1.ipynb"
            editor.client.notebook_document_did_open(
                lsp.DidOpenNotebookDocumentParams(
                    lsp.NotebookDocument(untitled, "jupyter-notebook", 1, [listed("u", 0, "code")]),
                    [lsp.TextDocumentItem(uri_of("u", 0), "python", 1, f"{IMPORTS}\n{NET}\n{EVALUATE[7:]}")],
                )
            )
            editor.buffers[uri_of("u", 0)] = ""
            assert [each.code for each in await told(editor, uri_of("u", 0), pulls=True)] == ["missing-no-grad"]

    play(session())
