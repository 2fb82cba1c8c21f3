"""One editor's session: its documents, its settings, and the checks that both ask for."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls import uris
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from .. import __version__
from ..finding import Problem
from .ask import Answer, Ask, Catalogue, Check, Failed, Findings, Forget, Mend, Mended, RulePage, Wishes
from .backstage import Backstage
from .clients import Abilities
from .configuration import Preferences
from .diagnostics import OF_TEXT, diagnostics, result_id
from .documents import Document, Documents

log = logging.getLogger(__name__)

#: The protocol's code for a request about a text that has changed meanwhile.
CONTENT_MODIFIED = -32801
_SECTION = "smellcheck"
#: Files whose change is the end of all that was found, and those that others are judged by.
CONFIGURING = ("pyproject.toml", "smellcheck.toml", ".smellcheck.toml", ".gitignore")
_WATCHED = (*CONFIGURING, "*.py")


class ContentModifiedError(JsonRpcException):
    """What was asked about is no longer there."""

    CODE = CONTENT_MODIFIED
    MESSAGE = "the text has changed since"


class Session:
    """What is known of the editor at the other end; every method runs on the event loop and none blocks it."""

    def __init__(self, server: LanguageServer) -> None:
        self.server = server
        self.documents = Documents()
        self.backstage = Backstage()
        self.abilities = Abilities()
        self.pages: dict[str, RulePage] = {}
        self._preferences: dict[str, Preferences] = {"": Preferences()}
        self._told: set[str] = set()
        self._waiting: dict[tuple[Any, ...], asyncio.Future[Answer | None]] = {}
        self._configured = asyncio.Event()
        self._refreshing: asyncio.Task[None] | None = None

    # -- settings ------------------------------------------------------------------------------

    def begin(self, params: lsp.InitializeParams) -> None:
        """Take over what the client says of itself."""
        self.abilities = Abilities.of(params.capabilities)
        encoding = self.server.workspace.position_encoding
        self.documents.encoding = str(getattr(encoding, "value", encoding) or "utf-16")
        given = params.initialization_options
        if isinstance(given, dict):
            self._prefer("", given.get("settings", given))

    async def ready(self) -> None:
        """Start the worker, ask the client for its settings and to be told of changes."""
        starting = asyncio.ensure_future(self._catalogue())
        if self.abilities.watches:
            watchers = [lsp.FileSystemWatcher(f"**/{name}") for name in _WATCHED]
            options = lsp.DidChangeWatchedFilesRegistrationOptions(watchers)
            watching = lsp.Registration("smellcheck-watch", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            await self._ask_client(self.server.client_register_capability_async(lsp.RegistrationParams([watching])))
        await self._pull_preferences()
        self._configured.set()
        await starting

    async def reconfigure(self, settings: Any = None) -> None:
        """Settings of the editor, or configuration files, have changed: nothing found so far holds."""
        # Who asks from now on waits for the new settings.
        self._configured.clear()
        self.documents.outdate()
        self.backstage.ask("forget", Forget())
        if self.abilities.configures:
            await self._pull_preferences()
        elif isinstance(settings, dict) and settings:
            self._prefer("", settings.get(_SECTION, settings))
        self._configured.set()
        if self.abilities.pulls:
            if self.abilities.refreshes:
                await self._refresh()
        else:
            for document in self.documents.all():
                self.push(document, 0)

    async def _pull_preferences(self) -> None:
        if not self.abilities.configures:
            return
        scopes = ["", *self.server.workspace.folders]
        items = [lsp.ConfigurationItem(scope_uri=scope or None, section=_SECTION) for scope in scopes]
        given = await self._ask_client(self.server.workspace_configuration_async(lsp.ConfigurationParams(items=items)))
        for scope, table in zip(scopes, given or [], strict=False):
            # A client that has nothing to say leaves standing what it said at the start.
            if table:
                self._prefer(scope, table)

    async def _ask_client(self, request: Any) -> Any:
        try:
            return await asyncio.wait_for(request, 10)
        except Exception as error:  # a client that promises what it does not answer
            log.warning("the client did not answer: %r", error)
            return None

    def _prefer(self, scope: str, given: Any) -> None:
        preferences = Preferences.read(given)
        for mistake in preferences.mistakes:
            self.say(mistake)
        self._preferences[scope] = preferences

    def preferences(self, document: Document) -> Preferences:
        """The settings for a document: its folder's, or those of all."""
        return self._preferences.get(self._scope(document), self._preferences[""])

    def _scope(self, document: Document) -> str:
        folders = self.server.workspace.folders
        inside = [uri for uri in folders if document.uri.startswith(uri.rstrip("/") + "/")]
        return max(inside, key=len, default="")

    def _wishes(self, document: Document) -> Wishes:
        scope = self._scope(document) or self.server.workspace.root_uri or ""
        root = uris.to_fs_path(scope) if scope else None
        path = document.path
        if root is None or (path is not None and not path.is_relative_to(root)):
            root = str(path.parent) if path is not None else str(Path.cwd())
        return self.preferences(document).wishes(Path(root))

    # -- checks --------------------------------------------------------------------------------

    async def findings(self, document: Document) -> Findings:
        """What is found in the newest text of a document, however often it changes while that is found out."""
        while True:
            await self._configured.wait()
            current, state = document.current, document.state
            if current is not None:
                break
            if not self.preferences(document)["enable"]:
                self._keep(document, state, Findings(left_out=True))
                continue
            wishes, others = self._wishes(document), self.documents.beside(document)
            ask = Check(document.uri, document.path, document.text, wishes, document.notebook, others)
            answer = await self.answered(("check", document.uri, state), ask)
            if isinstance(answer, Failed):
                answer = Findings(problems=(Problem(document.uri, answer.kind, answer.message),))
            if isinstance(answer, Findings):
                self._keep(document, state, answer)
            if document is not self.documents.get(document.uri):
                return Findings(left_out=True)
        await self._catalogue()
        return current

    async def mended(self, document: Document, *, unsafe: bool = False) -> Mended:
        """The edits that make the newest text what `--fix` makes of it.

        Raises `ContentModifiedError` when it changes meanwhile.
        """
        await self._configured.wait()
        state = document.state
        others, wishes = self.documents.beside(document), self._wishes(document)
        ask = Mend(document.uri, document.path, document.text, wishes, unsafe, document.notebook, others)
        answer = await self.answered(("mend", document.uri, state, unsafe), ask)
        if document.state != state:
            raise ContentModifiedError
        if isinstance(answer, Failed):
            self.say(answer.message)
        mended = answer if isinstance(answer, Mended) else Mended()
        for problem in mended.problems:
            if problem.kind not in OF_TEXT:
                self.say(f"{problem.path}: {problem.message}")
        return mended

    async def answered(self, key: tuple[Any, ...], ask: Ask) -> Answer | None:
        """An answer that several may wait for: one of them that is cancelled takes it from none of the others."""
        waiting = self._waiting.get(key)
        if waiting is None:
            if key[0] == "check":
                self._supersede(key)
            waiting = self._waiting[key] = self.backstage.ask(key, ask)
            waiting.add_done_callback(lambda _: self._waiting.pop(key, None))
        return await asyncio.shield(waiting)

    async def moved(self, *paths: Path | None) -> None:
        """Files have changed, in the editor or on the disk: what was found by what they said holds no longer."""
        outdated = self.documents.outdate_by({os.path.abspath(path) for path in paths if path is not None})
        if not outdated:
            return
        if not self.abilities.pulls:
            for document in outdated:
                self.push(document)
        elif self.abilities.refreshes:
            await self._ask_client(self.server.workspace_diagnostic_refresh_async(None))

    def _supersede(self, key: tuple[Any, ...]) -> None:
        for older in [other for other in self._waiting if other[:2] == key[:2]]:
            self.backstage.drop(older)

    def _keep(self, document: Document, state: int, findings: Findings) -> None:
        if document.state != state:
            return
        document.findings, document.found_in = findings, state
        for problem in findings.problems:
            if problem.kind not in OF_TEXT:
                self.say(f"{problem.path}: {problem.message}", problem.kind)

    async def _catalogue(self) -> None:
        if not self.pages:
            answer = await self.answered(("catalogue",), Catalogue())
            if isinstance(answer, tuple):
                self.pages = {page.name: page for page in answer if isinstance(page, RulePage)}

    async def page(self, rule: str) -> RulePage | None:
        """The page of a rule; None for a name that is none's."""
        await self._catalogue()
        return self.pages.get(rule)

    def left(self, document: Document) -> None:
        """A document was closed: nothing is to be seen or kept of it."""
        if document.push is not None:
            document.push.cancel()
        self._supersede(("check", document.uri))
        self.backstage.ask(("forget", document.uri), Forget(document.uri))
        self.vanished([cell.uri for _, cell in document.shown()])

    def vanished(self, gone: Sequence[str]) -> None:
        """Texts are shown no longer."""
        if not self.abilities.pulls:
            for uri in gone:
                self.publish(uri, [])

    def state(self) -> str:
        """What somebody who helps would want to know."""
        lines = [f"smellcheck {__version__}, Python {sys.version.split()[0]}, positions in {self.documents.encoding}"]
        lines += [f"{len(self.pages)} rules; {self.abilities}"]
        for document in self.documents.all():
            found = document.current
            shown = "not checked yet" if found is None else f"{len(found.findings)} findings"
            lines.append(f"{document.uri} version {document.version}: {shown}")
        return "\n".join(lines)

    # -- telling -------------------------------------------------------------------------------

    async def diagnostics(self, document: Document) -> dict[str, list[lsp.Diagnostic]]:
        """The diagnostics of the newest text, by the cells that they are shown in."""
        found = await self.findings(document)
        shown = self.preferences(document)["showSyntaxErrors"]
        return {
            cell.uri: diagnostics(
                document.within(found, cell), cell.text, self.pages, self.abilities, syntax_errors=shown
            )
            for _, cell in document.shown()
        }

    def push(self, document: Document, delay: float | None = None) -> None:
        """Publish the diagnostics once the typing pauses; a client that pulls is sent nothing."""
        if self.abilities.pulls:
            return
        if document.push is not None:
            document.push.cancel()
        pause = self.preferences(document)["debounce"] / 1000 if delay is None else delay
        document.push = asyncio.ensure_future(self._publish(document, pause))

    async def _publish(self, document: Document, pause: float) -> None:
        await asyncio.sleep(pause)
        state = document.state
        try:
            told = await self.diagnostics(document)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("cannot publish")
            self.say(f"smellcheck failed: {type(error).__name__}: {error}")
            return
        if document.state == state and self.documents.get(document.uri) is document:
            for _, cell in document.shown():
                self.publish(cell.uri, told[cell.uri], cell.version)

    async def report(self, document: Document, uri: str, previous: str | None) -> lsp.DocumentDiagnosticReport:
        """The answer to one who asks for the diagnostics of a cell; those of the others may have changed with it."""
        told = await self.diagnostics(document)
        names = {name: result_id(items, self.server.protocol._converter) for name, items in told.items()}
        if uri not in told:
            return lsp.RelatedFullDocumentDiagnosticReport([])
        document.told[uri] = names[uri]
        stale = [name for name, known in document.told.items() if names.get(name, known) != known]
        document.told.update((name, names[name]) for name in stale)
        related = None
        if stale and self.abilities.relates:
            related = {name: lsp.FullDocumentDiagnosticReport(told[name], result_id=names[name]) for name in stale}
        elif stale and self.abilities.refreshes:
            self._refreshing = asyncio.ensure_future(self._refresh())
        if names[uri] == previous:
            return lsp.RelatedUnchangedDocumentDiagnosticReport(names[uri], related_documents=related)
        return lsp.RelatedFullDocumentDiagnosticReport(told[uri], result_id=names[uri], related_documents=related)

    async def _refresh(self) -> None:
        await self._ask_client(self.server.workspace_diagnostic_refresh_async(None))

    def publish(self, uri: str, items: list[lsp.Diagnostic], version: int | None = None) -> None:
        """Send diagnostics."""
        self.server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, items, version))

    def say(self, message: str, kind: str | None = None) -> None:
        """Tell the user once; what is of a kind is shown once, and then only logged."""
        self.server.window_log_message(lsp.LogMessageParams(lsp.MessageType.Warning, message))
        if (kind or message) not in self._told:
            self._told.add(kind or message)
            self.server.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, message))
