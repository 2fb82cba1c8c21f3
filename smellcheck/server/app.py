"""The server itself: which message of the protocol is answered by what."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls import uris
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

from .. import __version__
from ..finding import Finding
from . import actions, hover, notebooks
from .ask import Offer, Remedies
from .diagnostics import of_finding
from .documents import Cell, Document
from .session import CONFIGURING, ContentModifiedError, Session

log = logging.getLogger(__name__)

_KINDS = [lsp.CodeActionKind.QuickFix, *actions.FIXES_ALL]


def run(tcp: tuple[str, int] | None = None, log_file: Path | None = None) -> int:
    """Serve one client until it leaves."""
    # Without a file only warnings go to the client's log, by standard error.
    logging.basicConfig(
        level=logging.WARNING if log_file is None else logging.INFO,
        filename=log_file,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # The library logs every message, and with it the code that is edited.
    logging.getLogger("pygls").setLevel(logging.WARNING)
    server, session = build()
    try:
        if tcp is not None:
            server.start_tcp(*tcp)
        else:
            # What anything prints must not come between two messages.
            stream = os.fdopen(os.dup(1), "wb")
            os.dup2(2, 1)
            server.start_io(sys.stdin.buffer, stream)
    finally:
        session.backstage.close()
    return 0


class Protocol(LanguageServerProtocol):
    """Leaves the texts to us: the library's own copy splits lines where the protocol does not, and may then raise."""

    @lsp_method(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: lsp.DidChangeTextDocumentParams) -> Generator[Any, Any, None]:
        """Tell the handler, and nobody else."""
        handler = self.fm.features.get(lsp.TEXT_DOCUMENT_DID_CHANGE)
        if handler is not None:
            yield handler, (params,), None

    @lsp_method(lsp.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def lsp_notebook_document__did_change(
        self, params: lsp.DidChangeNotebookDocumentParams
    ) -> Generator[Any, Any, None]:
        """Tell the handler, and nobody else."""
        handler = self.fm.features.get(lsp.NOTEBOOK_DOCUMENT_DID_CHANGE)
        if handler is not None:
            yield handler, (params,), None

    @lsp_method(lsp.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def lsp_notebook_document__did_close(self, params: lsp.DidCloseNotebookDocumentParams) -> Generator[Any, Any, None]:
        """Tell the handler, and nobody else: the library's copy knows no cell that came later."""
        handler = self.fm.features.get(lsp.NOTEBOOK_DOCUMENT_DID_CLOSE)
        if handler is not None:
            yield handler, (params,), None


def build() -> tuple[LanguageServer, Session]:
    """A server with all its features, and the session that it serves."""
    server = LanguageServer("smellcheck", __version__, protocol_cls=Protocol, notebook_document_sync=notebooks.SYNC)
    session = Session(server)
    _lifecycle(server, session)
    _synchronisation(server, session)
    notebooks.attach(server, session)
    _questions(server, session)
    _commands(server, session)
    return server, session


def _lifecycle(server: LanguageServer, session: Session) -> None:
    @server.feature(lsp.INITIALIZE)
    def initialize(params: lsp.InitializeParams) -> None:
        session.begin(params)

    @server.feature(lsp.INITIALIZED)
    async def initialized(_: lsp.InitializedParams) -> None:
        await session.ready()

    @server.feature(lsp.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def settings_changed(params: lsp.DidChangeConfigurationParams) -> None:
        await session.reconfigure(params.settings)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def files_changed(params: lsp.DidChangeWatchedFilesParams) -> None:
        paths = [path for change in params.changes if (path := uris.to_fs_path(change.uri))]
        if any(Path(path).name in CONFIGURING for path in paths):
            await session.reconfigure()
        else:
            await session.moved(*map(Path, paths))

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def folders_changed(_: lsp.DidChangeWorkspaceFoldersParams) -> None:
        await session.reconfigure()

    @server.feature(lsp.SHUTDOWN)
    def shutdown(*_: Any) -> None:
        for document in session.documents.all():
            if document.push is not None:
                document.push.cancel()


def _synchronisation(server: LanguageServer, session: Session) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        document = session.documents.open(params.text_document)
        if document is not None:
            session.push(document, 0)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        document = session.documents.get(params.text_document.uri)
        if document is not None:
            document.cells[0].change(params.content_changes, params.text_document.version)
            document.state += 1
            session.push(document)
            await session.moved(document.path)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE, lsp.SaveOptions(include_text=False))
    async def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        # A client that watches no files tells of a configuration only when it is saved as a document.
        document = session.documents.get(params.text_document.uri)
        if document is None and not session.abilities.watches:
            await session.reconfigure()

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        document = session.documents.close(params.text_document.uri)
        if document is not None:
            session.left(document)
            await session.moved(document.path)


def _questions(server: LanguageServer, session: Session) -> None:
    @server.feature(
        lsp.TEXT_DOCUMENT_DIAGNOSTIC,
        lsp.DiagnosticOptions(inter_file_dependencies=True, workspace_diagnostics=False, identifier="smellcheck"),
    )
    async def pulled(params: lsp.DocumentDiagnosticParams) -> lsp.DocumentDiagnosticReport:
        uri = params.text_document.uri
        held = session.documents.holding(uri)
        if held is None:
            return lsp.RelatedFullDocumentDiagnosticReport([])
        return await session.report(held[0], uri, params.previous_result_id)

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=_KINDS, resolve_provider=True)
    )
    async def offered(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        held = session.documents.holding(params.text_document.uri)
        return [] if held is None else await _actions(session, *held, params)

    @server.feature(lsp.CODE_ACTION_RESOLVE)
    async def resolved(action: lsp.CodeAction) -> lsp.CodeAction:
        data = action.data if isinstance(action.data, dict) else {}
        document = session.documents.get(str(data.get("uri")))
        if action.kind in actions.FIXES_ALL and action.edit is None:
            if document is None or list(document.version) != data.get("versions"):
                raise ContentModifiedError
            action.edit = await _mended(session, document)
        return action

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    async def hovered(params: lsp.HoverParams) -> lsp.Hover | None:
        held = session.documents.holding(params.text_document.uri)
        return None if held is None else await _hover(session, *held, params.position)


def _commands(server: LanguageServer, session: Session) -> None:
    async def apply(uri: str, label: str, *, unsafe: bool) -> None:
        held = session.documents.holding(uri)
        document = held[0] if held is not None else session.documents.get(uri)
        edit = await _mended(session, document, unsafe=unsafe) if document is not None else None
        if edit is not None:
            await server.workspace_apply_edit_async(lsp.ApplyWorkspaceEditParams(edit, label))

    @server.command("smellcheck.applyAutofix")
    async def apply_safe(uri: str) -> None:
        await apply(uri, "Apply all fixes of smellcheck", unsafe=False)

    @server.command("smellcheck.applyUnsafeFixes")
    async def apply_unsafe(uri: str) -> None:
        await apply(uri, "Apply all fixes of smellcheck, the unsafe ones too", unsafe=True)

    @server.command(actions.SHOW_PAGE)
    async def show_page(rule: str) -> None:
        page = await session.page(rule)
        if page is not None:
            await server.window_show_document_async(lsp.ShowDocumentParams(page.path.as_uri(), take_focus=True))

    @server.command("smellcheck.printDebugInformation")
    async def debug() -> str:
        text = session.state()
        server.window_log_message(lsp.LogMessageParams(lsp.MessageType.Info, text))
        return text


def _buffer(session: Session, cell: Cell) -> actions.Buffer:
    return actions.Buffer(cell.uri, cell.version, cell.text, session.abilities)


async def _mended(session: Session, document: Document, *, unsafe: bool = False) -> lsp.WorkspaceEdit | None:
    """The edit that applies all fixes of a document; None when there is nothing to fix."""
    edits = (await session.mended(document, unsafe=unsafe)).edits
    made = [_buffer(session, cell).edit(edits[number]) for number, cell in document.shown() if number in edits]
    return actions.together(made) if made else None


async def _actions(
    session: Session, document: Document, cell: Cell, params: lsp.CodeActionParams
) -> list[lsp.CodeAction]:
    only = params.context.only
    found = await session.findings(document)
    buffer, preferences, state = _buffer(session, cell), session.preferences(document), document.state
    here = document.within(found, cell).findings
    made: list[lsp.CodeAction] = []
    if actions.wanted(lsp.CodeActionKind.QuickFix, only):
        under = _under(here, buffer, params.range)
        for remedy in await _remedies(session, document, cell, under):
            diagnostic = of_finding(remedy.finding, buffer.text, session.pages, session.abilities)
            made += actions.for_finding(
                remedy,
                diagnostic,
                buffer,
                fixes=preferences["codeAction.fixViolation.enable"],
                comments=preferences["codeAction.disableRuleComment.enable"],
                page=True,
            )
    fixable = any(finding.fix is not None for finding in found.findings)
    kind = actions.FIXES_ALL[document.notebook]
    if fixable and preferences["fixAll"] and actions.wanted(kind, only):
        later = session.abilities.resolves_edits
        edit = None if later else await _mended(session, document)
        if later or edit is not None:
            data = {"uri": document.uri, "versions": list(document.version)} if later else None
            made.append(lsp.CodeAction("Apply all fixes of smellcheck", kind, edit=edit, data=data))
    if document.state != state:
        raise ContentModifiedError
    return made


def _under(findings: Sequence[Finding], buffer: actions.Buffer, place: lsp.Range) -> tuple[Finding, ...]:
    """The findings that a range touches."""
    start, end = buffer.text.offset(place.start), buffer.text.offset(place.end)
    return tuple(finding for finding in findings if finding.start <= end and start <= finding.end)


async def _remedies(session: Session, document: Document, cell: Cell, findings: tuple[Finding, ...]) -> list[Remedies]:
    if not findings:
        return []
    answer = await session.answered(
        ("offer", document.uri, document.state, findings), Offer(cell.text.text, findings, document.notebook)
    )
    return [each for each in answer if isinstance(each, Remedies)] if isinstance(answer, tuple) else []


async def _hover(session: Session, document: Document, cell: Cell, position: lsp.Position) -> lsp.Hover | None:
    found = document.within(await session.findings(document), cell).findings
    text = cell.text
    at = text.offset(position)
    under = [finding for finding in found if finding.start <= at < max(finding.end, finding.start + 1)]
    parts = hover.of_findings(under, session.pages), hover.of_comment(*text.line_around(at), session.pages)
    said = "\n\n".join(part for part in parts if part)
    if not said:
        return None
    kind = lsp.MarkupKind.Markdown if session.abilities.markdown else lsp.MarkupKind.PlainText
    place = text.range(under[0].start, under[0].end) if under else None
    return lsp.Hover(lsp.MarkupContent(kind, said), place)
