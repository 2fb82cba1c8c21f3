"""An editor for tests: a session with the real server in a process of its own, by the client that pytest-lsp brings."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pygls", reason="needs the extra `lsp`")
pytest_lsp = pytest.importorskip("pytest_lsp", reason="needs pytest-lsp")

from lsprotocol import types as lsp  # noqa: E402

#: Two safe fixes and an unsafe one.
SMELLY = """\
import torch


def train(model: torch.nn.Module, loader, criterion, device, epochs):
    optimizer = torch.optim.Adadelta(model.parameters())
    for epoch in range(epochs):
        model.to(device)
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            criterion(model(x.to(device)), y.to(device)).backward()
            optimizer.step()


@torch.no_grad()
def run(net: torch.nn.Module, loader, device):
    for batch in loader:
        net = net.to(device)
        print(net(batch.to(device)).mean().item())


def evaluate(model, loader, device):
    model.eval()
    correct = 0
    for images, labels in loader:
        logits = model(images.to(device))
        correct += (logits.argmax(1) == labels.to(device)).sum().item()
    return correct / len(loader.dataset)
"""

#: How long an answer may take before something must be wrong.
PATIENCE = 120


def units(text: str, encoding: str) -> int:
    """The length of a text as an editor counts it, by the codecs and by nothing of ours."""
    if encoding == "utf-32":
        return len(text)
    return len(text.encode("utf-8")) if encoding == "utf-8" else len(text.encode("utf-16-le")) // 2


def place(text: str, offset: int, encoding: str) -> lsp.Position:
    """The position of an offset."""
    before = text[:offset]
    return lsp.Position(before.count("\n"), units(before[before.rfind("\n") + 1 :], encoding))


def offset_of(text: str, position: lsp.Position, encoding: str) -> int:
    """The offset of a position."""
    start = 0
    for _ in range(position.line):
        start = text.index("\n", start) + 1
    at = start
    while units(text[start:at], encoding) < position.character:
        assert at < len(text), f"{position} lies outside of the text"
        at += 1
    return at


def applied(text: str, edits: Sequence[Any], encoding: str) -> str:
    """The text after the edits that a server sent."""
    placed = [
        (offset_of(text, each.range.start, encoding), offset_of(text, each.range.end, encoding), each.new_text)
        for each in edits
    ]
    for start, end, new in sorted(placed, reverse=True):
        text = text[:start] + new + text[end:]
    return text


@dataclass
class Editor:
    """A client, the buffers that it shows, and what it was told."""

    client: Any
    folder: Path
    encoding: str
    capabilities: lsp.InitializeResult
    buffers: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str, language: str = "python") -> str:
        uri = name if ":" in name else self.uri(name)
        self.buffers[uri], self.versions[uri] = text, 1
        self.client.diagnostics.pop(uri, None)
        item = lsp.TextDocumentItem(uri, language, 1, text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
        return uri

    def type(self, uri: str, start: int, end: int, new: str) -> None:
        """Replace a stretch of a buffer, and send only that."""
        old = self.buffers[uri]
        where = lsp.Range(place(old, start, self.encoding), place(old, end, self.encoding))
        self.buffers[uri] = old[:start] + new + old[end:]
        self.versions[uri] += 1
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(self.versions[uri], uri),
                [lsp.TextDocumentContentChangePartial(where, new)],
            )
        )

    async def pull(self, uri: str, previous: str | None = None) -> Any:
        params = lsp.DocumentDiagnosticParams(lsp.TextDocumentIdentifier(uri), previous_result_id=previous)
        return await asyncio.wait_for(self.client.text_document_diagnostic_async(params), PATIENCE)

    async def pushed(self, uri: str, fine: Callable[[Sequence[lsp.Diagnostic]], bool] = bool) -> Any:
        """The diagnostics that were pushed, as soon as they are as expected."""
        for _ in range(PATIENCE * 20):
            found = self.client.diagnostics.get(uri)
            if found is not None and fine(found):
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"never pushed; last was {self.client.diagnostics.get(uri)}")

    async def actions(self, uri: str, where: lsp.Range, *only: str) -> list[lsp.CodeAction]:
        context = lsp.CodeActionContext([], only=list(only) or None)
        params = lsp.CodeActionParams(lsp.TextDocumentIdentifier(uri), where, context)
        return list(await asyncio.wait_for(self.client.text_document_code_action_async(params), PATIENCE) or [])

    async def apply(self, uri: str, action: lsp.CodeAction) -> str:
        """The buffer after an action, whose edits are asked for when it has none."""
        if action.edit is None:
            action = await asyncio.wait_for(self.client.code_action_resolve_async(action), PATIENCE)
        return applied(self.buffers[uri], edits_of(action.edit, uri), self.encoding)

    async def hover(self, uri: str, offset: int) -> str | None:
        where = place(self.buffers[uri], offset, self.encoding)
        params = lsp.HoverParams(lsp.TextDocumentIdentifier(uri), where)
        said = await asyncio.wait_for(self.client.text_document_hover_async(params), PATIENCE)
        return None if said is None else said.contents.value

    def text_at(self, uri: str, where: lsp.Range) -> str:
        text = self.buffers[uri]
        return text[offset_of(text, where.start, self.encoding) : offset_of(text, where.end, self.encoding)]


def edits_of(edit: Any, uri: str) -> Sequence[Any]:
    """The text edits of a workspace edit, in whichever form they came."""
    if edit.document_changes:
        (change,) = edit.document_changes
        assert change.text_document.uri == uri
        return list(change.edits)
    return list(edit.changes[uri])


def abilities(name: str, encodings: Sequence[str] = (), *, pulls: bool = False) -> lsp.ClientCapabilities:
    """What an editor of this name says of itself; the newer protocol on top, where asked."""
    client: lsp.ClientCapabilities = (
        pytest_lsp.client_capabilities(name) if name != "bare" else lsp.ClientCapabilities()
    )
    if encodings:
        client.general = client.general or lsp.GeneralClientCapabilities()
        client.general.position_encodings = list(encodings)
    if pulls:
        assert client.text_document is not None
        assert client.workspace is not None
        client.text_document.diagnostic = lsp.DiagnosticClientCapabilities()
        client.workspace.diagnostics = lsp.DiagnosticWorkspaceClientCapabilities(refresh_support=True)
    return client


@asynccontextmanager
async def editing(
    folder: Path,
    capabilities: lsp.ClientCapabilities,
    *,
    settings: dict[str, Any] | None = None,
    options: Any = None,
    server: Sequence[str] = (),
) -> AsyncIterator[Editor]:
    """A session from its beginning to its end, which must be a clean one."""
    client = pytest_lsp.make_test_lsp_client()
    client.set_configuration({"smellcheck": settings or {}})
    command = server or (sys.executable, "-m", "smellcheck", "server")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "home")}
    await client.start_io(*command, cwd=folder, env=environment)
    try:
        result = await client.initialize_session(
            lsp.InitializeParams(
                capabilities,
                root_uri=folder.as_uri(),
                workspace_folders=[lsp.WorkspaceFolder(folder.as_uri(), folder.name)],
                initialization_options=options,
            )
        )
        encoding = result.capabilities.position_encoding
        yield Editor(client, folder, getattr(encoding, "value", encoding) or "utf-16", result)
        await asyncio.wait_for(client.shutdown_session(), PATIENCE)
        assert await asyncio.wait_for(client._server.wait(), PATIENCE) == 0
    finally:
        # A session that failed is not waited for.
        if client._server.returncode is None:
            client._server.kill()
        await client.stop()
